#![forbid(unsafe_code)]
//! The semaphore as its users see it. How it works is in `protocol.rs`.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

#[cfg(feature = "alloc")]
use crate::acquire::AcquireOwned;
use crate::acquire::{Acquire, AcquireFrom};
#[cfg(feature = "std")]
use crate::blocking::block_on;
#[cfg(feature = "std")]
use crate::error::AcquireError;
use crate::error::TryAcquireError;
use crate::handle::Handle;
#[cfg(feature = "alloc")]
use crate::permit::OwnedSemaphorePermit;
use crate::permit::{Permit, SemaphorePermit};
use crate::queue::Line;
use crate::state::{self, TOO_MANY, TOO_MUCH_OWED};
use crate::sync::const_fn;

/// A strictly FIFO-fair counting semaphore: up to *n* at a time.
///
/// A semaphore holds a number of permits. Whoever takes one goes ahead; whoever finds none waits, as a task
/// or as a thread, until one is given back. Taking a permit that lies free is one compare-and-swap, giving
/// it back is one atomic addition, and nothing is allocated, however many wait.
///
/// # Fairness
/// Requests are served in the order of their first poll that had to wait, and nobody overtakes: not a small
/// request behind a large one, not a [`try_acquire`](Self::try_acquire), not a task that polls at the right
/// moment. While somebody waits, permits go to the front of the line alone; a large request there gathers
/// what comes back until it has enough.
///
/// # Cancel safety
/// Dropping a future gives up its place in constant time. Permits it was granted and had not yet seen go to
/// the next in line at once; if it stood in front, those behind it are looked at again. The other side of it
/// is called *futurelock*: a future that is neither polled nor dropped keeps its place, and with it
/// everybody behind it waiting. Do not hold on to a future that you have stopped polling.
///
/// # Memory ordering
/// Whatever a holder wrote before giving a permit back is visible to whoever gets it next. Whatever was
/// written before [`close`](Self::close) is visible to whoever is refused because of it.
///
/// # When not to use this
/// For work that never awaits while it holds a permit, a semaphore of the operating system or a plain mutex
/// does. Where throughput under contention counts for more than order, a semaphore that lets newcomers barge
/// moves more permits a second. In an interrupt handler only what never waits for the line's lock may be called,
/// see the crate's page; in a signal handler of a program with `std`, nothing.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::Semaphore;
///
/// static DOWNLOADS: Semaphore = Semaphore::new(5);
///
/// async fn fetch(id: u32) -> String {
///     let _slot = DOWNLOADS.acquire().await.expect("never closed");
///     format!("post {id}") // at most five are here at once
/// }
/// assert_eq!(fetch(1).await, "post 1");
/// # });
/// ```
#[doc(alias = "BoundedSemaphore")]
#[doc(alias = "Sem")]
pub struct Semaphore {
    pub(crate) line: Line,
}

/// Making one, and looking at it.
impl Semaphore {
    /// The most permits a semaphore can hold, and the most it can owe: `usize::MAX >> 5`.
    ///
    /// Who adds permits while others are out can make more than that exist. What then comes back past the limit is
    /// refused with a panic; but of several such releases at the same moment one may go unnoticed.
    pub const MAX_PERMITS: usize = state::MAX_PERMITS;

    const_fn! {
        /// Makes a semaphore with `permits` free permits.
        ///
        /// # Panics
        /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
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
            assert!(permits <= Self::MAX_PERMITS, "{}", TOO_MANY);
            Self { line: Line::new(permits) }
        }
    }

    const_fn! {
        /// The same as [`new`](Self::new), under the name that code written for tokio knows.
        ///
        /// # Panics
        /// As [`new`](Self::new).
        #[must_use]
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Self::new(permits)
        }
    }

    /// How many permits lie free.
    ///
    /// They may lie free while others wait: three of the five that the front needs, say. While permits are
    /// owed (see [`reduce_permits`](Self::reduce_permits)), none lies free.
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
        self.line.settled().free()
    }

    /// How many requests stand in line.
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
        self.look().1
    }
}

/// Taking permits.
impl Semaphore {
    /// Waits for one permit.
    ///
    /// # Fairness
    /// The place in line is that of the first poll that had to wait. A future that was never polled has none.
    ///
    /// # Cancel safety
    /// Dropping the future gives up its place; a permit it was granted goes to the next in line.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed before the permit is granted. A
    /// permit granted before stays granted.
    ///
    /// # Panics
    /// The future panics if it is polled again after completion.
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

