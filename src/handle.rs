#![allow(unsafe_code)]
//! The handles by which futures, permits and guards refer to their semaphore or mutex.

use core::marker::PhantomData;
use core::ops::Deref;

use crate::raw::{RawHandle, RawSemaphore};

/// A pointer through which a future, a permit or a guard reaches its [`Semaphore`](crate::Semaphore) or
/// [`Mutex`](crate::Mutex): `&T`, `Arc<T>` or `Rc<T>`.
///
/// This trait is sealed. It cannot be implemented for other pointers.
pub trait Handle: Deref<Target: sealed::Raw> + sealed::Sealed {}

pub(crate) mod sealed {
    use crate::raw::RawSemaphore;

    /// A semaphore or a mutex.
    pub trait Raw {
        #[expect(private_interfaces, reason = "the trait is sealed")]
        fn raw(&self) -> &RawSemaphore;
    }

    /// # Safety
    /// `deref` returns the same reference in every call, even after the handle was moved, and does not panic. The value
    /// is not moved or dropped, and no `&mut` reference to it is created, until the handle, or the part that `keep` returns,
    /// is dropped, or, if it is leaked, until the end of its lifetime.
    pub unsafe trait Sealed {
        /// The part of the handle that keeps the value alive: the `Arc` or `Rc` itself, or only the lifetime of a reference.
        type Kept;

        /// What a guard returns to its holder: the reference itself, or a reference to the `Arc` or `Rc`.
        type Borrowed<'a>
        where
            Self: 'a;

        fn keep(self) -> Self::Kept;

        fn borrow(&self) -> Self::Borrowed<'_>;
    }
}

// SAFETY: `Sealed` promises the same of the value that contains the `RawSemaphore`.
unsafe impl<H: Handle> RawHandle for H {
    #[inline]
    fn as_raw(&self) -> &RawSemaphore {
        sealed::Raw::raw(&**self)
    }
}

impl<T: ?Sized + sealed::Raw> Handle for &T {}
// SAFETY: a reference always points to the same value, which is borrowed for the reference's lifetime.
unsafe impl<'a, T: ?Sized> sealed::Sealed for &'a T {
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
        #[cfg(feature = "alloc")]
        impl<T: ?Sized + sealed::Raw> Handle for $($pointer)::+<T> {}
        // SAFETY: the pointer does not move its value, and keeps it alive, even if it is leaked.
        #[cfg(feature = "alloc")]
        unsafe impl<T: ?Sized> sealed::Sealed for $($pointer)::+<T> {
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
