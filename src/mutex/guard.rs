//! The guards: access to a mutex's value, or to a component of it, while its permit is held.
//!
//! * **G1 (held)** A guard holds the permit of its mutex until it is dropped or turned into another guard. So it has
//!   exclusive access to the value (M1).
//! * **G2 (alive)** The value of a mapped guard, and the mutex that it unlocks, are borrowed for the lifetime in `K`, or
//!   kept alive by `K`, which is dropped after the mutex has been unlocked. `Keep` promises that.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use super::Mutex;
use crate::handle::Handle;
use crate::raw::{AsRaw, RawSemaphore};

/// An RAII guard: exclusive access to the value of the mutex to which the handle `H` points: `&Mutex<T>`, `Arc<Mutex<T>>` or
/// `Rc<Mutex<T>>`. Dropping it unlocks the mutex.
///
/// It may be held across an `.await`, and dropped on another thread. Its methods are associated functions, so that they do
/// not shadow methods of the value: `MutexGuard::map(guard, ...)`.
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
pub struct Guard<H: Handle> {
    handle: H,
    /// Disables the automatic Send and Sync, which are implemented below. Invariance in the type of the value comes from
    /// the handle.
    _not_send: PhantomData<*mut ()>,
}

/// The guard of a borrowed mutex.
pub type MutexGuard<'a, T> = Guard<&'a Mutex<T>>;

/// The guard of a mutex in an `Arc`.
#[cfg(feature = "alloc")]
#[doc(alias = "MutexGuardArc")]
pub type OwnedMutexGuard<T> = Guard<Arc<Mutex<T>>>;

// SAFETY: to send the guard is to send its handle, which is Send, and a `&mut T`, which is Send because `T` is.
unsafe impl<T: ?Sized + Send, H: Handle<Target = Mutex<T>> + Send> Send for Guard<H> {}
// SAFETY: a shared guard gives access to a `&T`, so `T` must be Sync, and to the handle, which is Sync. Through the handle
// another thread may move or drop the `T`, so `T` must be Send.
unsafe impl<T: ?Sized + Send + Sync, H: Handle<Target = Mutex<T>> + Sync> Sync for Guard<H> {}

impl<H: Handle> Guard<H> {
    /// Creates the guard of a locked mutex.
    ///
    /// # Safety
    /// The caller has acquired the permit of the mutex, and passes it on to the guard.
    #[inline]
    pub(super) const unsafe fn new(handle: H) -> Self {
        Self { handle, _not_send: PhantomData }
    }

    /// Turns the guard into its handle, without unlocking the mutex.
    fn into_handle(self) -> H {
        let this = ManuallyDrop::new(self);
        // SAFETY: the guard is not dropped, so the handle is not dropped twice.
        unsafe { ptr::read(&this.handle) }
    }
}

impl<T: ?Sized, H: Handle<Target = Mutex<T>>> Guard<H> {
    /// Returns the mutex of the guard: a `&'a Mutex<T>` for a [`MutexGuard<'a, T>`](MutexGuard), and a reference to the
    /// `Arc` or `Rc` for a guard that holds one.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Guard, Mutex};
    ///
    /// fn two<'a>(mutex: &'a Mutex<u8>) -> &'a Mutex<u8> {
    ///     let mut guard = mutex.try_lock().expect("unlocked");
    ///     *guard = 2;
    ///     Guard::mutex(&guard)
    /// }
    /// assert_eq!(*two(&Mutex::new(1)).try_lock()?, 2);
    /// # Ok::<(), fairgate::TryLockError>(())
    /// ```
    // One function for all handles: with one for each, `Guard::mutex(&guard)` would be ambiguous.
    #[doc(alias = "source")]
    #[must_use]
    pub fn mutex(this: &Self) -> H::Borrowed<'_> {
        this.handle.borrow()
    }

    /// Turns the guard into a guard of a component of the value. Dropping the new guard unlocks the mutex.
    ///
    /// # Panics
    /// Panics if `f` panics. The mutex is then unlocked.
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
    pub fn map<U, F>(mut this: Self, f: F) -> MappedGuard<H::Kept, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let value = NonNull::from(f(&mut this));
        this.with_value(value)
    }

    /// Turns the guard into a guard of a component of the value, if `f` returns one. Otherwise like [`map`](Self::map).
    ///
    /// # Errors
    /// Returns the guard if `f` returns `None`.
    ///
    /// # Panics
    /// Panics if `f` panics. The mutex is then unlocked.
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
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedGuard<H::Kept, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut this).map(NonNull::from) {
            Some(value) => Ok(this.with_value(value)),
            None => Err(this),
        }
    }

    /// Turns the guard into a mapped guard of a component of its value.
    fn with_value<U: ?Sized>(self, value: NonNull<U>) -> MappedGuard<H::Kept, U> {
        let raw = NonNull::from(&self.handle.raw);
        MappedGuard { raw, value, kept: self.into_handle().keep(), _value: PhantomData }
    }
}

impl<T: ?Sized, H: Handle<Target = Mutex<T>>> Deref for Guard<H> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard has exclusive access to the value (G1), and is itself borrowed.
        unsafe { &*self.handle.value.get() }
    }
}

