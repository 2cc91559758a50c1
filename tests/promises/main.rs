//! The promises of the crate: one file per promise, one test per claim. Most tests run for borrowed and `Arc` semaphores
//! and mutexes.
//!
//! P01 to P33 are faults of other crates, listed in `docs/pitfalls.md`. A test cites the faults that it covers. Four are also
//! covered outside `tests/`: P21 and P24, a cancel that races with a grant, by the models in `loom-tests/`; P23, the cost
//! of a long queue, by `benches/`; P17, aliasing, by `pinned.rs` under Miri (`docs/verification.md` says whether it was
//! run). P33, checks that only debug builds make, is covered by running all tests in release builds as well.

#[path = "../common/mod.rs"]
mod common;

mod order;
mod conservation;
mod limit;
mod cancel;
mod close;
mod timeout;
mod reentrancy;
mod wakers;
mod panics;
mod overflow;
mod exact;
mod blocking;
mod visibility;

mod guards;
mod pinned;
mod traits;
mod debug;

mod specification;
mod barging;