    /// Waits for `n` permits, all at once.
    ///
    /// A request for none never waits; it fails only when the semaphore is closed.
    ///
    /// # Fairness
    /// As [`acquire`](Self::acquire). A large request is not starved by small ones: once in front, it gathers
    /// what comes back, and nobody behind it is served before it.
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire); what had been gathered goes on to those behind.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS); and as [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let memory = fairgate::Semaphore::new(1 << 30); // a permit a byte
    /// let page = memory.acquire_many(4096).await?;
    /// assert_eq!(page.num_permits(), 4096);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub const fn acquire_many(&self, n: usize) -> Acquire<'_> {
        AcquireFrom::new(self, n)
    }

    /// As [`acquire_many`](Self::acquire_many), with permits that keep any [`Handle`] of the semaphore: an `Rc`
    /// for tasks that stay on one thread, a smart pointer of your own.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
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
    pub const fn acquire_from<O: Handle<Target = Self>>(owner: O, n: usize) -> AcquireFrom<O> {
        AcquireFrom::new(owner, n)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with permits that keep any [`Handle`] of the semaphore.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// As [`try_acquire_many`](Self::try_acquire_many).
    #[inline]
    #[track_caller]
    pub fn try_acquire_from<O: Handle<Target = Self>>(
        owner: O,
        n: usize,
    ) -> Result<Permit<O>, TryAcquireError> {
        owner.try_take(n).map(|()| Permit::new(owner, n))
    }

    /// Takes one permit if that can be done at once.
    ///
    /// # Fairness
    /// Nobody is overtaken: while somebody waits this fails, however many permits lie free.
    ///
    /// Without the feature `std` it never waits for the line's lock, and so may fail as well when the last one in
    /// line is just being served.
    ///
    /// # Errors
    /// [`TryAcquireError::Closed`] if the semaphore is closed, else [`TryAcquireError::NoPermits`].
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

    /// Takes `n` permits if that can be done at once, as [`try_acquire`](Self::try_acquire). A request for
    /// none fails only when the semaphore is closed.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    #[track_caller]
    pub fn try_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        Self::try_acquire_from(self, n)
    }
}

/// Taking permits that carry their semaphore with them, for tasks that outlive the place where they were
/// spawned.
#[cfg(feature = "alloc")]
impl Semaphore {
    /// As [`acquire`](Self::acquire), with a permit that owns its part of the semaphore.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
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

    /// As [`acquire_many`](Self::acquire_many), with permits that own their part of the semaphore.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
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
    pub fn acquire_many_owned(self: Arc<Self>, n: usize) -> AcquireOwned {
        AcquireFrom::new(self, n)
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that owns its part of the semaphore.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    #[doc(alias = "try_acquire_arc")]
    #[inline]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with permits that own their part of the semaphore.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// As [`try_acquire_many`](Self::try_acquire_many).
    #[inline]
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Self::try_acquire_from(self, n)
    }
}

/// Taking permits from a thread, which sleeps meanwhile. Threads and tasks stand in the same line.
#[cfg(feature = "std")]
impl Semaphore {
    /// As [`acquire`](Self::acquire), blocking this thread until the permit is granted. With a time limit:
    /// [`acquire().blocking_timeout(limit)`](crate::TimeoutExt::blocking_timeout).
    ///
    /// From inside a task this blocks the executor's thread; if the permits are held by tasks which that
    /// thread alone runs, for ever. Each thread allocates a waker at its first call, and nothing after that.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
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
        block_on(self.acquire())
    }

    /// As [`acquire_many`](Self::acquire_many), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(n))
    }

    /// As [`acquire_owned`](Self::acquire_owned), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    #[doc(alias = "acquire_arc_blocking")]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_owned())
    }

    /// As [`acquire_many_owned`](Self::acquire_many_owned), blocking this thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// As [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }
}

/// Changing how many permits there are, and closing.
impl Semaphore {
    /// Adds `n` permits. Debt is paid first, then the line is served, and what is left lies free.
    ///
    /// A long line is served in rounds of some thirty, each of whose wakers are called before the next. Nobody
    /// slips in between; but [`close`](Self::close), [`forget_permits`](Self::forget_permits) or
    /// [`reduce_permits`](Self::reduce_permits) at such a moment comes before those who are still to be served.
    ///
    /// # Panics
    /// If more than [`MAX_PERMITS`](Self::MAX_PERMITS) would lie free; the semaphore is then as it was.
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
        assert!(self.add(n), "{}", TOO_MANY);
    }

    /// Takes up to `n` of the permits that lie free away for good; returns how many.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!(semaphore.forget_permits(10), 2);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.forget_free(n)
    }

    /// Takes `n` permits away for good, at once. If fewer lie free the rest is owed: permits that come back
    /// pay the debt, ahead of all who wait.
    ///
    /// # Panics
    /// If more than [`MAX_PERMITS`](Self::MAX_PERMITS) would be owed; the semaphore is then as it was.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(2);
    /// let permit = semaphore.try_acquire()?;
    /// semaphore.reduce_permits(2); // one lies free, one is owed
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "reducePermits")]
    #[track_caller]
    pub fn reduce_permits(&self, n: usize) {
        assert!(self.take_away(n), "{}", TOO_MUCH_OWED);
    }

    /// Moves the semaphore from a limit of `from` permits to one of `to`, whatever is in flight: adds the
    /// difference or takes it away, in one step. The limit is what the caller says it is; the semaphore knows
    /// only what lies free.
    ///
    /// # Panics
    /// As [`add_permits`](Self::add_permits) and [`reduce_permits`](Self::reduce_permits).
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(10);
    /// let busy = semaphore.try_acquire_many(7)?;
    /// semaphore.resize(10, 4); // three are owed now
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

    /// Closes the semaphore: all who wait and all who come are refused, for ever. Permits granted before stay
    /// granted, and permits can still be given back, added and taken away. Closing again changes nothing.
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
        self.change(|state| Some(state.close()));
    }

    /// Whether the semaphore is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.says_closed()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, waiters) = self.look();
        f.debug_struct("Semaphore")
            .field("permits", &state.permits())
            .field("waiters", &waiters)
            .field("closed", &state.is_closed())
            .finish()
    }
}

// A panic never leaves the line half edited (F4), so there is nothing to be wary of after one.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}
