use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::contestants::Gate;

/// Futures side by side, so that no allocator decides how far apart neighbours lie. Each can be dropped
/// without freeing its place.
pub struct Line<F>(Box<[Option<F>]>);

/// Makes the futures of a line; none of them is polled yet.
pub fn line<F>(length: usize, future: impl Fn() -> F) -> Line<F> {
    Line((0..length).map(|_| Some(future())).collect())
}

/// As many gates as it takes for their lines to outweigh a look at the clock.
pub fn short_lines_side_by_side<G: Gate>(length: usize) -> Vec<G> {
    (0..100_usize.div_ceil(length)).map(|_| G::new(1)).collect()
}

impl<F: Future> Line<F> {
    /// Everybody polls for the first time, and has to wait.
    #[inline(always)]
    pub fn join(&mut self) {
        for place in 0..self.0.len() {
            assert!(self.poll(place).is_pending());
        }
    }

    /// Everybody polls again, is served and lets the next one in.
    #[inline(always)]
    pub fn serve(&mut self) {
        for place in 0..self.0.len() {
            assert!(self.poll(place).is_ready());
        }
    }

    #[inline(always)]
    pub fn cancel(&mut self, place: usize) {
        self.pinned(place).set(None);
    }

    #[inline(always)]
    fn poll(&mut self, place: usize) -> Poll<F::Output> {
        let future = self.pinned(place).as_pin_mut().expect("dropped only once");
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[inline(always)]
    fn pinned(&mut self, place: usize) -> Pin<&mut Option<F>> {
        // SAFETY: the places are boxed, nothing is moved out of them, and each drops its future in place.
        unsafe { Pin::new_unchecked(&mut self.0[place]) }
    }
}
