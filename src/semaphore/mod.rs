#![deny(unsafe_code)]
//! The semaphore: documentation and types for users, on top of [`RawSemaphore`].

#[allow(unsafe_code)]
mod acquire;
mod permit;
#[cfg(feature = "alloc")]
mod poll;

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;

#[cfg(feature = "alloc")]
pub use self::acquire::AcquireOwned;
pub use self::acquire::{Acquire, AcquireFrom, AcquireUpTo, BoundedAcquire};
use self::acquire::{assert_can_be_met, assert_range};
#[cfg(feature = "alloc")]
pub use self::permit::OwnedSemaphorePermit;
pub use self::permit::{Permit, SemaphorePermit};
#[cfg(feature = "alloc")]
pub use self::poll::PollSemaphore;
#[cfg(feature = "std")]
use crate::error::AcquireError;
use crate::error::TryAcquireError;
use crate::handle::Handle;
use crate::raw::{self, RawHandle, RawSemaphore, Request, Unavailable};
use crate::sync::const_fn;

/// An asynchronous counting semaphore that grants permits strictly in FIFO order.
///
/// A semaphore has a number of permits. A request acquires one or more of them, and waits, as a task or as a thread, until
/// they are available. Acquiring an available permit is one compare-and-swap, releasing it is one atomic addition. Nothing
/// is allocated, however many requests wait.
///
/// # Fairness
/// Requests that have to wait are granted in the order of their first poll that returned `Pending`. No request is
/// overtaken: not by a smaller one, not by [`try_acquire`](Self::try_acquire), and not by a task that polls at the right
/// moment. While requests are queued, only the request at the front can get permits. If it needs more than are available,
/// released permits stay available until there are enough for it.
///
/// # Cancel safety
/// Dropping a future cancels its request. That removes it from the queue in constant time. Permits that were granted to it
/// go to the next request at once, and if it was at the front, the new front is examined. Both may call wakers of other
/// requests.
///
/// A future that is neither polled nor dropped keeps its place, and all requests behind it wait. This is known as
/// *futurelock* ([Oxide's RFD 609](https://rfd.shared.oxide.computer/rfd/0609)). Do not keep a future that you no longer
/// poll: in `select!`, pass futures by value, or drop them when another branch has won.
///
/// # Memory ordering
/// What a thread wrote before it released a permit is visible to the request that acquires it, and so is everything
/// written before earlier releases. The same is visible to a thread that finds the permits available with
/// [`available_permits`](Self::available_permits), finds with [`permits_owed`](Self::permits_owed) that they have paid a
/// deficit, takes them away with [`forget_permits`](Self::forget_permits) or
/// [`reduce_permits`](Self::reduce_permits), or finds a request granted with
/// [`is_granted`](AcquireFrom::is_granted). What was written before [`close`](Self::close) is visible to a request that
/// fails because of it, and to a thread for which [`is_closed`](Self::is_closed) returns `true`. There is no such guarantee
/// for a request that has to wait or fails with [`NoPermits`](TryAcquireError::NoPermits), and none for the values of
/// [`waiters`](Self::waiters) and [`permits_needed`](Self::permits_needed).
///
/// # Wakers
/// Wakers are cloned, called and dropped without a lock, so a waker may call any method of the same semaphore. If a waker
/// panics, no permit is lost, and the other wakers are called before the panic resumes. Without the feature `std` a
/// second panic among them aborts the process, because no panic can be caught there. As everywhere in Rust, a panic out of a
/// destructor that runs because of another panic aborts the process: so does a waker that panics while it is called by a
/// permit that is dropped during unwinding, and a waker whose own destructor panics then.
///
/// A waker may drop a task that holds permits or waits for them, and that calls the next waker, and so on. Such a chain
/// recurses: a stack of 2 MiB is enough for a chain of 500 tasks.
///
/// # When not to use this
/// For work that does not await anything while it holds a permit, a blocking semaphore or a plain mutex is enough. Where
/// throughput under contention matters more than order, a semaphore that allows barging grants more permits per second.
///
/// # Interrupt and signal handlers
/// In an interrupt handler call only [`try_acquire`](Self::try_acquire) and its variants,
/// [`add_permits`](Self::add_permits), [`close`](Self::close), [`available_permits`](Self::available_permits),
/// [`permits_owed`](Self::permits_owed) and [`is_closed`](Self::is_closed), or drop a permit. All other operations may
/// wait for the thread that was interrupted. A release there calls the wakers of the requests that it grants, so the
/// wakers of the executor must permit that. In a signal handler call none of these methods.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::Semaphore;
///
/// static DOWNLOADS: Semaphore = Semaphore::new(5);
///
/// async fn fetch(id: u32) -> String {
///     let _permit = DOWNLOADS.acquire().await.expect("never closed");
///     format!("post {id}") // at most five tasks are here at once
/// }
/// assert_eq!(fetch(1).await, "post 1");
/// # });
/// ```
#[doc(alias = "BoundedSemaphore")]
#[doc(alias = "Sem")]
pub struct Semaphore {
    raw: RawSemaphore,
}

