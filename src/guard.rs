//! The guards: a mutex's value, or a part of it, for as long as its permit is held.
//!
//! * **G1 (holds)** A guard holds the one permit of its mutex until it is dropped or becomes another guard:
//!   the value is its alone (M1).
//! * **G2 (lives)** A mapped guard's part lies in the value of a mutex that its owner keeps alive, or
//!   outlives it.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use crate::acquire::Owner;
use crate::error::TryLockError;
use crate::mutex::{Lockable, Mutex};
use crate::semaphore::Semaphore;

/// The value of the mutex that `M` leads to, held alone; given back when dropped.
#[must_use = "the mutex is unlocked when its guard is dropped"]
pub struct Guard<M: Lockable> {
    mutex: M,
    /// Neither Send nor Sync by itself: both are said below.
    _value: PhantomData<*mut M::Value>,
}

/// The value of a borrowed mutex, held alone; given back when dropped.
pub type MutexGuard<'a, T> = Guard<&'a Mutex<T>>;

/// The value of a shared mutex, held alone; given back when dropped.
#[cfg(feature = "alloc")]
pub type OwnedMutexGuard<T> = Guard<Arc<Mutex<T>>>;

// SAFETY: the guard is a `&mut T` that another thread may drop.
unsafe impl<T: ?Sized + Send> Send for Guard<&Mutex<T>> {}
// SAFETY: a shared guard is a `&T`.
unsafe impl<T: ?Sized + Sync> Sync for Guard<&Mutex<T>> {}
// SAFETY: as with the borrowed guard; the last owner drops the `T`, too.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send> Send for Guard<Arc<Mutex<T>>> {}
// SAFETY: a shared guard is a `&T` and leads to an `Arc` that can be cloned and take the `T` along.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send + Sync> Sync for Guard<Arc<Mutex<T>>> {}

impl<M: Lockable> Guard<M> {
    /// For one who has taken the permit.
    #[inline]
    pub(crate) const fn new(mutex: M) -> Self {
        Self { mutex, _value: PhantomData }
    }

    #[inline]
    pub(crate) fn try_new(mutex: M) -> Result<Self, TryLockError> {
        match mutex.semaphore().try_take(1) {
            Ok(()) => Ok(Self::new(mutex)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Narrows the guard to a part of the value. The mutex stays locked until the new guard is dropped; if `f`
    /// panics, it is unlocked.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(pair.try_lock()?, |pair| &mut pair.0);
    /// *number += 1;
    /// # Ok::<(), fairgate::TryLockError>(())
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> MappedGuard<M::Kept, U>
    where
        U: ?Sized,
        F: FnOnce(&mut M::Value) -> &mut U,
    {
        let value = NonNull::from(f(&mut this));
        MappedGuard::new(this.into_mutex().keep(), value)
    }

    /// Narrows the guard to a part of the value if there is one.
    ///
    /// # Errors
    /// The guard as it was, if `f` returns `None`.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Mutex, MutexGuard};
    ///
    /// let list = Mutex::new(vec![1, 2]);
    /// let guard = MutexGuard::try_map(list.try_lock()?, |list| list.get_mut(7)).unwrap_err();
    /// assert_eq!(*guard, [1, 2]);
    /// # Ok::<(), fairgate::TryLockError>(())
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedGuard<M::Kept, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut M::Value) -> Option<&mut U>,
    {
        match f(&mut this).map(NonNull::from) {
            Some(value) => Ok(MappedGuard::new(this.into_mutex().keep(), value)),
            None => Err(this),
        }
    }

    /// Ends the guard and keeps the permit.
    fn into_mutex(self) -> M {
        let this = ManuallyDrop::new(self);
        // SAFETY: the guard is not dropped, so the field is moved out once.
        unsafe { ptr::read(&this.mutex) }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex that this guard holds.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The mutex that this guard holds.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<M: Lockable> Deref for Guard<M> {
    type Target = M::Value;

    #[inline]
    fn deref(&self) -> &M::Value {
        // SAFETY: the value is ours alone (G1).
        unsafe { &*self.mutex.mutex().value() }
    }
}

impl<M: Lockable> DerefMut for Guard<M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut M::Value {
        // SAFETY: the value is ours alone (G1), and the guard is itself borrowed alone.
        unsafe { &mut *self.mutex.mutex().value() }
    }
}

impl<M: Lockable> Drop for Guard<M> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.semaphore().release(1);
    }
}

/// A part of a locked value, held alone; the whole is given back when dropped.
#[must_use = "the mutex is unlocked when its guard is dropped"]
pub struct MappedGuard<O: Owner, U: ?Sized> {
    owner: O,
    value: NonNull<U>,
    _value: PhantomData<*mut U>,
}

/// A part of a borrowed mutex's value, held alone.
pub type MappedMutexGuard<'a, U> = MappedGuard<&'a Semaphore, U>;

/// A part of a shared mutex's value, held alone.
#[cfg(feature = "alloc")]
pub type OwnedMappedMutexGuard<T, U = T> = MappedGuard<Arc<Mutex<T>>, U>;

// SAFETY: the guard is a `&mut U` that another thread may use up.
unsafe impl<U: ?Sized + Send> Send for MappedGuard<&Semaphore, U> {}
// SAFETY: a shared guard is a `&U`.
unsafe impl<U: ?Sized + Sync> Sync for MappedGuard<&Semaphore, U> {}
// SAFETY: as with the borrowed guard; the last owner drops the `T`, too.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for MappedGuard<Arc<Mutex<T>>, U> {}
// SAFETY: a shared guard is a `&U` and leads to an `Arc` that can be cloned and take the `T` along.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for MappedGuard<Arc<Mutex<T>>, U> {}

impl<O: Owner, U: ?Sized> MappedGuard<O, U> {
    const fn new(owner: O, value: NonNull<U>) -> Self {
        Self { owner, value, _value: PhantomData }
    }

