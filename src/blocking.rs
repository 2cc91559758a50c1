#![forbid(unsafe_code)]
//! Waiting with a thread in place of a task: both stand in the same line.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use crate::sync::thread::{self, Thread};

/// Polls the future on this thread, which sleeps in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // While a thread ends its waker may be gone already: then it gets another.
    let waker = WAKER.try_with(Waker::clone).unwrap_or_else(|_| new_waker());
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            // No foreign code runs between the future's last look at its verdict and here, so nobody can have
            // used up the token that a grant has left.
            Poll::Pending => thread::park(),
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
