//! A time limit from any timer: the future first, then the deadline.
//!
//! * **T1 (pinned)** `future` and `deadline` never move once the adapter is pinned; they are dropped where
//!   they lie.

use core::fmt;
use core::future::{Future, IntoFuture};
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::error::Elapsed;

pub fn with_timeout<F, D>(future: F, deadline: D) -> WithTimeout<F::IntoFuture, D::IntoFuture>
where
    F: IntoFuture,
    D: IntoFuture,
{
    WithTimeout { future: Some(future.into_future()), deadline: deadline.into_future() }
}

/// The methods of the same meaning, for every future.
pub trait TimeoutExt: Future + Sized {
    /// [`with_timeout`] as a method.
    fn with_timeout<D: IntoFuture>(self, deadline: D) -> WithTimeout<Self, D::IntoFuture> {
        with_timeout(self, deadline)
    }

    #[cfg(feature = "async-io")]
    fn timeout(self, limit: core::time::Duration) -> WithTimeout<Self, async_io::Timer> {
        with_timeout(self, async_io::Timer::after(limit))
    }
}

impl<F: Future> TimeoutExt for F {}

/// The future of [`with_timeout`].
#[must_use = "futures do nothing unless polled or awaited"]
pub struct WithTimeout<F, D> {
    /// `None` once done or let go.
    future: Option<F>,
    deadline: D,
}

impl<F: Future, D: Future> Future for WithTimeout<F, D> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: neither field is moved (T1).
        let (future, deadline) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), Pin::new_unchecked(&mut this.deadline))
        };
        let mut hold = LetGo(future);
        let future = hold.0.as_mut().as_pin_mut().expect("polled again after completion");
        let output = match future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => match deadline.poll(cx) {
                Poll::Ready(_) => Err(Elapsed(())),
                Poll::Pending => {
                    core::mem::forget(hold);
                    return Poll::Pending;
                }
            },
        };
        // Let go of the future before the caller hears of it: it must not stand in line any longer.
        drop(hold);
        Poll::Ready(output)
    }
}

/// Drops the future where it lies, also when it or the deadline panics.
struct LetGo<'a, F>(Pin<&'a mut Option<F>>);

impl<F> Drop for LetGo<'_, F> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl<F, D> fmt::Debug for WithTimeout<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithTimeout").field("done", &self.future.is_none()).finish_non_exhaustive()
    }
}
