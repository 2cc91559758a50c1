//! A minimal executor: two tasks, each with a flag that says whether it was woken.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

use crate::platform;

static WOKEN: [AtomicBool; 2] = [const { AtomicBool::new(true) }; 2];

/// A waker sets the flag of its task and does nothing else, so an interrupt may call it.
static TABLE: RawWakerVTable = RawWakerVTable::new(|flag| RawWaker::new(flag, &TABLE), wake, wake, |_| {});

fn wake(flag: *const ()) {
    // SAFETY: `waker` made the pointer from a flag in `WOKEN`, which is static.
    let flag = unsafe { &*flag.cast::<AtomicBool>() };
    // ORDERING: Release, with the Acquire in `run`: the woken task sees what was done before the wake-up.
    flag.store(true, Ordering::Release);
}

fn waker(flag: &'static AtomicBool) -> Waker {
    // SAFETY: the functions of the table access a static atomic only.
    unsafe { Waker::from_raw(RawWaker::new(core::ptr::from_ref(flag).cast(), &TABLE)) }
}

/// Polls the woken tasks in turn until both have completed, and sleeps while no task is woken.
pub fn run(tasks: [Pin<&mut dyn Future<Output = ()>>; 2]) {
    let mut tasks = tasks.map(Some);
    WOKEN.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
    while tasks.iter().any(Option::is_some) {
        let mut idle = true;
        for (task, flag) in tasks.iter_mut().zip(&WOKEN) {
            // A load and a store instead of a swap, which the smallest cores do not have. A wake-up between the two
            // is not lost, since the poll comes after both.
            // ORDERING: Acquire, with the Release in `wake`.
            if !flag.load(Ordering::Acquire) {
                continue;
            }
            flag.store(false, Ordering::Relaxed);
            idle = false;
            let done = |task: &mut Pin<&mut dyn Future<Output = ()>>| {
                task.as_mut().poll(&mut Context::from_waker(&waker(flag))).is_ready()
            };
            if task.as_mut().is_some_and(done) {
                *task = None;
            }
        }
        if idle {
            platform::sleep();
        }
    }
}

/// Yields once to the other task.
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
