//! Test support: observable wakers, futures polled by hand, and the specification.
#![allow(unreachable_pub, reason = "`pub` reads better here than `pub(crate)`")]

pub mod model;
pub mod script;
pub mod source;
pub mod spec;
pub mod step;
pub mod wait;
pub mod waker;
pub mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

pub use wait::{HUNG, wait_until};

/// Runs `test` on its own thread and fails with `name` if it deadlocks.
pub fn with_watchdog(name: &str, test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _done = done;
        test();
    });
    let outcome = ended.recv_timeout(HUNG);
    assert_ne!(outcome, Err(RecvTimeoutError::Timeout), "{name}: deadlock");
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
}

/// Returns whether `run` panics.
pub fn panics<R>(run: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

/// Whether a tool makes everything slow: Miri, or one that sets `FAIRGATE_QUICK`.
pub fn slow() -> bool {
    cfg!(miri) || std::env::var_os("FAIRGATE_QUICK").is_some()
}

/// The number of rounds to run: `n`, or fewer under a slow tool.
pub fn rounds(n: usize) -> usize {
    if slow() { n.div_ceil(50) } else { n }
}
