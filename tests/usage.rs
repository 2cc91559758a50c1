//! How the crate is used: its API beside that of other crates, timers, executors, a build without `std`, and what the pages
//! say. One binary, so that `cargo test` links fewer.

mod diagnostics;
#[path = "drop_in/main.rs"]
mod drop_in;
mod executors;
mod extensions;
#[path = "no_std/main.rs"]
mod no_std;
mod pitfalls;
mod search;
mod timers;
