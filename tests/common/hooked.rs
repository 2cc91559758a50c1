//! A waker that calls a closure whenever it is touched. `std::task::Wake` cannot see a clone, so this one file of
//! the tests is unsafe.

use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What somebody did with a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    Clone,
    Wake,
    Drop,
}

struct Hook(Box<dyn Fn(Touch) + Send + Sync>);

pub fn waker(hook: impl Fn(Touch) + Send + Sync + 'static) -> Waker {
    let data = Arc::into_raw(Arc::new(Hook(Box::new(hook))));
    // SAFETY: each function of the table takes or keeps the one count of the `Arc` that its waker owns.
    unsafe { Waker::from_raw(RawWaker::new(data.cast(), &TABLE)) }
}

/// A waker that calls the closure on one kind of touch alone.
pub fn on(touch: Touch, hook: impl Fn() + Send + Sync + 'static) -> Waker {
    waker(move |seen| {
        if seen == touch {
            hook();
        }
    })
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned keeps the hook alive, and the clone gets a count of its own.
    unsafe {
        ((*data.cast::<Hook>()).0)(Touch::Clone);
        Arc::increment_strong_count(data.cast::<Hook>());
    }
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker is consumed, and its count with it.
    let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
    (hook.0)(Touch::Wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps the hook alive.
    unsafe { ((*data.cast::<Hook>()).0)(Touch::Wake) }
}

unsafe fn drop(data: *const ()) {
    // SAFETY: the waker is consumed, and its count with it.
    let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
    (hook.0)(Touch::Drop);
}
