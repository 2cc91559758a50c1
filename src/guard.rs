//! The guards: a mutex's value, or a part of it, for as long as its permit is held.
//!
//! * **G1 (holds)** A guard holds the one permit of its mutex until it is dropped or becomes another guard:
//!   the value is its alone (M1).
//! * **G2 (lives)** A mapped guard's part lies in the value of a mutex that its owner keeps alive, or
//!   outlives it.

#[cfg(feature = "alloc")]
use alloc::{rc::Rc, sync::Arc};
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use crate::mutex::Mutex;
use crate::handle::{Leads, Handle};
use crate::semaphore::Semaphore;

/// The value of the mutex that `M` leads to, held alone; given back when dropped. It may be held across an
/// `.await`, and be dropped on another thread.
///
/// What would shadow a method of the value is an associated function: `MutexGuard::map(guard, ...)`.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let names = fairgate::Mutex::new(vec!["b", "a"]);
/// let mut guard = names.lock().await;
/// guard.sort();
/// assert_eq!(guard[0], "a");
/// # });
/// ```
#[must_use = "the mutex is unlocked when its guard is dropped"]
pub struct Guard<M: Leads> {
    mutex: M,
    /// Neither Send nor Sync by itself: both are said below. (Invariant in the value it is by its owner, in
    /// whose type a `Mutex<T>` stands.)
    _unsent: PhantomData<*mut ()>,
}

/// The value of a borrowed mutex, held alone; given back when dropped.
pub type MutexGuard<'a, T> = Guard<&'a Mutex<T>>;

/// The value of a shared mutex, held alone; given back when dropped.
#[cfg(feature = "alloc")]
#[doc(alias = "MutexGuardArc")]
pub type OwnedMutexGuard<T> = Guard<Arc<Mutex<T>>>;

// SAFETY: the guard is its owner and a `&mut T`.
unsafe impl<T: ?Sized + Send, M: Handle<Target = Mutex<T>> + Send> Send for Guard<M> {}
// SAFETY: a shared guard is a `&T`, and leads to a `&Mutex<T>` that outlives it and can take the `T` along.
unsafe impl<T: ?Sized + Send + Sync> Sync for Guard<&Mutex<T>> {}
// SAFETY: a shared guard is a `&T` and leads to an `Arc` that can be cloned and take the `T` along.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send + Sync> Sync for Guard<Arc<Mutex<T>>> {}

/// An owner of a mutex whose guard can be mapped.
pub trait Keep: Leads {
    /// What the mapped guard keeps: no more than it takes to give the permit back, and to keep the value
    /// alive (G2).
    type Kept: Leads;
    /// Lets go of the value's type, where that can be.
    fn keep(self) -> Self::Kept;
}

impl<'a, T: ?Sized> Keep for &'a Mutex<T> {
    type Kept = &'a Semaphore;

    #[inline]
    fn keep(self) -> &'a Semaphore {
        self.semaphore()
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized> Keep for Arc<Mutex<T>> {
    type Kept = Self;

    #[inline]
    fn keep(self) -> Self {
        self
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized> Keep for Rc<Mutex<T>> {
    type Kept = Self;

    #[inline]
    fn keep(self) -> Self {
        self
    }
}

impl<M: Leads> Guard<M> {
    /// For one who has taken the permit.
    #[inline]
    pub(crate) const fn new(mutex: M) -> Self {
        Self { mutex, _unsent: PhantomData }
    }

    /// What leads to the mutex: the reference, the `Arc`, or whatever the guard owns.
    pub const fn handle(this: &Self) -> &M {
        &this.mutex
    }

    /// Ends the guard and keeps the permit.
    fn into_mutex(self) -> M {
        let this = ManuallyDrop::new(self);
        // SAFETY: the guard is not dropped, so the field is moved out once.
        unsafe { ptr::read(&this.mutex) }
    }
}

impl<T: ?Sized, M: Handle<Target = Mutex<T>> + Keep> Guard<M> {
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
        F: FnOnce(&mut T) -> &mut U,
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
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut this).map(NonNull::from) {
            Some(value) => Ok(MappedGuard::new(this.into_mutex().keep(), value)),
            None => Err(this),
        }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex that this guard holds.
    #[doc(alias = "source")]
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The mutex that this guard holds.
    #[doc(alias = "source")]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T: ?Sized, M: Handle<Target = Mutex<T>>> Deref for Guard<M> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value is ours alone (G1).
        unsafe { &*self.mutex.value() }
    }
}

impl<T: ?Sized, M: Handle<Target = Mutex<T>>> DerefMut for Guard<M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the value is ours alone (G1), and the guard is itself borrowed alone.
        unsafe { &mut *self.mutex.value() }
    }
}

impl<M: Leads> Drop for Guard<M> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.semaphore().release(1);
    }
}

/// A part of a locked value, held alone; the whole is given back when dropped.
///
/// # Examples
/// ```
/// use fairgate::{MappedMutexGuard, Mutex, MutexGuard};
///
/// fn first_name(people: &Mutex<Vec<(String, u8)>>) -> Option<MappedMutexGuard<'_, str>> {
///     let people = people.try_lock().ok()?;
///     let first = MutexGuard::try_map(people, |people| people.first_mut()).ok()?;
///     Some(MappedMutexGuard::map(first, |(name, _age)| name.as_mut_str()))
/// }
/// let people = Mutex::new(vec![("ada".to_owned(), 36)]);
/// first_name(&people).unwrap().make_ascii_uppercase();
/// assert_eq!(people.into_inner()[0].0, "ADA");
/// ```
#[must_use = "the mutex is unlocked when its guard is dropped"]
pub struct MappedGuard<O: Leads, U: ?Sized> {
    owner: O,
    value: NonNull<U>,
    _value: PhantomData<*mut U>,
}

/// A part of a borrowed mutex's value, held alone.
pub type MappedMutexGuard<'a, U> = MappedGuard<&'a Semaphore, U>;

/// A part of a shared mutex's value, held alone.
#[cfg(feature = "alloc")]
pub type OwnedMappedMutexGuard<T, U = T> = MappedGuard<Arc<Mutex<T>>, U>;

// SAFETY: the guard is its owner and a `&mut U`.
unsafe impl<O: Leads + Send, U: ?Sized + Send> Send for MappedGuard<O, U> {}
// SAFETY: a shared guard is a `&U`, and nothing leads back from it to the mutex.
unsafe impl<U: ?Sized + Sync> Sync for MappedGuard<&Semaphore, U> {}
// SAFETY: a shared guard is a `&U` and leads to an `Arc` that can be cloned and take the `T` along.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for MappedGuard<Arc<Mutex<T>>, U> {}

impl<O: Leads, U: ?Sized> MappedGuard<O, U> {
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

impl<O: Leads, U: ?Sized> Deref for MappedGuard<O, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the part is ours alone (G1) and alive (G2).
        unsafe { self.value.as_ref() }
    }
}

impl<O: Leads, U: ?Sized> DerefMut for MappedGuard<O, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the part is ours alone (G1) and alive (G2), and the guard is itself borrowed alone.
        unsafe { self.value.as_mut() }
    }
}

impl<O: Leads, U: ?Sized> Drop for MappedGuard<O, U> {
    #[inline]
    fn drop(&mut self) {
        self.owner.semaphore().release(1);
    }
}

impl<T: ?Sized + fmt::Debug, M: Handle<Target = Mutex<T>>> fmt::Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display, M: Handle<Target = Mutex<T>>> fmt::Display for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<O: Leads, U: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<O, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<O: Leads, U: ?Sized + fmt::Display> fmt::Display for MappedGuard<O, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
