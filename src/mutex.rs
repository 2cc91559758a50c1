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

use crate::acquire::{Owner, Waiter};
use crate::error::TryLockError;
#[cfg(feature = "alloc")]
use crate::guard::OwnedMutexGuard;
use crate::guard::{Guard, MutexGuard};
use crate::semaphore::Semaphore;
use crate::sync::const_fn;

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
        pub const fn new(value: T) -> Self {
            Self { semaphore: Semaphore::new(1), value: UnsafeCell::new(value) }
        }
    }

    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    #[inline]
    pub const fn lock(&self) -> Lock<'_, T> {
        Locking(Waiter::new(self, 1))
    }

    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        Guard::try_new(self)
    }

    #[cfg(feature = "std")]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        crate::blocking::block_on(self.lock())
    }

    /// Where the value lies. It belongs to whoever holds the permit (M1).
    #[inline]
    pub(crate) const fn value(&self) -> *mut T {
        self.value.get()
    }

    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized> Mutex<T> {
    #[inline]
    pub const fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        Locking(Waiter::new(self, 1))
    }

    #[inline]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        Guard::try_new(self)
    }

    #[cfg(feature = "std")]
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

/// What leads to a mutex.
///
/// # Safety
/// Each call of `mutex` returns the very same mutex, also after the value was moved, and `semaphore`
/// returns its semaphore; so does what `keep` makes of it, and the mutex lives as long as that.
pub unsafe trait Lockable: Owner {
    /// The mutex's value.
    type Value: ?Sized;
    /// What a mapped guard keeps: no more than it takes to give the permit back.
    type Kept: Owner;
    /// The mutex.
    fn mutex(&self) -> &Mutex<Self::Value>;
    /// Lets go of the value's type, where that can be.
    fn keep(self) -> Self::Kept;
}

// SAFETY: the reference always leads to the same place.
unsafe impl<T: ?Sized> Owner for &Mutex<T> {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }
}

// SAFETY: as above; the semaphore is borrowed for as long as the mutex is.
unsafe impl<'a, T: ?Sized> Lockable for &'a Mutex<T> {
    type Value = T;
    type Kept = &'a Semaphore;

    #[inline]
    fn mutex(&self) -> &Mutex<T> {
        self
    }

    #[inline]
    fn keep(self) -> &'a Semaphore {
        &self.semaphore
    }
}

// SAFETY: an `Arc` never changes where its value lies.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized> Owner for Arc<Mutex<T>> {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }
}

// SAFETY: as above.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized> Lockable for Arc<Mutex<T>> {
    type Value = T;
    type Kept = Self;

    #[inline]
    fn mutex(&self) -> &Mutex<T> {
        self
    }

    #[inline]
    fn keep(self) -> Self {
        self
    }
}

/// Waits for the mutex that `M` leads to.
#[must_use = "futures do nothing unless polled or awaited"]
pub struct Locking<M: Lockable>(Waiter<M>);

/// The future of [`Mutex::lock`].
pub type Lock<'a, T> = Locking<&'a Mutex<T>>;

/// The future of [`Mutex::lock_owned`].
#[cfg(feature = "alloc")]
pub type LockOwned<T> = Locking<Arc<Mutex<T>>>;

impl<M: Lockable> Future for Locking<M> {
    type Output = Guard<M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Guard<M>> {
        // SAFETY: the waiter is pinned as part of this future.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.0) };
        match waiter.poll(cx) {
            Poll::Ready(Ok(mutex)) => Poll::Ready(Guard::new(mutex)),
            Poll::Ready(Err(_)) => unreachable!("a mutex's semaphore is never closed"),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<M: Lockable> fmt::Debug for Locking<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("phase", &self.0.phase()).finish()
    }
}