// SAFETY: `Handle` promises the same of the semaphore that contains the `RawSemaphore`.
#[allow(unsafe_code)]
unsafe impl<H: Handle<Target = Semaphore>> RawHandle for H {
    #[inline]
    fn as_raw(&self) -> &RawSemaphore {
        &self.raw
    }
}

/// Creating and inspecting.
impl Semaphore {
    /// The maximum number of permits that can be available, and the maximum that can be owed: `usize::MAX >> 6`.
    ///
    /// Permits that are held do not count, so with [`add_permits`](Self::add_permits) more than this can exist. A release
    /// that would make more than `MAX_PERMITS` available panics, and its permits are lost. A release that stays within
    /// the limit never panics. Releases that run while another thread adds permits may succeed although they exceed the
    /// limit, together by no more than the permits that they release.
    pub const MAX_PERMITS: usize = raw::MAX_PERMITS;

    const_fn! {
        /// Creates a semaphore with `permits` permits.
        ///
        /// # Panics
        /// Panics if `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        ///
        /// # Examples
        /// ```
        /// use fairgate::Semaphore;
        /// static POOL: Semaphore = Semaphore::new(3);
        /// assert_eq!(POOL.available_permits(), 3);
        /// ```
        #[must_use]
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "{}", raw::TOO_MANY_PERMITS);
            Self { raw: RawSemaphore::new(permits) }
        }
    }

    const_fn! {
        /// Like [`new`](Self::new). This is the name of the `const` constructor in tokio.
        ///
        /// # Panics
        /// Like [`new`](Self::new).
        #[must_use]
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Self::new(permits)
        }
    }

    /// Returns the number of permits that no task or thread holds.
    ///
    /// A new request cannot always acquire them: the front of the queue may be waiting until there are more. While
    /// permits are owed (see [`reduce_permits`](Self::reduce_permits)) the number is 0.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2)?;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.raw.state().available()
    }

    /// Returns the number of owed permits: the deficit that released permits pay before one becomes available again.
    ///
    /// Permits are owed after [`reduce_permits`](Self::reduce_permits) or [`resize`](Self::resize) has removed more permits
    /// than were available.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let all = semaphore.try_acquire_many(3)?;
    /// semaphore.resize(3, 1);
    /// assert_eq!(semaphore.permits_owed(), 2);
    /// drop(all);
    /// assert_eq!((semaphore.permits_owed(), semaphore.available_permits()), (0, 1));
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[must_use]
    pub fn permits_owed(&self) -> usize {
        self.raw.state().owed()
    }

    /// Returns the number of queued requests.
    ///
    /// The number was correct at some moment during the call. The call wakes no task, but may wait for a thread that edits
    /// the queue. While it reads the queue, threads that enqueue, cancel or complete a request wait for it. So a tight loop
    /// of such calls delays these threads.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_once;
    ///
    /// let semaphore = fairgate::Semaphore::new(0);
    /// let mut request = std::pin::pin!(semaphore.acquire());
    /// assert!(poll_once(&mut request).await.is_none());
    /// assert_eq!(semaphore.waiters(), 1);
    /// # });
    /// ```
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.raw.peek().0
    }

    /// Returns the number of permits that the request at the front of the queue needs, or `None` if no request is queued.
    ///
    /// That request is granted once so many are available. Of a request with a maximum ([`up_to`](AcquireFrom::up_to))
    /// this is the minimum. The number was correct at some moment during the call, which takes the same steps as
    /// [`waiters`](Self::waiters).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_once;
    ///
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let mut large = std::pin::pin!(semaphore.acquire_many(5));
    /// assert!(poll_once(&mut large).await.is_none());
    /// assert_eq!((semaphore.available_permits(), semaphore.permits_needed()), (3, Some(5)));
    /// # });
    /// ```
    #[must_use]
    pub fn permits_needed(&self) -> Option<usize> {
        self.raw.peek().1
    }
}

