//! The promises. A file is a promise, a test's name its sentence; `P..` are the numbers of what broke other
//! crates. Most tests run for borrowed and shared semaphores and mutexes alike.

#[path = "../common/mod.rs"]
mod common;

mod order;
mod conservation;
mod cancel;
mod close;
mod overflow;
mod foreign_code;
mod panics;
mod pinned;
mod guards;
mod timeout;
mod waiting;
mod traits;
mod specification;
mod second_opinion;
