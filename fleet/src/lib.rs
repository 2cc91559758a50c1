#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod driver;
mod error;
mod fleet;
mod grant;
mod lease;
mod runtime;
mod server;

pub use error::{Error, Lost};
pub use fleet::Fleet;
pub use lease::Lease;
