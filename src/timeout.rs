//! Time limits with any timer: the future is polled first, then the deadline.
//!
//! * **T1 (pinned)** `future` and `deadline` are not moved once the adapter is pinned. They are dropped in place.

use core::fmt;
use core::future::{Future, IntoFuture};
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(feature = "async-io")]
use core::time::Duration;

use crate::error::Elapsed;

/// Runs `future` until `deadline` completes. The deadline is any future: a timer of your executor, or a shutdown signal.
///
/// # Arguments
/// 1. `future`: the work, or the wait for a permit. Anything that `.await` accepts.
/// 2. `deadline`: a future that completes when the time is up, such as `smol::Timer::after(duration)`,
///    `tokio::time::sleep(duration)` or `embassy_time::Timer::after(duration)`. Its output is dropped.
///
/// **The future comes first, the deadline second.** `tokio::time::timeout` and `embassy_time::with_timeout` have the
/// opposite order, with a duration first. A duration in either place does not compile. **Two futures in the wrong order
/// do: then the call returns [`Elapsed`] when the work is done, and the timer's output when the time is up.**
///
/// # Which of the two wins
/// The future is polled before the deadline. So if both are ready, the result wins, and a deadline that is ready from the
/// start still lets a future complete that is ready at once. If the deadline completes first, the future is dropped
/// *before* [`Elapsed`] is returned: an expired adapter that is still alive is not queued and holds no permit.
///
/// | event | result |
/// |---|---|
/// | future and deadline are ready in the same poll | the future's output |
/// | a permit was granted, and the deadline passed, since the last poll | the permit |
/// | the deadline completes, and a permit is granted at the same time | [`Elapsed`]; the permit goes to the next request |
/// | the deadline is ready from the start | the output if the future is ready at once, otherwise [`Elapsed`] |
/// | the deadline never completes | as without a deadline |
/// | the adapter is dropped | future and deadline are dropped; a permit that was granted goes to the next request |
/// | the adapter expires and stays alive | no request is queued, no permit is held |
///
/// Avoid one limit for both the wait for a permit and the work done with it. Under load the requests that have waited
/// longest are then cut short in the middle of their work. Limit the wait alone, or the work alone while the permit is
/// held ([sqlx#3132](https://github.com/launchbadge/sqlx/issues/3132)).
///
/// # Cancel safety
/// Dropping the adapter drops the future and the deadline. Reaching the deadline drops the future, so it has the same effect
/// on the future as cancelling it. The futures of this crate are cancel safe.
///
/// # Errors
/// Completes with [`Elapsed`] if the deadline completes before the future.
///
/// # Panics
/// The adapter panics if it is polled after completion. If the future or the deadline panics, the future is dropped before
/// the panic resumes.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::{Semaphore, with_timeout};
/// use smol::Timer;
/// use std::time::Duration;
///
/// let semaphore = Semaphore::new(0);
/// let deadline = Timer::after(Duration::from_millis(1));
/// assert!(with_timeout(semaphore.acquire(), deadline).await.is_err());
/// assert_eq!(semaphore.waiters(), 0);
/// # });
/// ```
#[doc(alias = "deadline")]
#[doc(alias = "wait_for")]
#[doc(alias = "timeout")]
#[doc(alias = "timeout_at")]
pub fn with_timeout<F, D>(future: F, deadline: D) -> WithTimeout<F::Future, D>
where
    F: Limited,
    D: Deadline,
{
    WithTimeout { future: Some(future.into_limited()), deadline }
}

/// Everything that `.await` accepts can be limited. A separate trait, for its error message: the first argument of other
/// crates' timeouts is the duration.
// With `F::IntoFuture` in the signature of `with_timeout`, compilers report the bound that it needs, and not this one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a future: the future comes first, the deadline second",
    label = "the first argument must be the future that is limited",
    note = "`with_timeout(future, deadline)`: the order of `tokio::time::timeout` is the opposite one",
    note = "the deadline is a timer of your executor, for example `smol::Timer::after(duration)` or `tokio::time::sleep(duration)`"
)]
pub trait Limited {
    type Future: Future;

    fn into_limited(self) -> Self::Future;
}

impl<F, I> Limited for F
where
    F: IntoFuture<Output = I::Output, IntoFuture = I>,
    I: Future,
{
    type Future = I;

    #[inline]
    fn into_limited(self) -> I {
        self.into_future()
    }
}

/// Every future is a deadline. A separate trait, for its error message.
// The bound is `Future`, not `IntoFuture`: for a type that is neither, the compiler names the innermost bound that fails,
// which would be that of the standard library.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a deadline: a deadline is a future",
    label = "the deadline must be a future, such as a timer",
    note = "pass a timer of your executor, for example `smol::Timer::after(duration)` or `tokio::time::sleep(duration)`",
    note = "with the feature `async-io`, `future.timeout(duration)` needs no timer"
)]
pub trait Deadline: Future {}

#[diagnostic::do_not_recommend]
impl<D: Future> Deadline for D {}

/// [`with_timeout`] and its variants as methods of every future.
///
/// **Do not import `embassy_time::WithTimeout` together with this trait**: its method of the same name takes a
/// duration. Where both traits are imported, `future.with_timeout(..)` does not compile: the error is E0034, "multiple
/// applicable items in scope". Import one of them only, or call the function:
/// `fairgate::with_timeout(future, embassy_time::Timer::after(duration))`.
pub trait TimeoutExt: Future + Sized {
    /// [`with_timeout`] as a method: `self` is the future that is limited, and `deadline` the future that ends it.
    ///
    /// # Errors
    /// The future completes with [`Elapsed`] if the deadline completes first.
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
    fn with_timeout<D: Deadline>(self, deadline: D) -> WithTimeout<Self, D> {
        with_timeout(self, deadline)
    }

    /// Runs the future for at most `limit`: [`with_timeout`] with a timer of the crate `async-io`, which works on any
    /// executor.
    ///
    /// # Errors
    /// The future completes with [`Elapsed`] if it has not completed after `limit`.
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
    fn timeout(self, limit: Duration) -> WithTimeout<Self, async_io::Timer> {
        with_timeout(self, async_io::Timer::after(limit))
    }
}

impl<F: Future> TimeoutExt for F {}

/// The future of [`with_timeout`].
#[must_use = "futures do nothing unless polled or awaited"]
#[doc(alias = "Timeout")]
pub struct WithTimeout<F, D> {
    /// `None` once the adapter has completed.
    future: Option<F>,
    deadline: D,
}

impl<F: Future, D: Deadline> Future for WithTimeout<F, D> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: neither field is moved (T1).
        let (future, deadline) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), Pin::new_unchecked(&mut this.deadline))
        };
        let mut guard = DropFuture(future);
        let future = guard.0.as_mut().as_pin_mut().expect("polled again after completion");
        let output = match future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => match deadline.poll(cx) {
                Poll::Ready(_) => Err(Elapsed(())),
                Poll::Pending => {
                    core::mem::forget(guard);
                    return Poll::Pending;
                }
            },
        };
        // The future is dropped before the result is returned, so that it is no longer queued then.
        drop(guard);
        Poll::Ready(output)
    }
}

/// Drops the future in place when it is dropped, even if the future or the deadline panics.
struct DropFuture<'a, F>(Pin<&'a mut Option<F>>);

impl<F> Drop for DropFuture<'_, F> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl<F, D> fmt::Debug for WithTimeout<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithTimeout").field("is_completed", &self.future.is_none()).finish_non_exhaustive()
    }
}