/// Acquiring permits.
impl Semaphore {
    /// Waits for one permit.
    ///
    /// # Fairness
    /// The request is queued by the first poll that has to wait. A future that was never polled has no place in the queue.
    ///
    /// # Cancel safety
    /// Dropping the future removes the request from the queue. A permit that was granted to it goes to the next request.
    ///
    /// # Errors
    /// Completes with [`AcquireError`] if the semaphore is closed before the permit is granted. A permit that was granted
    /// before stays granted.
    ///
    /// # Panics
    /// The future panics if it is polled after completion.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = fairgate::Semaphore::new(2);
    /// let permit = semaphore.acquire().await?;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    pub const fn acquire(&self) -> Acquire<'_> {
        AcquireFrom::new(self, 1)
    }

    /// Waits until `n` permits are available, and acquires them in one step.
    ///
    /// A request for 0 permits never waits. It fails if the semaphore is closed.
    ///
    /// # Fairness
    /// Like [`acquire`](Self::acquire). Small requests do not starve a large one: while it is at the front, released permits
    /// stay available until there are enough for it, and no request behind it is granted before it.
    ///
    /// # Cancel safety
    /// Like [`acquire`](Self::acquire). The permits that are available then go to the requests behind it.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS). The future panics like that of
    /// [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let memory = fairgate::Semaphore::new(1 << 30); // one permit per byte
    /// let page = memory.acquire_many(4096).await?;
    /// assert_eq!(page.num_permits(), 4096);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub const fn acquire_many(&self, n: usize) -> Acquire<'_> {
        AcquireFrom::new(self, n)
    }

    /// Like [`acquire_many`](Self::acquire_many), with permits that hold any [`Handle`] to the semaphore: an `Rc` for tasks
    /// that stay on one thread, or a smart pointer of your own.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Like [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::Semaphore;
    /// use std::rc::Rc;
    ///
    /// let local = Rc::new(Semaphore::new(1));
    /// let permit = Semaphore::acquire_from(local.clone(), 1).await?;
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub const fn acquire_from<H: Handle<Target = Self>>(handle: H, n: usize) -> AcquireFrom<H> {
        AcquireFrom::new(handle, n)
    }

    /// Acquires one permit if that is possible without waiting.
    ///
    /// It never fails spuriously, and never waits for another thread, so it may be called in an interrupt handler.
    ///
    /// # Fairness
    /// No queued request is overtaken: while requests are queued this fails, however many permits are available.
    ///
    /// # Errors
    /// * [`TryAcquireError::Closed`] if the semaphore is closed.
    /// * [`TryAcquireError::NoPermits`] if too few permits are available, or another request is queued.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # Ok::<(), TryAcquireError>(())
    /// ```
    #[doc(alias = "locked")]
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `n` permits if that is possible without waiting, like [`try_acquire`](Self::try_acquire). A request for 0
    /// permits fails only if the semaphore is closed.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2)?;
    /// assert!(semaphore.try_acquire_many(2).is_err());
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Self::try_acquire_from(self, n)
    }

    /// Acquires all available permits, but at least `min` and at most `max`, if that is possible without waiting. The
    /// waiting form is [`acquire_many(min).up_to(max)`](AcquireFrom::up_to).
    ///
    /// # Fairness
    /// Like [`try_acquire`](Self::try_acquire). While requests are queued this fails, or acquires 0 permits if `min` is 0.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// Panics if `min` is more than `max`, or `max` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// let tokens = fairgate::Semaphore::new(5);
    /// let batch = tokens.try_acquire_up_to(1, 100)?;
    /// assert_eq!(batch.num_permits(), 5);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[track_caller]
    pub fn try_acquire_up_to(
        &self,
        min: usize,
        max: usize,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        assert_range(min, max);
        match self.raw.try_acquire(Request { min, max }) {
            Ok(n) => Ok(Permit::new(self, n)),
            Err(unavailable) => Err(unavailable.into()),
        }
    }

    /// Like [`try_acquire_many`](Self::try_acquire_many), with permits that hold any [`Handle`] to the semaphore.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// Like [`try_acquire_many`](Self::try_acquire_many).
    ///
    /// # Examples
    /// ```
    /// use fairgate::Semaphore;
    /// use std::rc::Rc;
    ///
    /// let local = Rc::new(Semaphore::new(3));
    /// let two = Semaphore::try_acquire_from(local.clone(), 2)?;
    /// assert_eq!(local.available_permits(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_from<H: Handle<Target = Self>>(
        handle: H,
        n: usize,
    ) -> Result<Permit<H>, TryAcquireError> {
        assert_can_be_met(n);
        if !handle.raw.try_acquire_fast(n) {
            handle.raw.try_acquire(Request::exactly(n))?;
        }
        Ok(Permit::new(handle, n))
    }
}

