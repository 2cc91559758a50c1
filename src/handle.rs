#![allow(unsafe_code)]
//! The handles by which futures, permits and guards refer to their semaphore or mutex.

use core::marker::PhantomData;

use crate::raw::{AsRaw, RawHandle};

/// A pointer through which a future, a permit or a guard reaches its [`Semaphore`](crate::Semaphore) or
/// [`Mutex`](crate::Mutex): `&T`, `Arc<T>` or `Rc<T>`.
///
/// This trait is sealed. It cannot be implemented for other pointers.
pub trait Handle: RawHandle + Keep {}

/// # Safety
/// What [`RawHandle`] promises holds until `Kept` is dropped, too.
pub unsafe trait Keep {
    /// The part of the handle that keeps the value alive: the `Arc` or `Rc` itself, or only the lifetime of a reference.
    type Kept;

    /// What a guard returns to its holder: the reference itself, or a reference to the `Arc` or `Rc`.
    type Borrowed<'a>
    where
        Self: 'a;

    fn keep(self) -> Self::Kept;

    fn borrow(&self) -> Self::Borrowed<'_>;
}

impl<T: ?Sized + AsRaw> Handle for &T {}
#[cfg(feature = "alloc")]
impl<T: ?Sized + AsRaw> Handle for alloc::sync::Arc<T> {}
#[cfg(feature = "alloc")]
impl<T: ?Sized + AsRaw> Handle for alloc::rc::Rc<T> {}

// SAFETY: a reference always points to the same value, which is borrowed for the reference's lifetime.
unsafe impl<T: ?Sized + AsRaw> RawHandle for &T {}
// SAFETY: see above.
unsafe impl<'a, T: ?Sized> Keep for &'a T {
    type Kept = PhantomData<&'a ()>;
    type Borrowed<'b>
        = &'a T
    where
        Self: 'b;

    #[inline]
    fn keep(self) -> Self::Kept {
        PhantomData
    }

    #[inline]
    fn borrow(&self) -> &'a T {
        self
    }
}

macro_rules! counted {
    ($($pointer:ident)::+) => {
        // SAFETY: the pointer does not move its value, and keeps it alive, even if it is leaked.
        #[cfg(feature = "alloc")]
        unsafe impl<T: ?Sized + AsRaw> RawHandle for $($pointer)::+<T> {}
        // SAFETY: see above.
        #[cfg(feature = "alloc")]
        unsafe impl<T: ?Sized> Keep for $($pointer)::+<T> {
            type Kept = Self;
            type Borrowed<'a>
                = &'a Self
            where
                Self: 'a;

            #[inline]
            fn keep(self) -> Self {
                self
            }

            #[inline]
            fn borrow(&self) -> &Self {
                self
            }
        }
    };
}
counted!(alloc::sync::Arc);
counted!(alloc::rc::Rc);
