#![forbid(unsafe_code)]
//! What the rest of the crate knows of atomics, cells and threads.
//!
//! [`core`](self::imp) has them from `core` and `std`, or from the crate portable-atomic; `loom` has them from loom,
//! for the models in `loom-tests/`. No other file names an atomic type or loom.

#[cfg(not(fairgate_loom))]
#[path = "core.rs"]
mod imp;
#[cfg(fairgate_loom)]
#[path = "loom.rs"]
mod imp;

pub(crate) use core::sync::atomic::Ordering;

#[cfg(feature = "std")]
pub(crate) use imp::{AtomicBool, thread};
pub(crate) use imp::{AtomicPtr, AtomicUsize, Backoff, SharedPtr, UnsafeCell, peeking};

/// Whether this is loom's build.
pub(crate) const LOOM: bool = cfg!(fairgate_loom);

/// Declares a `const fn`; under loom, whose constructors are not `const`, a plain `fn`.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(fairgate_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(fairgate_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// Runs a closure that may panic during unwinding, and swallows its panic: a second panic would abort the process.
/// Without `std` no panic can be caught, so there it does abort.
pub(crate) fn contain_panic(run: impl FnOnce()) {
    #[cfg(feature = "std")]
    {
        use core::panic::AssertUnwindSafe;
        use std::panic::catch_unwind;

        if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
            // The payload's destructor is foreign code and may panic, too. The payload of that panic is leaked.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                core::mem::forget(payload);
            }
        }
    }
    #[cfg(not(feature = "std"))]
    run();
}
