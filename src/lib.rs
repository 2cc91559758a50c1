#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(fairgate_loom))))]
//! An asynchronous semaphore and mutex with strict FIFO order, for tasks on any executor and for threads.
//!
//! # Quick start
//! ```
//! # futures_lite::future::block_on(async {
//! use fairgate::Semaphore;
//!
//! static CONNECTIONS: Semaphore = Semaphore::new(3);
//!
//! async fn query() -> u32 {
//!     let _permit = CONNECTIONS.acquire().await.expect("never closed");
//!     42 // at most three tasks are here at once
//! } // dropping the permit releases it
//! assert_eq!(query().await, 42);
//! # });
//! ```
//!
//! [`Semaphore`] documents the order, cancel safety, memory ordering, and what wakers may do.
//!
//! # Choosing an API
//!
//! | need | use |
//! |---|---|
//! | one permit, or several at once | [`Semaphore::acquire`], [`Semaphore::acquire_many`] |
//! | no waiting | [`Semaphore::try_acquire`], [`try_wait`](futures::Acquire::try_wait) |
//! | all available permits, up to a maximum | [`up_to`](futures::Acquire::up_to) |
//! | to fail instead of waiting in a long queue | [`max_waiters`](futures::Acquire::max_waiters) |
#![cfg_attr(feature = "alloc", doc = "| a permit for a spawned task | [`Semaphore::acquire_owned`] |")]
//! | a permit with an `Rc` | [`Semaphore::acquire_from`] |
//! | to wait until no permit is held | [`Semaphore::acquire_all`] |
#![cfg_attr(
    feature = "std",
    doc = "| to block a thread | [`wait`](futures::Acquire::wait), [`wait_timeout`](futures::Acquire::wait_timeout) |"
)]
//! | a time limit | [`with_timeout`], [`TimeoutExt`] |
//! | to change the limit while permits are held | [`Semaphore::set_limit`] |
//! | a token bucket | [`Semaphore::add_permits_up_to`] |
//! | exclusive access to a value | [`Mutex`] |
#![cfg_attr(feature = "alloc", doc = "| a request in `poll_ready` | [`PollSemaphore`] |")]
//!
//! # Guide
//!
//! The module [`guide`] has a lesson about semaphores, a page on migrating from other crates, a cookbook of policies,
//! and pages on performance, targets, pitfalls and the design.
//!
//! # Features
//!
//! * `std` (default): the blocking methods. A thread that waits for the queue lock sleeps; without `std` it spins, which
//!   restricts [interrupt handlers and priorities](guide::targets#interrupt-handlers-and-priorities).
//! * `alloc` (with `std`): permits and guards that hold an `Arc` or `Rc`, and `PollSemaphore`.
//! * `async-io`: `TimeoutExt::timeout(Duration)`.
//! * `portable-atomic`: targets without compare-and-swap.
//!
//! Without features the crate needs no allocator and no operating system.

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", fairgate_steps))]
extern crate std;

#[cfg(feature = "std")]
mod blocking;
mod error;
mod handle;
mod mutex;
mod raw;
mod semaphore;
mod sync;
mod timeout;

#[cfg(doc)]
pub mod guide {
    //! Pages about the crate, which are also in the folder `docs/` of the repository.
    //!
    //! * [`lesson`]: what a semaphore is good for, from the start, with programs to run.
    //! * [`migrating`]: from tokio, async-lock or Python's asyncio.
    //! * [`cookbook`]: policies built from the semaphore, each with a tested bound.
    //! * [`performance`]: measurements beside other crates, and what FIFO order costs.
    //! * [`targets`]: targets and executors, interrupt handlers and priorities.
    //! * [`pitfalls`]: faults of other semaphores, and the tests that show that this crate does not have them.
    //! * [`design`]: how the semaphore works.

    // A link name that is defined twice leads to the first definition. A page defines its links at its end, for readers of
    // the repository. The definitions that are included before the page are for these docs: modules, and pictures as data
    // URLs. The doc tests leave them out, so that the name of a test contains the line number on the page.

    // Its code is tested in the package `fairgate-cookbook`, with the crates that it needs.
    #[cfg(not(doctest))]
    #[doc = include_str!("../docs/cookbook.md")]
    pub mod cookbook {}
    #[cfg_attr(not(doctest), doc = "[lesson]: lesson\n[performance]: performance")]
    #[doc = include_str!("../docs/design.md")]
    pub mod design {}
    #[cfg_attr(not(doctest), doc = "[performance]: performance")]
    #[cfg_attr(not(doctest), doc = include_str!("../docs/pictures/embedded.md"))]
    #[doc = include_str!("../docs/lesson.md")]
    pub mod lesson {}
    #[doc = include_str!("../docs/migrating.md")]
    pub mod migrating {}
    #[doc = include_str!("../docs/pictures/embedded.md")]
    #[doc = include_str!("../docs/performance.md")]
    pub mod performance {}
    #[doc = include_str!("../docs/pitfalls.md")]
    pub mod pitfalls {}
    #[doc = include_str!("../docs/targets.md")]
    pub mod targets {}
}

// The code in the README is tested like that in the sources.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub mod futures {
    //! The futures of this crate, for code that names them.
    pub use crate::mutex::Lock;
    #[cfg(feature = "alloc")]
    pub use crate::mutex::LockOwned;
    pub use crate::semaphore::Acquire;
    #[cfg(feature = "alloc")]
    pub use crate::semaphore::AcquireOwned;
    pub use crate::timeout::WithTimeout;
}

pub use error::{AcquireError, Elapsed, TryAcquireError, TryLockError};
pub use handle::Handle;
pub use mutex::{Guard, MappedGuard, MappedMutexGuard, Mutex, MutexGuard};
#[cfg(feature = "alloc")]
pub use mutex::{OwnedMappedMutexGuard, OwnedMutexGuard};
#[cfg(feature = "alloc")]
pub use semaphore::{OwnedSemaphorePermit, PollSemaphore};
pub use semaphore::{Permit, Semaphore, SemaphorePermit};
/// What the checks in `loom-tests/` observe.
#[cfg(fairgate_steps)]
pub use sync::{Event, Step, observe};
#[doc(hidden)]
pub use timeout::{Deadline, Limited};
pub use timeout::{TimeoutExt, with_timeout};
