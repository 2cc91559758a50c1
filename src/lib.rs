#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(fairgate_loom))))]
//! An asynchronous semaphore and mutex with strict FIFO order, for tasks on any executor and for threads.
//!
//! # Quick start
//! ```
//! use fairgate::{AcquireError, Semaphore};
//!
//! static CONNECTIONS: Semaphore = Semaphore::new(3);
//!
//! async fn query() -> Result<u32, AcquireError> {
//!     let _permit = CONNECTIONS.acquire().await?;
//!     Ok(42) // at most three tasks are here at once
//! } // dropping the permit releases it
//!
//! fn main() -> Result<(), AcquireError> {
//!     let answer = smol::block_on(query())?; // or any other executor
//!     assert_eq!(answer, 42);
//!     Ok(())
//! }
//! ```
//!
//! # Why this one
//!
//! * **Order.** Requests that wait are granted in the order in which they came. No request is overtaken: not by a smaller
//!   one, not by a try, not by a thread that blocks. A large request is not starved by small ones.
//! * **A limit that can change.** [`set_limit`](Semaphore::set_limit) while permits are held,
//!   [`acquire_all`](Semaphore::acquire_all) for a shutdown or exclusive access, bounded queues, token buckets.
//! * **Cancel safety.** Dropping a future removes its request in constant time, and passes on what it was granted. A
//!   [timeout](with_timeout) cancels the request before it returns.
//! * **Nothing else.** No dependency, no allocation for a request, any executor, `no_std`. A release never waits.
//! * **Checked.** The sources under [loom](https://docs.rs/loom), a model of the protocol with proofs for any number of
//!   threads.
//!
//! # What it costs
//!
//! | | |
//! |---|---|
//! | acquire and release, if no request is queued | one compare-and-swap, one atomic addition |
//! | a request that waits | two atomic read-modify-writes to enqueue it, and two to cancel or to grant it |
//! | [`Semaphore`], [`Mutex<()>`](Mutex) | 32 bytes on 64-bit targets |
//! | the future of a request | 56 bytes on 64-bit targets |
//!
//! Order has a price: a granted permit is unused until its task runs. Where throughput under contention matters more, a
//! semaphore that allows barging grants more permits per second. `docs/performance.md` in the repository has measurements.
//!
//! # Limits
//!
//! * A future that is kept and not polled keeps its place, and all requests behind it wait.
//! * Several calls may run the wakers of other tasks, and a panic of one comes out of that call. [`Semaphore`] lists them.
//! * It limits how many run at a time, not how many start per second. For that, see the token buckets of the
//!   [cookbook](guide::cookbook).
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
//! * [Cookbook](guide::cookbook): rate limits, priorities, load shedding, graceful shutdown, tower and axum, metrics.
//! * [Which report is yours?](guide::pitfalls) From a symptom, such as a hang, to what to write.
//! * [Migrating](guide::migrating) from tokio, async-lock, embassy-sync or Python's asyncio.
//! * [Targets](guide::targets) and executors, interrupt handlers, flash.
//!
//! The repository has more: a lesson about semaphores, a playground in the browser, measurements, and the design.
//!
//! # Features
//!
//! * `std` (default): the blocking methods. A thread that waits for the queue lock sleeps; without `std` it spins, which
//!   restricts [interrupt handlers and priorities](guide::targets#interrupt-handlers-and-priorities).
//! * `alloc` (with `std`): permits and guards that hold an `Arc` or `Rc`, and `PollSemaphore`.
//! * `async-io`: `TimeoutExt::timeout(Duration)`.
//! * `portable-atomic`: targets without compare-and-swap.
//! * `loom`, with `--cfg loom`: [models of your code](guide::loom) with loom.
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
    //! Pages for users of the API. They are in the folder `docs/` of the repository, too, which has more: a lesson about
    //! semaphores with programs to run (and a playground in the browser), measurements, the design, and what was verified.
    //!
    //! * [`cookbook`]: policies built from the semaphore, each with a tested bound: rate limits, priorities, load shedding.
    //! * [`pitfalls`]: *Which report is yours?* From a symptom to what to write, and the faults of other semaphores.
    //! * [`migrating`]: from tokio, async-lock, embassy-sync or Python's asyncio.
    //! * [`targets`]: targets and executors, interrupt handlers and priorities.
    //! * [`loom`]: how to check code that uses this crate with loom.

    // A link name that is defined twice leads to the first definition. A page defines its links at its end, for readers of
    // the repository; the definitions that are included before the page are for these docs. The doc tests leave them out, so
    // that the name of a test contains the line number on the page.

    // Its code is tested in the package `fairgate-cookbook`, with the crates that it needs.
    #[cfg(not(doctest))]
    #[doc(alias = "axum")]
    #[doc(alias = "backoff")]
    #[doc(alias = "backpressure")]
    #[doc(alias = "bulkhead")]
    #[doc(alias = "concurrency limit")]
    #[doc(alias = "connection pool")]
    #[doc(alias = "graceful shutdown")]
    #[doc(alias = "JoinSet")]
    #[doc(alias = "load shedding")]
    #[doc(alias = "priority")]
    #[doc(alias = "rate limit")]
    #[doc(alias = "retry")]
    #[doc(alias = "tower")]
    #[doc(alias = "worker pool")]
    #[doc = "[pitfalls]: pitfalls"]
    #[doc = include_str!("../docs/cookbook.md")]
    pub mod cookbook {}
    // Its code is tested in `loom-tests/user/`.
    #[cfg(not(doctest))]
    #[doc = include_str!("../docs/loom.md")]
    pub mod loom {}
    #[doc = include_str!("../docs/migrating.md")]
    pub mod migrating {}
    #[doc(alias = "deadlock")]
    #[doc(alias = "hang")]
    #[doc(alias = "starvation")]
    #[cfg_attr(
        not(doctest),
        doc = "[cookbook]: cookbook
[aimd]: cookbook#a-limit-that-adapts-to-failures
[blocking]: cookbook#blocking-work-and-blocking-waits
[exclusive]: cookbook#exclusive-access-and-graceful-shutdown
[join_set]: cookbook#a-joinset-with-a-limit
[keyed]: cookbook#a-limit-per-host-a-lock-per-key
[lanes]: cookbook#priority-an-urgent-lane
[layer]: cookbook#a-layer-for-tower-and-axum
[limits]: cookbook#a-limit-set-at-run-time
[observed]: cookbook#metrics
[priority]: cookbook#priority-by-value
[rate]: cookbook#rate-limit-concurrency-limit-and-retries
[shed]: cookbook#load-shedding
[tenants]: cookbook#fair-between-tenants
[weights]: cookbook#weights-memory-and-slots-together"
    )]
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
/// What the checks in `loom-tests/` and the playground observe.
#[cfg(fairgate_steps)]
pub use sync::{Event, Step, observe};
#[doc(hidden)]
pub use timeout::{Deadline, Limited};
pub use timeout::{TimeoutExt, with_timeout};
