use std::error;
use std::fmt;
use std::time::Duration;

/// Why a [`Fleet`](crate::Fleet) cannot grant a lease. A lost connection is not such a reason: it is retried.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Other processes use the same key with another number of permits or another lease.
    Mismatch {
        /// The number of permits in use.
        permits: usize,
        /// The lease in use.
        lease: Duration,
    },
    /// The server refuses, and would refuse again: a wrong password, a missing permission, a key of another type.
    Server(redis::RedisError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { permits, lease } => write!(
                f,
                "the key is in use with {permits} permits and a lease of {lease:?}; all processes must use the same"
            ),
            Self::Server(error) => write!(f, "the server refuses: {error}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Mismatch { .. } => None,
            Self::Server(error) => Some(error),
        }
    }
}

/// The lease ended before it was released, so another holder may have been granted the permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lease ended before it was released")
    }
}

impl error::Error for Lost {}
