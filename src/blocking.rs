#![forbid(unsafe_code)]
//! Waiting with a thread in place of a task: both stand in the same line.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::time::Instant;

use crate::sync::thread::{self, Thread};

/// Polls the future on this thread, which sleeps in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    // No foreign code runs between the future's last look at its verdict and the sleep, so nobody can have used
    // up the token that a grant has left.
    let sleep = || {
        thread::park();
        true
    };
    match block_while(future, sleep) {
        Some(output) => output,
        None => unreachable!("this sleep never refuses"),
    }
}

/// As `block_on`, for so long. The future is polled once more after the time is up.
pub(crate) fn block_on_timeout<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    // A limit beyond the end of time is none.
    let Some(end) = Instant::now().checked_add(limit) else { return Some(block_on(future)) };
    block_while(future, || {
        let left = end.saturating_duration_since(Instant::now());
        thread::park_timeout(left);
        !left.is_zero()
    })
}

/// Polls the future until it is done, or until `sleep` says that the time is up.
fn block_while<F: Future>(future: F, mut sleep: impl FnMut() -> bool) -> Option<F::Output> {
    let mut future = pin!(future);
    // While a thread ends its waker may be gone already: then it gets another.
    let waker = WAKER.try_with(Waker::clone).unwrap_or_else(|_| new_waker());
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return Some(output),
            Poll::Pending if sleep() => {}
            Poll::Pending => return None,
        }
    }
}

thread::thread_local! {
    /// Made once a thread: a wait allocates nothing after the first.
    static WAKER: Waker = new_waker();
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

fn new_waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}
