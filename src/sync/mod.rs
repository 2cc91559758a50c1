#![forbid(unsafe_code)]
//! Atomics, cells and threads for the rest of the crate.
//!
//! `core.rs` takes them from `core` and `std`, or from the crate portable-atomic. `loom.rs` takes them from loom, for the
//! models in `loom-tests/`. No other folder imports an atomic type from
//! elsewhere, or uses the crate loom.

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

/// Whether the crate is compiled for loom.
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

/// Runs a closure during unwinding, and discards its panic: a second panic would abort the process. Without `std` no panic
/// can be caught, so there a panic of the closure aborts.
pub(crate) fn contain_panic(run: impl FnOnce()) {
    #[cfg(feature = "std")]
    {
        use core::panic::AssertUnwindSafe;
        use std::panic::catch_unwind;

        if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
            // The payload's destructor is foreign code and may panic as well. The payload of that panic is leaked.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                core::mem::forget(payload);
            }
        }
    }
    #[cfg(not(feature = "std"))]
    run();
}
