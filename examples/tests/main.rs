//! The examples, their library, and what the lesson says about them. One binary, so that `cargo test` links fewer.

mod common;

mod connection_pool;
mod fetch_posts;
#[cfg(feature = "https")]
mod https;
mod lesson;
mod output;
#[cfg(unix)]
mod terminal;
