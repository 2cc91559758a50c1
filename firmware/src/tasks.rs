//! An executor of forty lines: two tasks, a flag each.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

use crate::platform;

static WOKEN: [AtomicBool; 2] = [const { AtomicBool::new(true) }; 2];

/// A waker sets its task's flag: that is all, so an interrupt may call it.
static TABLE: RawWakerVTable = RawWakerVTable::new(|flag| RawWaker::new(flag, &TABLE), wake, wake, |_| {});

fn wake(flag: *const ()) {
    // SAFETY: it was a flag in `WOKEN` when the waker was made, and these live for ever.
    let flag = unsafe { &*flag.cast::<AtomicBool>() };
    // ORDERING: Release, with the Acquire in `run`: who is woken sees what was done before.
    flag.store(true, Ordering::Release);
}

fn waker(flag: &'static AtomicBool) -> Waker {
    // SAFETY: the functions of the table touch an atomic that lives for ever.
    unsafe { Waker::from_raw(RawWaker::new(core::ptr::from_ref(flag).cast(), &TABLE)) }
}

/// Polls in turn whoever was woken, and rests while nobody was, until both are done.
pub fn run(tasks: [Pin<&mut dyn Future<Output = ()>>; 2]) {
    let mut tasks = tasks.map(Some);
    WOKEN.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
    while tasks.iter().any(Option::is_some) {
        let mut rested = true;
        for (task, flag) in tasks.iter_mut().zip(&WOKEN) {
            // A load and a store, no swap: the smallest cores have none. A wake-up between the two is not lost,
            // for the poll that it asks for comes after it.
            // ORDERING: Acquire, with the Release in `wake`.
            if !flag.load(Ordering::Acquire) {
                continue;
            }
            flag.store(false, Ordering::Relaxed);
            rested = false;
            let done = |task: &mut Pin<&mut dyn Future<Output = ()>>| {
                task.as_mut().poll(&mut Context::from_waker(&waker(flag))).is_ready()
            };
            if task.as_mut().is_some_and(done) {
                *task = None;
            }
        }
        if rested {
            platform::rest();
        }
    }
}

/// Lets the other task go first, once.
pub async fn yield_now() {
    let mut yielded = false;
    core::future::poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return core::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        core::task::Poll::Pending
    })
    .await;
}
