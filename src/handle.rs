//! What leads to a semaphore or a mutex: a reference, an `Arc`, an `Rc`, or an owner of the user's own. All
//! futures, permits and guards are generic over it, so that none is written twice.

use core::ops::Deref;

use crate::mutex::Mutex;
use crate::semaphore::Semaphore;

/// What a future, a permit or a guard may own to keep its [`Semaphore`] or [`Mutex`] alive.
///
/// It is implemented for `&T`, `Arc<T>` and `Rc<T>`. Implement it for a smart pointer of your own to use it
/// with [`Semaphore::acquire_from`] and [`Mutex::lock_from`].
///
/// # Examples
/// An owner that leads to one of several semaphores that are kept together:
/// ```
/// use fairgate::{Handle, Semaphore};
/// use std::{ops::Deref, sync::Arc};
///
/// struct Shelf(Arc<[Semaphore]>, usize);
///
/// impl Deref for Shelf {
///     type Target = Semaphore;
///     fn deref(&self) -> &Semaphore {
///         &self.0[self.1]
///     }
/// }
/// // SAFETY: the slice of an `Arc` never moves, and the index was in bounds when the owner was made.
/// unsafe impl Handle for Shelf {}
///
/// let shelf: Arc<[Semaphore]> = [1, 2].map(Semaphore::new).into();
/// let permit = Semaphore::try_acquire_from(Shelf(shelf.clone(), 1), 2).unwrap();
/// assert_eq!(shelf[1].available_permits(), 0);
/// ```
///
/// # Safety
/// `deref` leads to the very same value each time, also after the owner was moved or coerced to a
/// supertype, and does not panic; a clone
/// of the owner leads there, too. That value neither moves nor dies while an owner lives, nor after one was
/// leaked, and nobody gets a `&mut` to it meanwhile.
pub unsafe trait Handle: Deref {}

// SAFETY: the reference always leads to the same place.
unsafe impl<T: ?Sized> Handle for &T {}
// SAFETY: an `Arc` never changes where its value lies.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized> Handle for alloc::sync::Arc<T> {}
// SAFETY: an `Rc` never changes where its value lies.
#[cfg(feature = "alloc")]
unsafe impl<T: ?Sized> Handle for alloc::rc::Rc<T> {}

/// What has a semaphore inside: a semaphore, or a mutex. Nobody outside the crate can name this, so nobody
/// reaches a mutex's semaphore through it.
pub trait Counted {
    /// The semaphore inside.
    fn inner(&self) -> &Semaphore;
}

impl Counted for Semaphore {
    #[inline]
    fn inner(&self) -> &Semaphore {
        self
    }
}

impl<T: ?Sized> Counted for Mutex<T> {
    #[inline]
    fn inner(&self) -> &Semaphore {
        self.semaphore()
    }
}

/// An [`Handle`] of what has a semaphore inside.
pub trait Leads: Handle<Target: Counted> {
    /// The semaphore it leads to, always the same one.
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        (**self).inner()
    }
}

impl<O: Handle<Target: Counted>> Leads for O {}
