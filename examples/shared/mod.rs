//! What the examples share: a posts server and its client, a recorder of who waited and who held,
//! and the ways to show it.
#![allow(dead_code, reason = "each example uses its own part of it")]
#![allow(unreachable_pub, reason = "`pub` reads better here than `pub(crate)`")]

pub mod client;
pub mod ledger;
pub mod lesson;
pub mod live;
pub mod record;
pub mod server;
pub mod timeline;