    /// Narrows the guard to a part of its part. The mutex stays locked until the new guard is dropped;
    /// if `f` panics, it is unlocked.
    pub fn map<V, F>(mut this: Self, f: F) -> MappedGuard<O, V>
    where
        V: ?Sized,
        F: FnOnce(&mut U) -> &mut V,
    {
        let value = NonNull::from(f(&mut this));
        MappedGuard::new(this.into_owner(), value)
    }

    /// Narrows the guard to a part of its part if there is one.
    ///
    /// # Errors
    /// The guard as it was, if `f` returns `None`.
    pub fn try_map<V, F>(mut this: Self, f: F) -> Result<MappedGuard<O, V>, Self>
    where
        V: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        match f(&mut this).map(NonNull::from) {
            Some(value) => Ok(MappedGuard::new(this.into_owner(), value)),
            None => Err(this),
        }
    }

    /// Ends the guard and keeps the permit.
    fn into_owner(self) -> O {
        let this = ManuallyDrop::new(self);
        // SAFETY: the guard is not dropped, so the field is moved out once.
        unsafe { ptr::read(&this.owner) }
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// The mutex whose value this is a part of.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.owner
    }
}

impl<O: Owner, U: ?Sized> Deref for MappedGuard<O, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the part is ours alone (G1) and alive (G2).
        unsafe { self.value.as_ref() }
    }
}

impl<O: Owner, U: ?Sized> DerefMut for MappedGuard<O, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the part is ours alone (G1) and alive (G2), and the guard is itself borrowed alone.
        unsafe { self.value.as_mut() }
    }
}

impl<O: Owner, U: ?Sized> Drop for MappedGuard<O, U> {
    #[inline]
    fn drop(&mut self) {
        self.owner.semaphore().release(1);
    }
}

impl<M: Lockable<Value: fmt::Debug>> fmt::Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<M: Lockable<Value: fmt::Display>> fmt::Display for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<O: Owner, U: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<O, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<O: Owner, U: ?Sized + fmt::Display> fmt::Display for MappedGuard<O, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
