//! Wakers that tests can observe: one calls a closure at every clone, wake and drop, one records wake-ups.
//!
//! `std::task::Wake` cannot observe a clone, so this file builds a waker from a vtable. It is the only file of the
//! test support with unsafe code.

use std::sync::{Arc, Mutex};
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

/// An operation on a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakerEvent {
    Clone,
    Wake,
    Drop,
}

struct Hook(Box<dyn Fn(WakerEvent) + Send + Sync>);

/// A waker that calls `hook` at every event.
pub fn hooked(hook: impl Fn(WakerEvent) + Send + Sync + 'static) -> Waker {
    let data = Arc::into_raw(Arc::new(Hook(Box::new(hook))));
    // SAFETY: each function of the vtable consumes or keeps the one reference count that its waker owns.
    unsafe { Waker::from_raw(RawWaker::new(data.cast(), &VTABLE)) }
}

/// A waker that calls `hook` at one kind of event only.
pub fn on(event: WakerEvent, hook: impl Fn() + Send + Sync + 'static) -> Waker {
    hooked(move |seen| {
        if seen == event {
            hook();
        }
    })
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the cloned waker keeps the hook alive, and the clone has its own reference count.
    unsafe {
        ((*data.cast::<Hook>()).0)(WakerEvent::Clone);
        Arc::increment_strong_count(data.cast::<Hook>());
    }
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: this consumes the waker and its reference count.
    let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
    (hook.0)(WakerEvent::Wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker keeps the hook alive.
    unsafe { ((*data.cast::<Hook>()).0)(WakerEvent::Wake) }
}

unsafe fn drop(data: *const ()) {
    // SAFETY: this consumes the waker and its reference count.
    let hook = unsafe { Arc::from_raw(data.cast::<Hook>()) };
    (hook.0)(WakerEvent::Drop);
}

/// A wake-up: the index of the waiter, and which of its wakers was woken (0 is the first).
pub type WakeUp = (usize, usize);

/// Records wake-ups in order.
#[derive(Clone, Default)]
pub struct WakeLog(Arc<Mutex<Vec<WakeUp>>>);

impl WakeLog {
    pub fn waker(&self, waiter: usize, version: usize) -> Waker {
        Arc::new(LoggingWaker { log: self.clone(), wake_up: (waiter, version) }).into()
    }

    /// Returns the wake-ups since the last call.
    pub fn take(&self) -> Vec<WakeUp> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct LoggingWaker {
    log: WakeLog,
    wake_up: WakeUp,
}

impl Wake for LoggingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.log.0.lock().unwrap().push(self.wake_up);
    }
}