impl From<Unavailable> for TryAcquireError {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Closed => Self::Closed,
            Unavailable::MustWait(_) => Self::NoPermits,
        }
    }
}

/// Acquiring permits that hold an `Arc` to their semaphore, for tasks that outlive the function that spawns them.
#[cfg(feature = "alloc")]
impl Semaphore {
    /// Like [`acquire`](Self::acquire), with a permit that holds the `Arc`.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(fairgate::Semaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[doc(alias = "acquire_arc")]
    #[inline]
    pub const fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        AcquireFrom::new(self, 1)
    }

    /// Like [`acquire_many`](Self::acquire_many), with permits that hold the `Arc`.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Like [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    ///
    /// let memory = Arc::new(fairgate::Semaphore::new(1024));
    /// let buffer = memory.clone().acquire_many_owned(512).await?;
    /// assert_eq!((buffer.num_permits(), memory.available_permits()), (512, 512));
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub const fn acquire_many_owned(self: Arc<Self>, n: usize) -> AcquireOwned {
        AcquireFrom::new(self, n)
    }

    /// Like [`try_acquire`](Self::try_acquire), with a permit that holds the `Arc`.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(fairgate::Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "try_acquire_arc")]
    #[inline]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Like [`try_acquire_many`](Self::try_acquire_many), with permits that hold the `Arc`.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// Like [`try_acquire_many`](Self::try_acquire_many).
    #[inline]
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Self::try_acquire_from(self, n)
    }
}

/// Acquiring permits on a thread without an executor. Threads and tasks wait in the same queue.
#[cfg(feature = "std")]
impl Semaphore {
    /// Like [`acquire`](Self::acquire), blocking the current thread until the permit is granted. With a time limit:
    /// [`acquire().blocking_timeout(limit)`](crate::TimeoutExt::blocking_timeout).
    ///
    /// In a task, this blocks the executor's thread, and deadlocks if the permits are held by tasks that run only on that
    /// thread. Each thread allocates a waker when it waits for the first time, and nothing after that.
    ///
    /// # Fairness
    /// No queued request is overtaken. While none is queued, the thread first tries for a few microseconds to acquire the
    /// permit without being queued, because that costs less than to park the thread and to wake it. So of two threads that
    /// call at nearly the same time, the later one may be first.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| drop(semaphore.blocking_acquire()));
    ///     scope.spawn(|| drop(semaphore.blocking_acquire()));
    /// });
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    #[doc(alias = "acquire_blocking")]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire().block()
    }

    /// Like [`acquire_many`](Self::acquire_many), blocking the current thread like
    /// [`blocking_acquire`](Self::blocking_acquire).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(n).block()
    }

    /// Like [`acquire_owned`](Self::acquire_owned), blocking the current thread like
    /// [`blocking_acquire`](Self::blocking_acquire).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    #[doc(alias = "acquire_arc_blocking")]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_owned().block()
    }

    /// Like [`acquire_many_owned`](Self::acquire_many_owned), blocking the current thread like
    /// [`blocking_acquire`](Self::blocking_acquire).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(n).block()
    }
}

