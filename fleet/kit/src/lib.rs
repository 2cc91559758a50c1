//! What breaks a limit over several machines, and the counter that notices: for tests and for the command of this
//! package.

#![forbid(unsafe_code)]

mod counter;
mod relay;
mod server;

use std::time::Duration;

pub use counter::{Counter, Report};
pub use relay::Relay;
pub use rustix::process::Signal;
pub use server::{Address, Server, installed, signal};

/// What takes longer than this does not happen any more: a test fails instead of hanging.
pub const HANGS: Duration = Duration::from_secs(60);
