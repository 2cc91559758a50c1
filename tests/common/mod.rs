//! What the tests share: wakers that can be watched, requests polled by hand, and the specification.
#![allow(unreachable_pub, reason = "`pub` reads better here than `pub(crate)`")]

pub mod hooked;
pub mod kind;
pub mod log;
pub mod model;
pub mod scene;
pub mod spec;
pub mod step;

use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Runs it on a thread of its own, so that a deadlock does not keep the one who asks from saying where it happened.
pub fn watched(what: &str, run: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _done = done;
        run();
    });
    let outcome = ended.recv_timeout(Duration::from_secs(20));
    assert_ne!(outcome, Err(RecvTimeoutError::Timeout), "{what}: never ended");
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
}

/// Whether a tool makes everything slow: Miri, or one that says so by `FAIRGATE_QUICK`.
pub fn slow() -> bool {
    cfg!(miri) || std::env::var_os("FAIRGATE_QUICK").is_some()
}

/// So many rounds; fewer where everything is slow.
pub fn rounds(many: usize) -> usize {
    if slow() { many.div_ceil(50) } else { many }
}
