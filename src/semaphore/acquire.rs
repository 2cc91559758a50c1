//! The futures that wait for permits.
//!
//! * **P1 (pinned)** The `RawAcquire` in each of these futures is pinned with it, and not moved out once it was polled.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Permit, Semaphore};
#[cfg(feature = "std")]
use crate::blocking::block_on;
use crate::error::{AcquireError, BoundedAcquireError};
use crate::handle::Handle;
use crate::raw::{Progress, RawAcquire, Rejected};

/// The future of [`Semaphore::acquire_from`]: waits for permits of the semaphore to which the handle `H` points.
///
/// The type can be named, so a future can be stored in a field, and its memory can be reused.
///
/// # Errors
/// Completes with [`AcquireError`] if the semaphore is closed before the permits are granted.
///
/// # Panics
/// Panics if it is polled after completion.
///
/// # Examples
/// ```
/// use fairgate::{Acquire, Semaphore};
/// use futures_lite::future::{block_on, poll_once};
/// use std::pin::pin;
///
/// let semaphore = Semaphore::new(1);
/// let mut request = pin!(semaphore.acquire());
/// let first = block_on(request.as_mut());
/// request.set(semaphore.acquire());
/// assert!(block_on(poll_once(request)).is_none(), "the first request has the permit");
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct AcquireFrom<H: Handle<Target = Semaphore>> {
    raw: RawAcquire<H>,
}

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
pub type Acquire<'a> = AcquireFrom<&'a Semaphore>;

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[cfg(feature = "alloc")]
#[doc(alias = "AcquireArc")]
pub type AcquireOwned = AcquireFrom<alloc::sync::Arc<Semaphore>>;

impl<H: Handle<Target = Semaphore>> AcquireFrom<H> {
    #[inline]
    #[track_caller]
    pub(super) const fn new(handle: H, n: usize) -> Self {
        assert_can_be_met(n);
        Self { raw: RawAcquire::new(handle, n) }
    }

    /// Blocks the current thread until the permits are granted.
    #[cfg(feature = "std")]
    pub(super) fn block(self) -> Result<Permit<H>, AcquireError> {
        match self.raw.try_acquire_briefly() {
            Ok((handle, n)) => Ok(Permit::new(handle, n)),
            Err(raw) => block_on(Self { raw }),
        }
    }

    /// Limits the length of the queue: if the request has to wait, and `max_waiters` or more requests are already queued,
    /// it fails immediately.
    ///
    /// The check and the enqueueing are one step, so bounded requests never make a queue longer than their bound.
    /// `bounded(0)` never waits. Requests without a bound count towards the length, but are not limited.
    ///
    /// # Examples
    /// A server that sheds load:
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::{BoundedAcquireError, Semaphore};
    ///
    /// let workers = Semaphore::new(1);
    /// let _busy = workers.acquire().await;
    /// let error = workers.acquire().bounded(0).await.unwrap_err();
    /// assert_eq!(error, BoundedAcquireError::QueueFull);
    /// # });
    /// ```
    pub fn bounded(self, max_waiters: usize) -> BoundedAcquire<H> {
        let (handle, n) = self.raw.into_parts();
        BoundedAcquire { raw: RawAcquire::new(handle, n), max_waiters }
    }

    /// Lets the request acquire more permits than it waits for: all that are available when it is granted, up to `max` in
    /// total. [`Permit::num_permits`] returns how many it got.
    ///
    /// # Panics
    /// Panics if `max` is less than the number of permits the request waits for, or more than
    /// [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let tokens = fairgate::Semaphore::new(5);
    /// let batch = tokens.acquire_many(1).up_to(100).await?;
    /// assert_eq!(batch.num_permits(), 5);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[track_caller]
    pub fn up_to(self, max: usize) -> AcquireUpTo<H> {
        let (handle, min) = self.raw.into_parts();
        assert_range(min, max);
        AcquireUpTo { raw: RawAcquire::new(handle, min), max }
    }
}