impl<T: ?Sized, H: Handle<Target = Mutex<T>>> DerefMut for Guard<H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has exclusive access to the value (G1), and is itself borrowed exclusively.
        unsafe { &mut *self.handle.value.get() }
    }
}

impl<H: Handle> Drop for Guard<H> {
    #[inline]
    fn drop(&mut self) {
        self.handle.as_raw().release(1);
    }
}

/// An RAII guard: exclusive access to a component of a mutex's value. Dropping it unlocks the mutex.
///
/// It is created by [`Guard::map`]. `K` is what it keeps of the first guard's handle: an `Arc` or `Rc` itself, or only the
/// lifetime of a reference. So the type of the guard of a borrowed mutex does not name the type of the mutex's value.
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
pub struct MappedGuard<K, U: ?Sized> {
    raw: NonNull<RawSemaphore>,
    value: NonNull<U>,
    kept: K,
    /// Makes the guard invariant in `U`, and disables the automatic Send and Sync, which are implemented below.
    _value: PhantomData<*mut U>,
}

/// The guard of a component of a borrowed mutex's value.
pub type MappedMutexGuard<'a, U> = MappedGuard<PhantomData<&'a ()>, U>;

/// The guard of a component of the value of a mutex in an `Arc`.
#[cfg(feature = "alloc")]
pub type OwnedMappedMutexGuard<T, U = T> = MappedGuard<Arc<Mutex<T>>, U>;

// SAFETY: to send the guard is to send a reference to a semaphore, which is Sync, a `&mut U`, which is Send because `U` is,
// and the kept part of the handle, which is Send.
unsafe impl<K: Send, U: ?Sized + Send> Send for MappedGuard<K, U> {}
// SAFETY: a shared guard gives access to a `&U`, and to no other part of the mutex.
unsafe impl<U: ?Sized + Sync> Sync for MappedGuard<PhantomData<&()>, U> {}
// SAFETY: a shared guard gives access to a `&U`, so `U` must be Sync, and to an `Arc`, as for `Guard`.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for MappedGuard<Arc<Mutex<T>>, U> {}

impl<K, U: ?Sized> MappedGuard<K, U> {
    /// Turns the guard into a guard of a component of its value. Dropping the new guard unlocks the mutex.
    ///
    /// # Panics
    /// Panics if `f` panics. The mutex is then unlocked.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// let nested = Mutex::new((1, (2, 3)));
    /// let inner = MutexGuard::map(nested.try_lock()?, |outer| &mut outer.1);
    /// let mut number = MappedMutexGuard::map(inner, |inner| &mut inner.0);
    /// *number += 10;
    /// drop(number);
    /// assert_eq!(nested.into_inner(), (1, (12, 3)));
    /// # Ok::<(), fairgate::TryLockError>(())
    /// ```
    pub fn map<V, F>(mut this: Self, f: F) -> MappedGuard<K, V>
    where
        V: ?Sized,
        F: FnOnce(&mut U) -> &mut V,
    {
        let value = NonNull::from(f(&mut this));
        this.with_value(value)
    }

    /// Turns the guard into a guard of a component of its value, if `f` returns one. Otherwise like [`map`](Self::map).
    ///
    /// # Errors
    /// Returns the guard if `f` returns `None`.
    ///
    /// # Panics
    /// Panics if `f` panics. The mutex is then unlocked.
    pub fn try_map<V, F>(mut this: Self, f: F) -> Result<MappedGuard<K, V>, Self>
    where
        V: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        match f(&mut this).map(NonNull::from) {
            Some(value) => Ok(this.with_value(value)),
            None => Err(this),
        }
    }

    /// Turns the guard into a guard of a component of its value.
    fn with_value<V: ?Sized>(self, value: NonNull<V>) -> MappedGuard<K, V> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the guard is not dropped, so this part of the handle is not dropped twice.
        let kept = unsafe { ptr::read(&this.kept) };
        MappedGuard { raw: this.raw, value, kept, _value: PhantomData }
    }
}

#[cfg(feature = "alloc")]
impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// Returns the mutex of the guard.
    #[must_use]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.kept
    }
}

impl<K, U: ?Sized> Deref for MappedGuard<K, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the guard has exclusive access to the value (G1), which is alive (G2), and is itself borrowed.
        unsafe { self.value.as_ref() }
    }
}

impl<K, U: ?Sized> DerefMut for MappedGuard<K, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the guard has exclusive access to the value (G1), which is alive (G2), and is itself borrowed
        // exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<K, U: ?Sized> Drop for MappedGuard<K, U> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the mutex is alive (G2).
        unsafe { self.raw.as_ref() }.release(1);
    }
}

impl<T: ?Sized + fmt::Debug, H: Handle<Target = Mutex<T>>> fmt::Debug for Guard<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display, H: Handle<Target = Mutex<T>>> fmt::Display for Guard<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<K, U: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<K, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<K, U: ?Sized + fmt::Display> fmt::Display for MappedGuard<K, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
