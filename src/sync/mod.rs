#![forbid(unsafe_code)]
//! Atomics, cells and threads for the rest of the crate.
//!
//! `core.rs` takes them from `core` and `std`, or from the crate portable-atomic. `loom.rs` takes them from loom: for the
//! models of users with the feature `loom`, and for our own models in `loom-tests/` with the cfg `fairgate_loom`. `steps.rs`
//! reports what the algorithm does, with the cfg `fairgate_steps`. No other folder imports an atomic type from elsewhere, or
//! uses the crate loom.

#[cfg(not(any(fairgate_loom, all(loom, feature = "loom"))))]
#[path = "core.rs"]
mod imp;
#[cfg(any(fairgate_loom, all(loom, feature = "loom")))]
#[path = "loom.rs"]
mod imp;
#[cfg_attr(not(fairgate_steps), path = "no_steps.rs")]
mod steps;

pub(crate) use core::sync::atomic::Ordering;

#[cfg(feature = "std")]
pub(crate) use imp::{AtomicBool, thread};
pub(crate) use imp::{AtomicPtr, AtomicUsize, Backoff, LockedPtr, UnsafeCell};
pub(crate) use steps::{AtomicIsize, Word, report};
#[cfg(fairgate_steps)]
pub use steps::{Event, observe};

/// Numbers that are half as wide as a pointer on 64-bit targets, so that two of them fit into one word, and atomics for them
/// that are only loaded and stored. Not loom's: they order nothing, and no decision depends on them unless the queue lock is
/// held.
pub(crate) mod half {
    #[cfg(target_pointer_width = "16")]
    pub(crate) type Unsigned = usize;
    #[cfg(not(target_pointer_width = "16"))]
    pub(crate) type Unsigned = u32;
    #[cfg(target_pointer_width = "16")]
    pub(crate) type Signed = isize;
    #[cfg(not(target_pointer_width = "16"))]
    pub(crate) type Signed = i32;

    #[cfg(not(feature = "portable-atomic"))]
    use core::sync::atomic;
    #[cfg(feature = "portable-atomic")]
    use portable_atomic as atomic;

    #[cfg(not(target_pointer_width = "16"))]
    pub(crate) use self::atomic::{AtomicI32 as AtomicSigned, AtomicU32 as AtomicUnsigned};
    #[cfg(target_pointer_width = "16")]
    pub(crate) use self::atomic::{AtomicIsize as AtomicSigned, AtomicUsize as AtomicUnsigned};
}

/// What the accesses to the state word do not show by themselves. The algorithm reports it to the checks in `loom-tests/` and to
/// the playground. Without the cfg `fairgate_steps` a report does nothing.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(fairgate_steps), expect(dead_code, unreachable_pub, reason = "only its readers use it"))]
pub enum Step {
    /// The next compare-and-swap of the word takes what is available of this many permits. Without this report the request is for
    /// exactly what it takes.
    Acquire { min: usize, max: usize },
    /// The next compare-and-swap of the word takes available permits away, and no caller owns them.
    Forget,
    /// The next compare-and-swap of the word takes permits away, into a deficit if necessary.
    Reduce,
    /// The next permits that are added to the word were acquired before.
    Release,
    /// The next permits that are added to the word are new.
    Add,
    /// The next change of the word only makes sure that the front is examined.
    Recheck,
    /// The next compare-and-swap of the word locks the queue for a new request.
    LockToEnqueue,
    /// The next compare-and-swap of the word locks the queue for a try that takes all permits.
    LockForAll,
    /// The next compare-and-swap of the word locks the queue for the owner of a node.
    LockForOwner,
    /// The next accesses to the word find nothing to serve, or lock the queue.
    Look,
    /// A node was put at the back of the queue. A `min` of `usize::MAX >> 3` stands for all permits.
    Push { node: usize, min: usize, max: usize },
    /// A node was removed by its owner.
    Remove { node: usize },
    /// A node was taken from the front, and is granted `n` permits unless the state changes.
    Claim { node: usize, n: usize },
    /// The claimed node was put back at the front.
    PutBack { node: usize },
    /// The outcome is stored next: the permits, or `None` if the request fails.
    Publish { node: usize, granted: Option<usize> },
    /// The request is cancelled whose outcome is taken next; then its permits are released.
    Cancel,
    /// The owner of a node takes the outcome.
    Take { node: usize, granted: Option<usize> },
    /// A node that was enqueued is freed.
    Free { node: usize },
}

/// Declares a `const fn`; under loom and with reports, whose constructors are not `const`, a plain `fn`.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(any(fairgate_loom, fairgate_steps, all(loom, feature = "loom"))))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(any(fairgate_loom, fairgate_steps, all(loom, feature = "loom")))]
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
