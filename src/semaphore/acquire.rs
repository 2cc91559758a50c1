//! The future that waits for permits.
//!
//! * **S1 (pinned)** The `RawAcquire` in the future is pinned with it, and not moved out once it was polled.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(feature = "std")]
use core::time::Duration;

use super::{Permit, Semaphore};
#[cfg(feature = "std")]
use crate::blocking;
#[cfg(feature = "std")]
use crate::error::Elapsed;
use crate::error::{AcquireError, TryAcquireError};
use crate::handle::Handle;
use crate::raw::{MAX_LENGTH, Progress, RawAcquire, Request};

/// A request for permits: await it, or block a thread with [`wait`](Self::wait).
///
/// `H` is the handle to the semaphore: `&Semaphore`, `Arc<Semaphore>` or `Rc<Semaphore>`. The request is created by
/// [`Semaphore::acquire`] and its variants, and configured before it is awaited:
///
/// | | |
/// |---|---|
/// | [`up_to(max)`](Self::up_to) | take more permits if they are available |
/// | [`max_waiters(n)`](Self::max_waiters) | fail instead of waiting in a long queue |
/// | `.await` | wait as a task |
#[cfg_attr(feature = "std", doc = "| [`wait()`](Self::wait) | wait as a thread |")]
#[cfg_attr(
    feature = "std",
    doc = "| [`wait_timeout(limit)`](Self::wait_timeout) | wait as a thread, for a limited time |"
)]
/// | [`try_wait()`](Self::try_wait) | do not wait |
///
/// The type can be named, so a request can be stored in a field, and its memory can be reused.
///
/// # Errors
/// Completes with an [`AcquireError`] if the semaphore is closed before the permits are granted, or if the queue is full for
/// a request with [`max_waiters`](Self::max_waiters).
///
/// # Panics
/// Panics if it is polled after completion.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let tokens = fairgate::Semaphore::new(5);
/// let batch = tokens.acquire().up_to(8).max_waiters(100).await?;
/// assert_eq!(batch.num_permits(), 5);
/// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct Acquire<H: Handle<Target = Semaphore>> {
    raw: RawAcquire<H>,
}

// SAFETY: A3.
unsafe impl<H: Handle<Target = Semaphore> + Send> Send for Acquire<H> {}
// SAFETY: A3.
unsafe impl<H: Handle<Target = Semaphore> + Sync> Sync for Acquire<H> {}

/// A request whose permits hold an `Arc` to the semaphore.
#[cfg(feature = "alloc")]
#[doc(alias = "AcquireArc")]
pub type AcquireOwned = Acquire<alloc::sync::Arc<Semaphore>>;

impl<H: Handle<Target = Semaphore>> Acquire<H> {
    #[inline]
    #[track_caller]
    pub(super) fn new(handle: H, n: usize) -> Self {
        assert_can_be_met(n);
        Self { raw: RawAcquire::new(handle, Request::exactly(n)) }
    }

    pub(super) fn all(handle: H) -> Self {
        Self { raw: RawAcquire::new(handle, Request::ALL) }
    }

    /// Lets the request take more permits than it waits for: all that are available when it is granted, up to `max` in total.
    /// [`Permit::num_permits`] returns how many it got.
    ///
    /// # Fairness
    /// The request is granted as soon as it is at the front and its minimum is available. If it takes all that are available,
    /// the requests behind it wait for the next release.
    ///
    /// # Panics
    /// Panics if `max` is less than the number of permits the request waits for, or more than
    /// [`MAX_PERMITS`](Semaphore::MAX_PERMITS), or if the request is for all permits.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let jobs = fairgate::Semaphore::new(0);
    /// jobs.add_permits(7); // seven jobs arrive
    /// let batch = jobs.acquire().up_to(5).await?;
    /// assert_eq!(batch.num_permits(), 5);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[doc(alias = "batch")]
    #[track_caller]
    pub fn up_to(mut self, max: usize) -> Self {
        assert_can_be_met(max);
        let min = self.raw.min();
        assert!(min != Request::ALL.min, "a request for all permits has no maximum");
        assert!(min <= max, "a request cannot take fewer permits than it waits for");
        self.raw.options().max = max;
        self
    }

    /// Limits the length of the queue: if the request has to wait, and `n` or more requests are already queued, it fails
    /// immediately, with an error for which [`AcquireError::is_full`] returns `true`.
    ///
    /// The check and the enqueueing are one step, so requests with such a limit never make a queue longer than it.
    /// `max_waiters(0)` never waits. Requests without a limit count towards the length, but are not limited.
    ///
    /// # Examples
    /// A server that sheds load:
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let workers = fairgate::Semaphore::new(1);
    /// let _busy = workers.acquire().await?;
    /// let error = workers.acquire().max_waiters(0).await.unwrap_err();
    /// assert!(error.is_full());
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[doc(alias = "bounded")]
    #[doc(alias = "backpressure")]
    #[doc(alias = "shed")]
    pub fn max_waiters(mut self, n: usize) -> Self {
        self.raw.options().max_waiters = n.min(MAX_LENGTH);
        self
    }

