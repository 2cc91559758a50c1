//! The lock: the semaphore with n = 1 around a value.
//!
//! * **M1 (exclusive)** The semaphore starts with one permit, and only this file and `guard.rs` reach it:
//!   none is added, none is split, so whoever holds the permit holds it alone, and the value is his.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::error::TryLockError;
#[cfg(feature = "alloc")]
use crate::guard::OwnedMutexGuard;
use crate::guard::{Guard, MutexGuard};
use crate::node::Node;
use crate::handle::{Leads, Handle};
use crate::protocol::ANY_LENGTH;
use crate::semaphore::Semaphore;
use crate::sync::const_fn;
use crate::waiter::{Phase, Waiter};

/// An asynchronous lock: a value for one at a time, in the order of asking.
///
/// It is a [`Semaphore`] of one permit around a value, and everything said there of order, cancellation and
/// visibility holds here. The guard may be held across an `.await`.
///
/// There is no poisoning: if a holder panics, the mutex is unlocked as the guard is dropped, and the next
/// holder finds the value as the panic left it.
///
/// # Fairness
/// The lock is handed over in the order in which [`lock`](Self::lock) had to wait. While somebody waits,
/// nobody else gets it, not even a holder that unlocks and asks again at once.
///
/// # When not to use this
/// If nothing is awaited while the lock is held, a `std::sync::Mutex` is the better choice: it does not
/// hand the lock to a task that is not running.
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
    semaphore: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes to one thread at a time (M1).
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// Makes an unlocked mutex.
        ///
        /// # Examples
        /// ```
        /// use fairgate::Mutex;
        /// static COUNT: Mutex<u64> = Mutex::new(0);
        /// ```
        #[must_use]
        pub const fn new(value: T) -> Self {
            Self { semaphore: Semaphore::new(1), value: UnsafeCell::new(value) }
        }
    }

    const_fn! {
        /// The same as [`new`](Self::new), under the name that code written for tokio knows.
        #[must_use]
        pub const fn const_new(value: T) -> Self {
            Self::new(value)
        }
    }

    /// Gives the value back.
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
    /// # Cancel safety
    /// Dropping the future gives up its place; a lock it was granted goes to the next in line.
    ///
    /// # Panics
    /// The future panics if it is polled again after completion.
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
    pub const fn lock(&self) -> Lock<'_, T> {
        LockFrom::new(self)
    }

    /// Takes the lock if that can be done at once.
    ///
    /// # Errors
    /// [`TryLockError`] if somebody holds the lock or is already waiting for it.
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
        Self::try_lock_from(self)
    }

    /// Waits for the lock with this thread, in the same line as the tasks. From inside a task this blocks the
    /// executor's thread.
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
        crate::blocking::block_on(self.lock())
    }

    /// As [`lock`](Self::lock), with a guard that keeps any [`Handle`] of the mutex: an `Rc` for tasks that stay on
    /// one thread, a smart pointer of your own.
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
    /// # });
    /// ```
    #[inline]
    pub const fn lock_from<M: Handle<Target = Self>>(mutex: M) -> LockFrom<M> {
        LockFrom::new(mutex)
    }

    /// As [`try_lock`](Self::try_lock), with a guard that keeps any [`Handle`] of the mutex.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    #[inline]
    pub fn try_lock_from<M: Handle<Target = Self>>(mutex: M) -> Result<Guard<M>, TryLockError> {
        match mutex.semaphore.try_take(1) {
            Ok(()) => Ok(Guard::new(mutex)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The semaphore of one permit.
    #[inline]
    pub(crate) const fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }

    /// Where the value lies. It belongs to whoever holds the permit (M1).
    #[inline]
    pub(crate) const fn value(&self) -> *mut T {
        self.value.get()
    }

    /// The value, without locking: who has the mutex alone needs no lock.
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
    /// As [`lock`](Self::lock), with a guard that owns its part of the mutex.
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
    pub const fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        LockFrom::new(self)
    }

    /// As [`try_lock`](Self::try_lock), with a guard that owns its part of the mutex.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    #[doc(alias = "try_lock_arc")]
    #[inline]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        Self::try_lock_from(self)
    }

    /// As [`lock_owned`](Self::lock_owned), waiting with this thread.
    #[cfg(feature = "std")]
    #[doc(alias = "lock_arc_blocking")]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        crate::blocking::block_on(self.lock_owned())
    }
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

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(TryLockError(())) => shown.field("data", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

/// Waits for the mutex that `M` leads to.
///
/// # Examples
/// ```
/// use fairgate::{Lock, Mutex};
/// use futures_lite::future::{block_on, poll_once};
///
/// let mutex = Mutex::new(1);
/// let held = mutex.try_lock().unwrap();
/// let mut waiting: Box<[_]> = [mutex.lock(), mutex.lock()].into_iter().map(Box::pin).collect();
/// for request in &mut waiting {
///     assert!(block_on(poll_once(request)).is_none());
/// }
/// drop(held);
/// assert!(waiting[0].is_granted() && !waiting[1].is_granted());
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct LockFrom<M: Leads> {
    waiter: Waiter<M>,
}

/// The future of [`Mutex::lock`].
pub type Lock<'a, T> = LockFrom<&'a Mutex<T>>;

/// The future of [`Mutex::lock_owned`].
#[cfg(feature = "alloc")]
#[doc(alias = "LockArc")]
pub type LockOwned<T> = LockFrom<Arc<Mutex<T>>>;

impl<M: Leads> LockFrom<M> {
    #[inline]
    const fn new(mutex: M) -> Self {
        Self { waiter: Waiter::new(mutex, Node::new(1)) }
    }

    /// Whether the lock was granted and no poll has picked it up yet. If that lasts, the task has stopped
    /// polling this future and keeps everybody behind it waiting: a *futurelock*.
    pub fn is_granted(&self) -> bool {
        self.waiter.phase() == Phase::Granted
    }
}

impl<T: ?Sized, M: Handle<Target = Mutex<T>>> Future for LockFrom<M> {
    type Output = Guard<M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Guard<M>> {
        // SAFETY: the waiter is pinned with this future and never moved out.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        match waiter.poll(cx, ANY_LENGTH) {
            Poll::Ready(Ok((mutex, _))) => Poll::Ready(Guard::new(mutex)),
            Poll::Ready(Err(_)) => unreachable!("a mutex's semaphore is never closed"),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<M: Leads> fmt::Debug for LockFrom<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFrom").field("phase", &self.waiter.phase()).finish()
    }
}
