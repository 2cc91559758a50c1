//! What the tests share: wakers that can be watched, requests polled by hand, and the specification.
#![allow(unreachable_pub, reason = "`pub` reads better here than `pub(crate)`")]

pub mod hooked;
pub mod kind;
pub mod log;
pub mod model;
pub mod scene;
pub mod spec;
pub mod step;
