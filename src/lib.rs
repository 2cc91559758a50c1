#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", fairgate_loom))]
extern crate std;

mod semaphore;
mod protocol;
mod state;
mod queue;
mod wakers;
mod acquire;
mod permit;
mod mutex;
mod guard;
mod timeout;
#[cfg(feature = "std")]
mod blocking;
mod sync;
mod error;

#[cfg(feature = "alloc")]
pub use acquire::AcquireOwned;
pub use acquire::{Acquire, Acquiring};
pub use error::{AcquireError, Elapsed, TryAcquireError, TryLockError};
pub use guard::{Guard, MappedGuard, MappedMutexGuard, MutexGuard};
#[cfg(feature = "alloc")]
pub use guard::{OwnedMappedMutexGuard, OwnedMutexGuard};
#[cfg(feature = "alloc")]
pub use mutex::LockOwned;
pub use mutex::{Lock, Locking, Mutex};
#[cfg(feature = "alloc")]
pub use permit::OwnedSemaphorePermit;
pub use permit::{Permit, SemaphorePermit};
pub use semaphore::Semaphore;
pub use timeout::{TimeoutExt, WithTimeout, with_timeout};