    /// Acquires the permits if that is possible without waiting, like [`Semaphore::try_acquire`].
    ///
    /// # Errors
    /// * [`TryAcquireError::Closed`] if the semaphore is closed.
    /// * [`TryAcquireError::NoPermits`] if too few permits are available, or another request is queued.
    ///
    /// # Examples
    /// ```
    /// let tokens = fairgate::Semaphore::new(5);
    /// let batch = tokens.acquire().up_to(100).try_wait()?;
    /// assert_eq!(batch.num_permits(), 5);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    pub fn try_wait(mut self) -> Result<Permit<H>, TryAcquireError> {
        let (handle, n) = self.raw.try_acquire()?;
        Ok(Permit::new(handle, n))
    }

    /// Blocks the current thread until the permits are granted. Threads and tasks wait in the same queue: unless the permits
    /// are available, the request is queued at once.
    ///
    /// In a task, this blocks the executor's thread, and deadlocks if the permits are held by tasks that run only on that
    /// thread. Each thread allocates a waker when it waits for the first time, and nothing after that.
    ///
    /// # Errors
    /// Like awaiting the request.
    ///
    /// # Panics
    /// Panics on targets whose threads cannot block, such as the main thread of a web page.
    ///
    /// # Examples
    /// ```
    /// let workers = fairgate::Semaphore::new(2);
    /// let worker = workers.acquire().max_waiters(10).wait()?;
    /// # Ok::<(), fairgate::AcquireError>(())
    /// ```
    #[cfg(feature = "std")]
    #[doc(alias = "acquire_blocking")]
    #[doc(alias = "block_on")]
    pub fn wait(mut self) -> Result<Permit<H>, AcquireError> {
        match self.raw.try_acquire() {
            Ok((handle, n)) => Ok(Permit::new(handle, n)),
            Err(_) => blocking::block_on(self, |request| request.raw.is_front()),
        }
    }

    /// Blocks the current thread like [`wait`](Self::wait), but for at most `limit`. The request is no longer queued when
    /// this returns.
    ///
    /// # Errors
    /// Like awaiting the request, and an error for which [`AcquireError::is_timed_out`] returns `true` if the permits were
    /// not granted within `limit`.
    ///
    /// # Panics
    /// Like [`wait`](Self::wait).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let semaphore = fairgate::Semaphore::new(0);
    /// let error = semaphore.acquire().wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert!(error.is_timed_out());
    /// ```
    #[cfg(feature = "std")]
    pub fn wait_timeout(mut self, limit: Duration) -> Result<Permit<H>, AcquireError> {
        match self.raw.try_acquire() {
            Ok((handle, n)) => Ok(Permit::new(handle, n)),
            Err(_) => blocking::block_on_timeout(self, |request| request.raw.is_front(), limit)
                .ok_or(Elapsed(()))?,
        }
    }

    /// Returns `true` if permits were granted to the request, and no poll has returned them yet.
    ///
    /// If this stays `true`, the task no longer polls the future, and so holds permits that all requests behind it wait for:
    /// a *futurelock*. When this returns `true`, everything that was written before these permits were released is visible.
    ///
    /// # Examples
    /// ```
    /// use fairgate::Semaphore;
    /// use futures_lite::future::{block_on, poll_once};
    /// use std::pin::pin;
    ///
    /// let semaphore = Semaphore::new(0);
    /// let mut request = pin!(semaphore.acquire());
    /// assert!(block_on(poll_once(&mut request)).is_none());
    /// semaphore.add_permits(1);
    /// assert!(request.is_granted());
    /// ```
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self.raw.progress(), Progress::Granted(_))
    }

    /// Returns the number of permits that were granted to the request and not returned by a poll yet, or that it waits for.
    /// A request for all permits waits for the [`limit`](Semaphore::limit), and for none after completion.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        match (self.raw.progress(), self.raw.handle()) {
            (Progress::Granted(n), _) => n,
            (_, handle) if self.raw.min() == Request::ALL.min => handle.map_or(0, |handle| handle.limit()),
            _ => self.raw.min(),
        }
    }
}

impl<H: Handle<Target = Semaphore>> Future for Acquire<H> {
    type Output = Result<Permit<H>, AcquireError>;

    #[cfg_attr(feature = "std", inline)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: S1.
        let raw = unsafe { Pin::new_unchecked(&mut self.get_unchecked_mut().raw) };
        match raw.poll(cx) {
            Poll::Ready(Ok((handle, n))) => Poll::Ready(Ok(Permit::new(handle, n))),
            Poll::Ready(Err(refused)) => Poll::Ready(Err(refused.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<H: Handle<Target = Semaphore>> fmt::Debug for Acquire<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("permits", &self.num_permits())
            .field("progress", &self.raw.progress())
            .finish_non_exhaustive()
    }
}

/// Panics for a request that could never complete, because that many permits never exist.
#[inline]
#[track_caller]
pub(super) const fn assert_can_be_met(n: usize) {
    assert!(n <= Semaphore::MAX_PERMITS, "a request for more than MAX_PERMITS permits can never be met");
}
