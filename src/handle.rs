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

    fn keep(self) -> Self::Kept;
}

impl<T: ?Sized + AsRaw> Handle for &T {}
// SAFETY: a reference always points to the same value, which is borrowed for the reference's lifetime.
unsafe impl<T: ?Sized + AsRaw> RawHandle for &T {}
// SAFETY: see above.
unsafe impl<'a, T: ?Sized> Keep for &'a T {
    type Kept = PhantomData<&'a ()>;

    #[inline]
    fn keep(self) -> Self::Kept {
        PhantomData
    }
}

macro_rules! counted {
    ($($pointer:ident)::+) => {
        #[cfg(feature = "alloc")]
        impl<T: ?Sized + AsRaw> Handle for $($pointer)::+<T> {}
        // SAFETY: the pointer does not move its value, and keeps it alive, even if it is leaked.
        #[cfg(feature = "alloc")]
        unsafe impl<T: ?Sized + AsRaw> RawHandle for $($pointer)::+<T> {}
        // SAFETY: see above.
        #[cfg(feature = "alloc")]
        unsafe impl<T: ?Sized> Keep for $($pointer)::+<T> {
            type Kept = Self;

            #[inline]
            fn keep(self) -> Self {
                self
            }
        }
    };
}
counted!(alloc::sync::Arc);
counted!(alloc::rc::Rc);