/// Changing the number of permits, and closing.
impl Semaphore {
    /// Adds `n` permits. They pay owed permits first, then go to the queued requests, and the rest becomes available.
    ///
    /// A long queue is served in batches of 32 requests; the wakers of one batch are called before the next batch is
    /// granted. No new request is granted in between. But a [`close`](Self::close),
    /// [`forget_permits`](Self::forget_permits) or [`reduce_permits`](Self::reduce_permits) between two batches takes effect
    /// before the requests that are still queued are granted.
    ///
    /// # Panics
    /// Panics if more than [`MAX_PERMITS`](Self::MAX_PERMITS) would be available. The semaphore is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(1);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    #[doc(alias = "release")]
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        assert!(self.raw.add(n), "{}", raw::TOO_MANY_PERMITS);
    }

    /// Removes up to `n` available permits, and returns how many were removed. May wait for a thread that edits the queue.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!(semaphore.forget_permits(10), 2);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.raw.forget(n)
    }

    /// Removes `n` permits. If fewer are available, the rest is owed: released permits pay the deficit before any request
    /// gets one. Does not wait for these releases, but may wait for a thread that edits the queue.
    ///
    /// # Panics
    /// Panics if more than [`MAX_PERMITS`](Self::MAX_PERMITS) would be owed. The semaphore is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(2);
    /// let permit = semaphore.try_acquire()?;
    /// semaphore.reduce_permits(2); // one was available, one is owed
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "reducePermits")]
    #[track_caller]
    pub fn reduce_permits(&self, n: usize) {
        assert!(self.raw.reduce(n), "{}", raw::DEFICIT_TOO_LARGE);
    }

    /// Changes the limit from `from` to `to` permits, also while permits are held: adds or removes the difference in one
    /// step, with [`add_permits`](Self::add_permits) or [`reduce_permits`](Self::reduce_permits). The semaphore does not
    /// store its limit, only the number of available permits, so the caller passes both limits.
    ///
    /// # Panics
    /// Like [`add_permits`](Self::add_permits) and [`reduce_permits`](Self::reduce_permits).
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(10);
    /// let busy = semaphore.try_acquire_many(7)?;
    /// semaphore.resize(10, 4); // three permits are owed
    /// drop(busy);
    /// assert_eq!(semaphore.available_permits(), 4);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[track_caller]
    pub fn resize(&self, from: usize, to: usize) {
        match to.checked_sub(from) {
            Some(more) => self.add_permits(more),
            None => self.reduce_permits(from - to),
        }
    }

    /// Closes the semaphore: all queued and all future requests fail. Permits that were granted before stay granted. Calls
    /// the wakers of the queued requests, in batches like [`add_permits`](Self::add_permits).
    ///
    /// A closed semaphore cannot be opened again. Permits can still be released, added and removed. Closing it again changes
    /// nothing.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    pub fn close(&self) {
        self.raw.close();
    }

    /// Returns `true` if the semaphore is closed.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(1);
    /// assert!(!semaphore.is_closed());
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.raw.state().is_closed()
    }
}

/// Shows the available permits (negative if some are owed), the number of waiters, how many permits the front of the queue
/// needs, and whether the semaphore is closed. Calls no waker. The values are not one snapshot: they may be from different
/// moments.
impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiters, front) = self.raw.peek();
        let state = self.raw.state();
        let mut debug = f.debug_struct("Semaphore");
        debug.field("permits", &state.permits()).field("waiters", &waiters);
        if let Some(needed) = front {
            debug.field("front", &needed);
        }
        debug.field("closed", &state.is_closed()).finish()
    }
}
