#![forbid(unsafe_code)]
//! The error types.

use core::error::Error;
use core::fmt;

/// The semaphore was closed before the permits were granted.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let semaphore = fairgate::Semaphore::new(0);
/// semaphore.close();
/// assert_eq!(semaphore.acquire().await.unwrap_err().to_string(), "semaphore closed");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError(pub(crate) ());

/// The permits could not be acquired without waiting.
///
/// # Examples
/// ```
/// use fairgate::{Semaphore, TryAcquireError};
///
/// let semaphore = Semaphore::new(0);
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// semaphore.close();
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// Too few permits are available, or another request is queued.
    NoPermits,
}

/// A [bounded](crate::AcquireFrom::bounded) request failed.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let error = fairgate::Semaphore::new(0).acquire().bounded(0).await.unwrap_err();
/// assert_eq!(error, fairgate::BoundedAcquireError::QueueFull);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundedAcquireError {
    /// The semaphore is closed.
    Closed,
    /// The queue is full: the request has to wait, and `max_waiters` or more requests are queued.
    QueueFull,
}

/// The mutex could not be locked without waiting: it is locked, or another request is queued.
///
/// # Examples
/// ```
/// let mutex = fairgate::Mutex::new(());
/// let _guard = mutex.try_lock().unwrap();
/// assert!(mutex.try_lock().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryLockError(pub(crate) ());

/// The deadline passed before the future completed. The future has been dropped.
///
#[cfg_attr(feature = "std", doc = "It converts into a [`std::io::Error`] of the kind `TimedOut`.")]
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use std::future::{pending, ready};
///
/// let elapsed = fairgate::with_timeout(pending::<()>(), ready(())).await.unwrap_err();
/// assert_eq!(elapsed.to_string(), "deadline has elapsed");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(pub(crate) ());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "semaphore closed",
            Self::NoPermits => "no permits available",
        })
    }
}

impl fmt::Display for BoundedAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "semaphore closed",
            Self::QueueFull => "queue full",
        })
    }
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for AcquireError {}
impl Error for TryAcquireError {}
impl Error for BoundedAcquireError {}
impl Error for TryLockError {}
impl Error for Elapsed {}

#[cfg(feature = "std")]
impl From<Elapsed> for std::io::Error {
    fn from(_: Elapsed) -> Self {
        std::io::ErrorKind::TimedOut.into()
    }
}
