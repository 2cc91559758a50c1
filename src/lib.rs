#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(fairgate_loom))))]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", fairgate_loom))]
extern crate std;

mod semaphore;
mod protocol;
mod state;
mod queue;
mod node;
mod wakers;
mod waiter;
mod acquire;
mod permit;
mod mutex;
mod guard;
mod timeout;
#[cfg(feature = "alloc")]
mod poll;
#[cfg(feature = "std")]
mod blocking;
mod handle;
mod sync;
mod error;

#[cfg(doc)]
#[doc = include_str!("../docs/design.md")]
pub mod design {}
#[cfg(doc)]
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}

// The code in these pages is tested like that in the sources.
#[cfg(doctest)]
#[doc = include_str!("../docs/lesson.md")]
mod lesson {}
#[cfg(doctest)]
#[doc = include_str!("../tests/promises/refused.md")]
mod refused {}

#[cfg(feature = "alloc")]
pub use acquire::AcquireOwned;
pub use acquire::{Acquire, AcquireFrom, BoundedAcquire, AcquireUpTo};
pub use error::{AcquireError, BoundedAcquireError, Elapsed, TryAcquireError, TryLockError};
pub use guard::{Guard, MappedGuard, MappedMutexGuard, MutexGuard};
#[cfg(feature = "alloc")]
pub use guard::{OwnedMappedMutexGuard, OwnedMutexGuard};
#[cfg(feature = "alloc")]
pub use mutex::LockOwned;
pub use mutex::{Lock, LockFrom, Mutex};
pub use handle::Handle;
#[cfg(feature = "alloc")]
pub use permit::OwnedSemaphorePermit;
pub use permit::{Permit, SemaphorePermit};
#[cfg(feature = "alloc")]
pub use poll::PollSemaphore;
pub use semaphore::Semaphore;
pub use timeout::{TimeoutExt, WithTimeout, with_timeout};
