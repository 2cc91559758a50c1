#![forbid(unsafe_code)]
//! Atomics, cells and threads for the rest of the crate.
//!
//! `core.rs` takes them from `core` and `std`, or from the crate portable-atomic. `loom.rs` takes them from loom, for the
//! models in `loom-tests/`. No other folder imports an atomic type from elsewhere, or uses the crate loom.

#[cfg(not(fairgate_loom))]
#[path = "core.rs"]
mod imp;
#[cfg(fairgate_loom)]
#[path = "loom.rs"]
mod imp;

pub(crate) use core::sync::atomic::Ordering;

#[cfg(feature = "std")]
pub(crate) use imp::{AtomicBool, thread};
pub(crate) use imp::{AtomicPtr, AtomicUsize, Backoff, SharedPtr, UnsafeCell, peeking, report};
#[cfg(fairgate_loom)]
pub use imp::{Event, observe};

/// Whether the crate is compiled for loom.
pub(crate) const LOOM: bool = cfg!(fairgate_loom);

/// What the accesses to memory do not show by themselves. The algorithm reports it to the checks in `loom-tests/`; outside of
/// loom's build a report does nothing.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(fairgate_loom), expect(dead_code, unreachable_pub, reason = "only loom-tests reads it"))]
pub enum Step {
    /// The next compare-and-swap of the word takes available permits away, and no caller owns them.
    Forget,
    /// The next compare-and-swap of the word takes permits away, into a deficit if necessary.
    Reduce,
    /// The next permits that are added to the word were acquired before.
    Release,
    /// The next permits that are added to the word are new.
    Add,
    /// The next compare-and-swap of the word locks the queue for a new request.
    LockToEnqueue,
    /// The next compare-and-swap of the word locks the queue for the owner of a node.
    LockForOwner,
    /// The next accesses to the word find nothing to serve, or lock the queue.
    Look,
    /// A node was put at the back of the queue. `prev` and `next` are the addresses of its links and what they hold.
    Push { node: usize, prev: (usize, usize), next: (usize, usize), min: usize, max: usize },
    /// The node whose `prev` has this address was removed by its owner.
    Remove { prev: usize },
    /// The node whose `prev` has this address was taken from the front, and is granted `n` permits unless the semaphore is
    /// closed.
    Claim { prev: usize, n: usize },
    /// The owner of the node whose `prev` has this address takes the outcome: the permits, or `None` if the request failed.
    Take { prev: usize, granted: Option<usize> },
}

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