/// The future of [`AcquireFrom::bounded`]: waits for permits, unless too many requests are queued.
///
/// # Errors
/// * [`BoundedAcquireError::QueueFull`] if the first poll has to wait and the queue is full. Later polls never return it.
/// * [`BoundedAcquireError::Closed`] if the semaphore is closed before the permits are granted.
///
/// # Panics
/// Panics if it is polled after completion.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::{BoundedAcquireError, Semaphore};
///
/// async fn serve(workers: &Semaphore) -> &'static str {
///     match workers.acquire().bounded(100).await {
///         Ok(_worker) => "200 OK",
///         Err(BoundedAcquireError::QueueFull) => "503 Service Unavailable",
///         Err(BoundedAcquireError::Closed) => "410 Gone",
///     }
/// }
/// assert_eq!(serve(&Semaphore::new(1)).await, "200 OK");
/// # });
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct BoundedAcquire<H: Handle<Target = Semaphore>> {
    raw: RawAcquire<H>,
    max_waiters: usize,
}

/// The future of [`AcquireFrom::up_to`]: waits for some permits, and acquires more if they are available.
///
/// # Fairness
/// The request is granted as soon as it is at the front and its minimum is available. It then gets all available permits up
/// to its maximum; the requests behind it wait for the next release.
///
/// # Errors
/// Completes with [`AcquireError`] if the semaphore is closed before the permits are granted.
///
/// # Panics
/// Panics if it is polled after completion.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let jobs = fairgate::Semaphore::new(0);
/// jobs.add_permits(7); // seven jobs arrive
/// let batch = jobs.acquire_many(1).up_to(5).await?;
/// assert_eq!(batch.num_permits(), 5);
/// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct AcquireUpTo<H: Handle<Target = Semaphore>> {
    raw: RawAcquire<H>,
    max: usize,
}

impl<H: Handle<Target = Semaphore>> Future for AcquireFrom<H> {
    type Output = Result<Permit<H>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let max = self.raw.min();
        // SAFETY: P1.
        let raw = unsafe { self.map_unchecked_mut(|this| &mut this.raw) };
        raw.poll(cx, max, None).map(|result| match result {
            Ok((handle, n)) => Ok(Permit::new(handle, n)),
            Err(_closed) => Err(AcquireError(())),
        })
    }
}

impl<H: Handle<Target = Semaphore>> Future for BoundedAcquire<H> {
    type Output = Result<Permit<H>, BoundedAcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (max, max_waiters) = (self.raw.min(), self.max_waiters);
        // SAFETY: P1.
        let raw = unsafe { self.map_unchecked_mut(|this| &mut this.raw) };
        raw.poll(cx, max, Some(max_waiters)).map(|result| match result {
            Ok((handle, n)) => Ok(Permit::new(handle, n)),
            Err(Rejected::Closed) => Err(BoundedAcquireError::Closed),
            Err(Rejected::QueueFull) => Err(BoundedAcquireError::QueueFull),
        })
    }
}

impl<H: Handle<Target = Semaphore>> Future for AcquireUpTo<H> {
    type Output = Result<Permit<H>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let max = self.max;
        // SAFETY: P1.
        let raw = unsafe { self.map_unchecked_mut(|this| &mut this.raw) };
        raw.poll(cx, max, None).map(|result| match result {
            Ok((handle, n)) => Ok(Permit::new(handle, n)),
            Err(_closed) => Err(AcquireError(())),
        })
    }
}

macro_rules! inspect_request {
    ($($future:ident)*) => { $(
        impl<H: Handle<Target = Semaphore>> $future<H> {
            /// Returns `true` if permits were granted to the request, and no poll has returned them yet.
            ///
            /// If this stays `true`, the task no longer polls the future, and so holds permits that all requests behind
            /// it wait for: a *futurelock*. When this returns `true`, everything that was written before these permits
            /// were released is visible.
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
                self.raw.progress() == Progress::Granted
            }

            /// Returns the number of permits the request waits for.
            #[must_use]
            pub fn num_permits(&self) -> usize {
                self.raw.min()
            }
        }

        impl<H: Handle<Target = Semaphore>> fmt::Debug for $future<H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future))
                    .field("permits", &self.raw.min())
                    .field("progress", &self.raw.progress())
                    .finish_non_exhaustive()
            }
        }
    )* };
}

inspect_request! { AcquireFrom BoundedAcquire AcquireUpTo }

/// Panics for a request that could never complete, because that many permits are never available at once.
#[inline]
#[track_caller]
pub(super) const fn assert_can_be_met(n: usize) {
    assert!(n <= Semaphore::MAX_PERMITS, "a request for more than MAX_PERMITS permits can never be met");
}

/// Panics for a request whose minimum is more than its maximum, or that could never complete.
#[inline]
#[track_caller]
pub(super) const fn assert_range(min: usize, max: usize) {
    assert_can_be_met(max);
    assert!(min <= max, "a request cannot take fewer permits than it waits for");
}
