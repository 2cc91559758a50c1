//! The promises. A file is a promise, a test's name its sentence. Most tests run for borrowed and shared semaphores and
//! mutexes alike.
//!
//! `P..` are the numbers of what broke other crates. Three of them have more than a test here: P21 and P24, a cancel
//! that meets a grant, are gone through step for step in `loom-tests/`; P17, on aliasing, is for Miri to judge. P23,
//! that a long line costs no more than a short one, is a question of `benches/`; and P33, that nothing of this depends
//! on a debug build, is why all of it runs in release, too.

#[path = "../common/mod.rs"]
mod common;

mod order;
mod conservation;
mod cancel;
mod close;
mod timeout;
mod foreign_code;
mod panics;
mod overflow;
mod waiting;
mod visibility;

mod guards;
mod pinned;
mod traits;
mod shown;

mod specification;
mod second_opinion;
