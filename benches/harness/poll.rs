//! Polls futures without an executor.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::peers::Peer;

/// Polls a ready future where it is made: passing it to a function would copy it.
macro_rules! ready {
    ($future:expr) => {{
        let mut future = std::pin::pin!($future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => unreachable!("a permit is available"),
        }
    }};
}
pub(crate) use ready;

/// Futures side by side in one allocation, so that no allocator decides on the distance between neighbours. Each
/// can be dropped in place.
pub struct Queue<F>(Box<[Option<F>]>);

/// Makes `length` futures. None of them is polled yet.
pub fn queue<F>(length: usize, future: impl Fn() -> F) -> Queue<F> {
    Queue((0..length).map(|_| Some(future())).collect())
}

/// Enough semaphores for the work on all their queues to outweigh one reading of the clock.
pub fn short_queues<P: Peer>(length: usize) -> Vec<P> {
    (0..100_usize.div_ceil(length)).map(|_| P::new(1)).collect()
}

impl<F: Future> Queue<F> {
    /// Polls every future for the first time. All are pending.
    #[inline(always)]
    pub fn enqueue(&mut self) {
        for index in 0..self.0.len() {
            assert!(self.poll(index).is_pending());
        }
    }

    /// Polls every future again. Each is ready, and its permit goes to the next one.
    #[inline(always)]
    pub fn complete(&mut self) {
        for index in 0..self.0.len() {
            assert!(self.poll(index).is_ready());
        }
    }

    #[inline(always)]
    pub fn cancel(&mut self, index: usize) {
        self.pinned(index).set(None);
    }

    #[inline(always)]
    pub fn poll(&mut self, index: usize) -> Poll<F::Output> {
        let future = self.pinned(index).as_pin_mut().expect("the future is not dropped yet");
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[inline(always)]
    fn pinned(&mut self, index: usize) -> Pin<&mut Option<F>> {
        // SAFETY: the slice is boxed, nothing moves out of it, and each future is dropped in place.
        unsafe { Pin::new_unchecked(&mut self.0[index]) }
    }
}
