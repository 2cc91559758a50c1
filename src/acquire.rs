//! The futures that wait for permits.
//!
//! * **R1 (pinned)** A future's waiter is pinned with it and never moved out.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::error::{AcquireError, BoundedAcquireError};
use crate::node::{GreedyNode, Node};
use crate::handle::Handle;
use crate::permit::Permit;
use crate::protocol::{ANY_LENGTH, Refusal, check};
use crate::semaphore::Semaphore;
use crate::waiter::{Phase, Waiter};

/// Waits for permits of the semaphore that `O` leads to.
///
/// A future has a name, so it can be a field, and its memory can be used again: put a new one in its place.
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
/// assert!(block_on(poll_once(request)).is_none(), "the first has the permit");
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct AcquireFrom<O: Handle<Target = Semaphore>> {
    waiter: Waiter<O>,
}

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
pub type Acquire<'a> = AcquireFrom<&'a Semaphore>;

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[cfg(feature = "alloc")]
#[doc(alias = "AcquireArc")]
pub type AcquireOwned = AcquireFrom<alloc::sync::Arc<Semaphore>>;

impl<O: Handle<Target = Semaphore>> AcquireFrom<O> {
    #[inline]
    #[track_caller]
    pub(crate) const fn new(owner: O, n: usize) -> Self {
        check(n);
        Self { waiter: Waiter::new(owner, Node::new(n)) }
    }

    /// Refuses to wait behind a long line: if the request must wait and finds `length` others waiting, it
    /// fails at once. The look and the queueing are one step, so a line of bounded requests is never longer
    /// than that. `bounded(0)` never waits at all.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::{BoundedAcquireError, Semaphore};
    ///
    /// let workers = Semaphore::new(1);
    /// let _busy = workers.acquire().await;
    /// let shed = workers.acquire().bounded(0).await;
    /// assert_eq!(shed.unwrap_err(), BoundedAcquireError::QueueFull);
    /// # });
    /// ```
    pub fn bounded(self, length: usize) -> BoundedAcquire<O> {
        let (owner, n) = self.waiter.into_parts();
        BoundedAcquire { waiter: Waiter::new(owner, Node::new(n)), length }
    }

    /// Takes more than it waits for: when its turn comes, as many permits as lie free, up to `most`. How many it
    /// got, the permit tells.
    ///
    /// # Panics
    /// If `most` is less than the request waits for, or more than
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
    pub fn up_to(self, most: usize) -> AcquireUpTo<O> {
        check(most);
        let (owner, least) = self.waiter.into_parts();
        assert!(least <= most, "a request cannot take up to less than it waits for");
        AcquireUpTo { waiter: Waiter::new(owner, GreedyNode::new(least, most)) }
    }
}

/// Waits for permits, but not behind a long line: what [`AcquireFrom::bounded`] makes.
///
/// # Errors
/// [`BoundedAcquireError`]; once in line it can only be closed.
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
pub struct BoundedAcquire<O: Handle<Target = Semaphore>> {
    waiter: Waiter<O>,
    length: usize,
}

/// Waits for permits, and takes more if they lie free: what [`AcquireFrom::up_to`] makes.
///
/// # Fairness
/// It stands in line for what it waits for, and takes the rest only if nobody has to wait for it in vain: what lies
/// free when its turn comes.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let jobs = fairgate::Semaphore::new(0);
/// jobs.add_permits(7); // seven jobs came
/// let batch = jobs.acquire_many(1).up_to(5).await?;
/// assert_eq!(batch.num_permits(), 5);
/// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct AcquireUpTo<O: Handle<Target = Semaphore>> {
    waiter: Waiter<O, GreedyNode>,
}

impl<O: Handle<Target = Semaphore>> Future for AcquireFrom<O> {
    type Output = Result<Permit<O>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: R1.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        waiter.poll(cx, ANY_LENGTH).map(permit_or_closed)
    }
}

impl<O: Handle<Target = Semaphore>> Future for BoundedAcquire<O> {
    type Output = Result<Permit<O>, BoundedAcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let length = self.length;
        // SAFETY: R1.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        waiter.poll(cx, length).map(|served| match served {
            Ok((owner, n)) => Ok(Permit::new(owner, n)),
            Err(Refusal::Closed) => Err(BoundedAcquireError::Closed),
            Err(Refusal::QueueFull) => Err(BoundedAcquireError::QueueFull),
        })
    }
}

impl<O: Handle<Target = Semaphore>> Future for AcquireUpTo<O> {
    type Output = Result<Permit<O>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: R1.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        waiter.poll(cx, ANY_LENGTH).map(permit_or_closed)
    }
}

/// What a request gets that waits behind a line of any length.
#[inline]
fn permit_or_closed<O: Handle<Target = Semaphore>>(
    served: Result<(O, usize), Refusal>,
) -> Result<Permit<O>, AcquireError> {
    match served {
        Ok((owner, n)) => Ok(Permit::new(owner, n)),
        Err(_) => Err(AcquireError(())),
    }
}

/// What all of these futures can tell of themselves.
macro_rules! tells_its_phase {
    ($($future:ident)*) => { $(
        impl<O: Handle<Target = Semaphore>> $future<O> {
            /// Whether permits were granted that no poll has picked up yet. If that lasts, the task has
            /// stopped polling this future and keeps everybody behind it waiting: a *futurelock*.
            ///
            /// # Examples
            /// ```
            /// use fairgate::Semaphore;
            /// use futures_lite::future::{block_on, poll_once};
            /// use std::pin::pin;
            ///
            /// let semaphore = Semaphore::new(0);
            /// let mut forgotten = pin!(semaphore.acquire());
            /// assert!(block_on(poll_once(&mut forgotten)).is_none());
            /// semaphore.add_permits(1);
            /// assert!(forgotten.is_granted());
            /// ```
            pub fn is_granted(&self) -> bool {
                self.waiter.phase() == Phase::Granted
            }

            /// How many permits this waits for.
            pub fn num_permits(&self) -> usize {
                self.waiter.ask().least
            }
        }

        impl<O: Handle<Target = Semaphore>> fmt::Debug for $future<O> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($future));
                shown.field("ask", &self.waiter.ask()).field("phase", &self.waiter.phase()).finish()
            }
        }
    )* };
}

tells_its_phase! { AcquireFrom BoundedAcquire AcquireUpTo }
