#![forbid(unsafe_code)]
//! The error types.

use core::error::Error;
use core::fmt;

use crate::raw::Refused;

/// A request failed: the semaphore was closed before the permits were granted, or a bound of the request was exceeded.
///
/// A plain request without a bound fails only because of [`close`](crate::Semaphore::close). [`TryAcquireError`] and
/// [`Elapsed`] convert into this error, so that `?` works on all of them.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// use fairgate::{AcquireError, Semaphore};
///
/// async fn serve(workers: &Semaphore) -> &'static str {
///     match workers.acquire().max_waiters(100).await {
///         Ok(_worker) => "200 OK",
///         Err(error) if error.is_full() => "503 Service Unavailable",
///         Err(_closed) => "410 Gone",
///     }
/// }
/// assert_eq!(serve(&Semaphore::new(1)).await, "200 OK");
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcquireError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Closed,
    Full,
    TimedOut,
}

impl AcquireError {
    /// Returns `true` if the semaphore was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0 == Kind::Closed
    }

    /// Returns `true` if the request would have had to wait, and as many requests were queued as it permits
    /// ([`max_waiters`](crate::futures::Acquire::max_waiters)). A [`TryAcquireError::NoPermits`] is such an error: a try
    /// permits no waiting.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0 == Kind::Full
    }

    /// Returns `true` if the time was up before the permits were granted.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.0 == Kind::TimedOut
    }
}

impl From<Refused> for AcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self(Kind::Closed),
            Refused::NoPermits | Refused::QueueFull => Self(Kind::Full),
        }
    }
}

impl From<TryAcquireError> for AcquireError {
    fn from(error: TryAcquireError) -> Self {
        match error {
            TryAcquireError::Closed => Self(Kind::Closed),
            TryAcquireError::NoPermits => Self(Kind::Full),
        }
    }
}

impl From<Elapsed> for AcquireError {
    fn from(Elapsed(()): Elapsed) -> Self {
        Self(Kind::TimedOut)
    }
}

impl From<Refused> for TryAcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Closed,
            Refused::NoPermits | Refused::QueueFull => Self::NoPermits,
        }
    }
}

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

/// The mutex could not be locked without waiting: it is locked, or another request is queued.
///
/// # Examples
/// ```
/// let mutex = fairgate::Mutex::new(());
/// let _guard = mutex.try_lock().unwrap();
/// assert!(mutex.try_lock().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
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
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(pub(crate) ());

// Not derived: that would link the formatter of nested structs, 700 bytes of the flash of a microcontroller.
impl fmt::Debug for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryLockError(())")
    }
}

impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elapsed(())")
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Closed => "semaphore closed",
            Kind::Full => "queue full",
            Kind::TimedOut => "deadline has elapsed",
        })
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
impl Error for TryLockError {}
impl Error for Elapsed {}

#[cfg(feature = "std")]
impl From<Elapsed> for std::io::Error {
    fn from(_: Elapsed) -> Self {
        std::io::ErrorKind::TimedOut.into()
    }
}
