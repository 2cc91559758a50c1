use std::error;
use std::fmt;

use redis::{ErrorKind, RedisError};

/// Why a [`Fleet`](crate::Fleet) does not grant a lease.
///
/// A server that cannot be reached is not a reason for [`acquire`](crate::Fleet::acquire), which tries again until the
/// caller cancels it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server refuses, and would refuse again: a missing permission, a wrong password, a key of another type.
    Refused(RedisError),
    /// The server cannot be reached now. Only operations that do not wait return this.
    Unreachable(RedisError),
    /// The server may evict keys, so a limit could be exceeded: its `maxmemory-policy` must be `noeviction`.
    Evicting {
        /// The server's policy.
        policy: String,
    },
    /// The request is for more permits than the limit, so it would never be granted.
    TooMany {
        /// The limit in force.
        permits: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the server refuses: {error}"),
            Self::Unreachable(error) => write!(f, "the server cannot be reached: {error}"),
            Self::Evicting { policy } => {
                write!(
                    f,
                    "the server may evict keys: its maxmemory-policy is {policy} and must be noeviction"
                )
            }
            Self::TooMany { permits } => write!(f, "more permits than the limit of {permits}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Refused(error) | Self::Unreachable(error) => Some(error),
            Self::Evicting { .. } | Self::TooMany { .. } => None,
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

/// Nothing drives the requests any more: the driver panicked.
pub(crate) fn driver_ended() -> Error {
    Error::Refused((ErrorKind::Client, "the driver of the server ended").into())
}

/// Codes of answers that a retry cannot change. Every other answer is a matter of time.
const PERMANENT: [&str; 5] = ["NOPERM", "NOAUTH", "WRONGPASS", "WRONGTYPE", "CROSSSLOT"];

/// Whether the server would refuse again.
pub(crate) fn is_permanent(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::RESP3NotSupported
        | ErrorKind::UnexpectedReturnType => true,
        ErrorKind::Server(_) | ErrorKind::Extension => {
            // Redis 6 wraps the error of a command in one of the script: "ERR Error running script ...: -NOPERM ...".
            let inner = error.detail().unwrap_or_default().split_whitespace();
            let is_listed = |code: &str| PERMANENT.contains(&code.trim_start_matches('-'));
            error.code().is_some_and(is_listed) || inner.into_iter().any(is_listed)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> RedisError {
        match redis::parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(value) => value.extract_error().expect_err("an error"),
            Err(error) => error,
        }
    }

    #[test]
    fn only_listed_codes_are_permanent() {
        for line in [
            "NOPERM this user has no permissions to run the 'evalsha' command",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "NOAUTH Authentication required.",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "CROSSSLOT Keys in request don't hash to the same slot",
            "ERR Error running script (call to f_0): @user_script:1: WRONGTYPE Operation against a key",
            "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -NOPERM The user",
        ] {
            assert!(is_permanent(&answer(line)), "{line}");
        }
        for line in [
            "UNBLOCKED force unblock from blocking operation",
            "READONLY You can't write against a read only replica.",
            "NOREPLICAS Not enough good replicas to write.",
            "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -READONLY You can't write",
            "ERR Error running script (call to f_0): @user_script:1: -NOREPLICAS Not enough good replicas",
            "LOADING Redis is loading the dataset in memory",
            "MOVED 3999 127.0.0.1:6381",
            "CLUSTERDOWN The cluster is down",
            "MISCONF Redis is configured to save RDB snapshots",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "ERR max number of clients reached",
            "NEWCODE of a later version",
        ] {
            assert!(!is_permanent(&answer(line)), "{line}");
        }
    }
}
