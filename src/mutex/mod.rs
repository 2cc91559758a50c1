//! The mutex: a [`RawSemaphore`] of one permit around a value. Holding the permit means exclusive access to the value. With
//! the public types, it works like this:
//!
//! ```
//! # futures_lite::future::block_on(async {
//! use fairgate::Semaphore;
//! use std::cell::Cell;
//!
//! let (permit, value) = (Semaphore::new(1), Cell::new(0));
//! let guard = permit.acquire().await?; // lock
//! value.set(value.get() + 1);
//! drop(guard); // unlock
//! # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
//! ```
//!
//! * **M1 (exclusive)** The semaphore has one permit, and only this folder uses it: no permit is added, and the permit is
//!   released once per guard. So at most one guard exists, and it has exclusive access to the value.

mod guard;
mod lock;

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;

pub use self::guard::{Guard, MappedGuard, MappedMutexGuard, MutexGuard};
#[cfg(feature = "alloc")]
pub use self::guard::{OwnedMappedMutexGuard, OwnedMutexGuard};
pub use self::lock::Lock;
#[cfg(feature = "alloc")]
pub use self::lock::LockOwned;
use crate::error::TryLockError;
use crate::handle::Handle;
use crate::raw::{AsRaw, RawSemaphore, Request};
use crate::sync::const_fn;

/// An asynchronous mutex that is locked strictly in the order of the requests.
///
/// It is a [`Semaphore`](crate::Semaphore) of one permit around a value. The sections on fairness, cancel safety, memory
/// ordering, wakers, and interrupt and signal handlers in its documentation apply to the mutex as well. The guard may be
/// held across an `.await`.
///
/// There is no poisoning: if a task panics while it holds the guard, the mutex is unlocked, and the next task finds the
/// value as the panic left it.
///
/// # Fairness
/// Requests that have to wait get the lock in the order of their first poll that returned `Pending`. While requests are
/// queued, no new request gets it, not even one of the task that has just unlocked the mutex.
///
/// # When not to use this
/// If nothing is awaited while the mutex is locked, a `std::sync::Mutex` is the better choice: it never hands the lock to
/// a task that is not running yet.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::Mutex;
///
/// let log = Mutex::new(Vec::new());
/// log.lock().await.push("first");
/// log.lock().await.push("second");
/// assert_eq!(log.into_inner(), ["first", "second"]);
/// # });
/// ```
#[doc(alias = "Lock")]
pub struct Mutex<T: ?Sized> {
    raw: RawSemaphore,
    value: UnsafeCell<T>,
}

// SAFETY: the mutex consists of a semaphore, which is Send, and the value.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: a shared mutex gives one thread at a time access to the value (M1). That may move it to this thread, so the value
// must be Send; Sync is not necessary.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> AsRaw for Mutex<T> {
    #[expect(private_interfaces, reason = "the trait is sealed")]
    #[inline]
    fn as_raw(&self) -> &RawSemaphore {
        &self.raw
    }
}

impl<T> Mutex<T> {
    const_fn! {
        /// Creates an unlocked mutex.
        ///
        /// # Examples
        /// ```
        /// use fairgate::Mutex;
        /// static COUNT: Mutex<u64> = Mutex::new(0);
        /// ```
        #[must_use]
        pub const fn new(value: T) -> Self {
            Self { raw: RawSemaphore::new(1), value: UnsafeCell::new(value) }
        }
    }

    const_fn! {
        /// Like [`new`](Self::new). This is the name of the `const` constructor in tokio.
        #[doc(hidden)]
        #[must_use]
        pub const fn const_new(value: T) -> Self {
            Self::new(value)
        }
    }

    /// Consumes the mutex and returns the value.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(fairgate::Mutex::new(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    ///
    /// # Fairness
    /// The request is queued by the first poll that has to wait. A future that was never polled has no place in the queue.
    ///
    /// # Cancel safety
    /// Dropping the future removes the request from the queue. A lock that was granted to it goes to the next request.
    ///
    /// # Panics
    /// The future panics if it is polled after completion.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let count = fairgate::Mutex::new(1);
    /// *count.lock().await += 1;
    /// assert_eq!(*count.lock().await, 2);
    /// # });
    /// ```
    #[inline]
    pub fn lock(&self) -> Lock<&Self> {
        Lock::new(self)
    }

