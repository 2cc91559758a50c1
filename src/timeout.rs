//! A time limit from any timer: the future first, then the deadline.
//!
//! * **T1 (pinned)** `future` and `deadline` never move once the adapter is pinned; they are dropped where
//!   they lie.

use core::fmt;
use core::future::{Future, IntoFuture};
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::error::Elapsed;

/// Gives `future` until `deadline`, which is any future at all: a timer of whichever executor, or a signal to
/// stop.
///
/// The future is polled first, so a result that is ready wins over a deadline that is ready, and a deadline
/// of zero still lets through what need not wait. When the deadline is done first, the future is dropped
/// *before* [`Elapsed`] is returned: an expired adapter neither stands in a line nor holds a permit, even if
/// it is kept.
///
/// | what happens | what comes of it |
/// |---|---|
/// | result and deadline are ready at the same poll | the result |
/// | the permit was granted since the last poll, and the deadline has passed since, too | the permit |
/// | the deadline comes first, and the permit is granted at that moment | [`Elapsed`]; the permit goes to the next in line |
/// | the deadline is ready from the start, a limit of zero | what need not wait is had; else [`Elapsed`], and the place is given up |
/// | the deadline never comes | as if there were none |
/// | the adapter is dropped half-way | the future and the deadline are dropped; a permit granted and not yet seen goes to the next in line |
/// | the adapter expires and is kept | it holds nothing, and stands in no line |
///
/// One limit over both the wait for a permit and the work done with it throws work away when the system is
/// busy: what has waited longest is cut short. Limit the wait, or limit the work inside the permit.
///
/// # Cancel safety
/// Dropping the adapter drops the future and the deadline. What the future loses by that, it loses at the
/// deadline, too; the futures of this crate lose nothing.
///
/// # Errors
/// [`Elapsed`] if the deadline was done before the future.
///
/// # Panics
/// The adapter panics if it is polled again after completion. If the future or the deadline panics, the
/// future is dropped before the panic goes on.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::{Semaphore, with_timeout};
/// use smol::Timer;
/// use std::time::Duration;
///
/// let semaphore = Semaphore::new(0);
/// let limit = Timer::after(Duration::from_millis(1));
/// assert!(with_timeout(semaphore.acquire(), limit).await.is_err());
/// assert_eq!(semaphore.waiters(), 0);
/// # });
/// ```
#[doc(alias = "wait_for")]
#[doc(alias = "timeout")]
#[doc(alias = "timeout_at")]
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
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::TimeoutExt;
    /// use std::future::{pending, ready};
    ///
    /// assert_eq!(ready(7).with_timeout(pending::<()>()).await, Ok(7));
    /// assert!(pending::<()>().with_timeout(ready(())).await.is_err());
    /// # });
    /// ```
    fn with_timeout<D: IntoFuture>(self, deadline: D) -> WithTimeout<Self, D::IntoFuture> {
        with_timeout(self, deadline)
    }

    /// Polls the future on this thread, which sleeps in between, for at most so long. A future of this crate
    /// stands in the same line as those of tasks, and is out of it when this returns.
    ///
    /// # Errors
    /// [`Elapsed`] if the time was up before the future was done.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Semaphore, TimeoutExt};
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(0);
    /// assert!(semaphore.acquire().blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[cfg(feature = "std")]
    #[doc(alias = "wait_timeout")]
    fn blocking_timeout(self, limit: core::time::Duration) -> Result<Self::Output, Elapsed> {
        crate::blocking::block_on_timeout(self, limit).ok_or(Elapsed(()))
    }

    /// [`with_timeout`] with a timer of the crate `async-io`, which needs no particular executor.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::{Semaphore, TimeoutExt};
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(0);
    /// assert!(semaphore.acquire().timeout(Duration::from_millis(1)).await.is_err());
    /// # });
    /// ```
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

    #[inline]
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
