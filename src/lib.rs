#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(fairgate_loom))))]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", fairgate_loom))]
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
#[doc = include_str!("../docs/design.md")]
pub mod design {}
#[cfg(doc)]
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}

// The code in these pages is tested like that in the sources.
#[cfg(doctest)]
#[doc = include_str!("../docs/lesson.md")]
mod lesson {}

pub use error::{AcquireError, BoundedAcquireError, Elapsed, TryAcquireError, TryLockError};
pub use handle::Handle;
pub use mutex::{
    Erase, Guard, Lock, LockFrom, MappedGuard, MappedMutexGuard, Mutex, MutexGuard, MutexHandle,
};
#[cfg(feature = "alloc")]
pub use mutex::{LockOwned, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use semaphore::{
    Acquire, AcquireFrom, AcquireUpTo, BoundedAcquire, Permit, Semaphore, SemaphorePermit,
};
#[cfg(feature = "alloc")]
pub use semaphore::{AcquireOwned, OwnedSemaphorePermit, PollSemaphore};
pub use timeout::{Deadline, TimeoutExt, WithTimeout, with_timeout};