    /// Locks the mutex if that is possible without waiting.
    ///
    /// It never fails spuriously, and never waits for another thread.
    ///
    /// # Errors
    /// Returns [`TryLockError`] if the mutex is locked or another request is queued.
    ///
    /// # Examples
    /// ```
    /// let mutex = fairgate::Mutex::new(5);
    /// let guard = mutex.try_lock()?;
    /// assert!(mutex.try_lock().is_err());
    /// # Ok::<(), fairgate::TryLockError>(())
    /// ```
    #[doc(alias = "locked")]
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        try_lock(self)
    }

    /// `lock().wait()`: blocks the current thread until the lock is granted. With a time limit:
    /// [`wait_timeout`](crate::futures::Lock::wait_timeout).
    ///
    /// # Fairness
    /// Unless the mutex is unlocked, the thread is queued at once, like a task.
    ///
    /// # Examples
    /// ```
    /// let count = fairgate::Mutex::new(0);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| *count.blocking_lock() += 1);
    ///     scope.spawn(|| *count.blocking_lock() += 1);
    /// });
    /// assert_eq!(count.into_inner(), 2);
    /// ```
    #[cfg(feature = "std")]
    #[doc(alias = "lock_blocking")]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        self.lock().wait()
    }

    /// Like [`lock`](Self::lock), with a guard that holds any [`Handle`] to the mutex: an `Rc` for tasks that stay on one
    /// thread.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::Mutex;
    /// use std::rc::Rc;
    ///
    /// let local = Rc::new(Mutex::new(1));
    /// let guard = Mutex::lock_from(local.clone()).await;
    /// assert_eq!(*guard, 1);
    /// assert!(Mutex::lock_from(local).try_wait().is_err());
    /// # });
    /// ```
    #[inline]
    pub fn lock_from<H: Handle<Target = Self>>(handle: H) -> Lock<H> {
        Lock::new(handle)
    }

    /// Returns a mutable reference to the value. This does not lock the mutex: `&mut self` proves exclusive access.
    ///
    /// # Examples
    /// ```
    /// let mut mutex = fairgate::Mutex::new(1);
    /// *mutex.get_mut() = 2;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized> Mutex<T> {
    /// Like [`lock`](Self::lock), with a guard that holds an `Arc` to the mutex.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    ///
    /// let count = Arc::new(fairgate::Mutex::new(0));
    /// let mut guard = count.clone().lock_owned().await;
    /// std::thread::spawn(move || *guard += 1).join().unwrap();
    /// assert_eq!(*count.lock().await, 1);
    /// # });
    /// ```
    #[doc(alias = "lock_arc")]
    #[inline]
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        Lock::new(self)
    }

    /// Like [`try_lock`](Self::try_lock), with a guard that holds an `Arc` to the mutex.
    ///
    /// # Errors
    /// Like [`try_lock`](Self::try_lock).
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    ///
    /// let count = Arc::new(fairgate::Mutex::new(0));
    /// let mut guard = count.clone().try_lock_owned()?;
    /// std::thread::spawn(move || *guard += 1).join().unwrap();
    /// assert_eq!(*count.try_lock()?, 1);
    /// # Ok::<(), fairgate::TryLockError>(())
    /// ```
    #[doc(alias = "try_lock_arc")]
    #[inline]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        try_lock(self)
    }

    /// Like [`lock_owned`](Self::lock_owned), blocking the current thread like [`blocking_lock`](Self::blocking_lock).
    #[cfg(feature = "std")]
    #[doc(alias = "lock_arc_blocking")]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.lock_owned().wait()
    }
}

#[inline]
fn try_lock<T: ?Sized, H: Handle<Target = Mutex<T>>>(handle: H) -> Result<Guard<H>, TryLockError> {
    let raw = handle.as_raw();
    if raw.try_acquire_fast(1) || raw.try_acquire(Request::exactly(1)).is_ok() {
        // SAFETY: the permit was just acquired, and is passed on to the guard.
        return Ok(unsafe { Guard::new(handle) });
    }
    Err(TryLockError(()))
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Shows the value, or `<locked>`. Formatting locks the mutex with [`try_lock`](Mutex::try_lock). Unlocking it
/// afterwards may call the waker of a request that was queued in between.
impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(TryLockError(())) => debug.field("data", &format_args!("<locked>")),
        };
        debug.finish()
    }
}
