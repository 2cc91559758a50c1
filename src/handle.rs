//! The handles by which futures, permits and guards refer to their semaphore or mutex.

use core::ops::Deref;

/// A pointer through which a future, a permit or a guard reaches its [`Semaphore`](crate::Semaphore) or
/// [`Mutex`](crate::Mutex).
///
/// It is implemented for `&T`, `Arc<T>` and `Rc<T>`. Implement it for a smart pointer of your own to use the pointer with
/// [`Semaphore::acquire_from`](crate::Semaphore::acquire_from) and [`Mutex::lock_from`](crate::Mutex::lock_from).
///
/// # Safety
/// Implementations guarantee, from the moment a handle is first dereferenced:
///
/// * `deref` returns the same reference in every call, also after the handle was moved or coerced to a supertype, and
///   does not panic. A clone of the handle dereferences to the same value.
/// * The value is not moved or dropped, and no `&mut` reference to it is created, until the handle is dropped. If the
///   handle is leaked, for example with [`mem::forget`](core::mem::forget), this holds until the end of its lifetime. A
///   leaked handle without a lifetime, such as an `Arc`, keeps the value alive until the program ends.
///
/// # Examples
/// A handle to one of several semaphores in a shared slice:
/// ```
/// use fairgate::{Handle, Semaphore};
/// use std::{ops::Deref, sync::Arc};
///
/// struct Shard(Arc<[Semaphore]>, usize);
///
/// impl Deref for Shard {
///     type Target = Semaphore;
///     fn deref(&self) -> &Semaphore {
///         &self.0[self.1]
///     }
/// }
/// // SAFETY: the slice of an `Arc` is not moved, and the index is in bounds.
/// unsafe impl Handle for Shard {}
///
/// let shards: Arc<[Semaphore]> = [1, 2].map(Semaphore::new).into();
/// let permit = Semaphore::try_acquire_from(Shard(shards.clone(), 1), 2).unwrap();
/// assert_eq!(shards[1].available_permits(), 0);
/// ```
pub unsafe trait Handle: Deref {}

// SAFETY: a reference always points to the same value, which is borrowed for the reference's lifetime.
unsafe impl<T: ?Sized> Handle for &T {}
// SAFETY: an `Arc` does not move its value, and keeps it alive, also when it is leaked.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized> Handle for alloc::sync::Arc<T> {}
// SAFETY: an `Rc` does not move its value, and keeps it alive, also when it is leaked.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized> Handle for alloc::rc::Rc<T> {}
