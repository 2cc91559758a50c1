#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod driver;
mod error;
mod fleet;
mod lease;
mod local;
mod observe;
mod script;
mod server;

pub use error::{Error, Lost};
pub use fleet::{Fleet, Holder, Limit, Status, Waiter};
pub use lease::Lease;
/// The client, in the version that [`Server::new`] takes.
pub use redis;
pub use server::{Options, Server};
