#![forbid(unsafe_code)]
//! Waiting with a thread in place of a task: both stand in the same line.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::time::Instant;

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicBool, Ordering};

/// Polls the future on this thread, which sleeps in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match block_until(future, None) {
        Some(output) => output,
        None => unreachable!("there is no end to this wait"),
    }
}

/// As `block_on`, for so long.
pub(crate) fn block_on_timeout<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    // A limit beyond the end of time is none.
    block_until(future, Instant::now().checked_add(limit))
}

fn block_until<F: Future>(future: F, end: Option<Instant>) -> Option<F::Output> {
    let mut future = pin!(future);
    let sleeper = Sleeper::of_this_thread();
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut cx = Context::from_waker(&waker);
    let output = loop {
        // The clock comes before the future, so that the future has the last word.
        let in_time = end.is_none_or(|end| Instant::now() < end);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            break Some(output);
        }
        if !in_time {
            break None;
        }
        sleeper.sleep_until(end);
    };
    sleeper.keep();
    output
}

/// A thread that sleeps, and whether it was called. The thread's own token does not tell: what the future does
/// while it is polled may use up the token that a call has left.
struct Sleeper {
    thread: Thread,
    called: AtomicBool,
}

thread::thread_local! {
    /// Made once a thread: a wait allocates nothing after the first. While it is in use there is none here, so
    /// that a wait within a wait gets its own.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's does not know the form")]
    static IDLE: Cell<Option<Arc<Sleeper>>> = Cell::new(None);
}

impl Sleeper {
    fn of_this_thread() -> Arc<Self> {
        // While a thread ends there may be no place to keep one any more.
        let idle = IDLE.try_with(Cell::take).unwrap_or(None);
        idle.unwrap_or_else(|| Arc::new(Self { thread: thread::current(), called: AtomicBool::new(false) }))
    }

    fn keep(self: Arc<Self>) {
        let _nowhere_to_keep_it = IDLE.try_with(|idle| idle.set(Some(self)));
    }

    /// Sleeps until it is called, or to the end.
    fn sleep_until(&self, end: Option<Instant>) {
        while !self.was_called() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            match left {
                None => thread::park(),
                Some(Duration::ZERO) => return,
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    fn was_called(&self) -> bool {
        // ORDERING: Acquire, with the Release in `wake_by_ref`: the next poll sees the verdict that came before the call
        // which is used up here.
        self.called.swap(false, Ordering::Acquire)
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release, with the Acquire in `was_called`.
        if !self.called.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}
