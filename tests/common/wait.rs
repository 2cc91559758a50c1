//! Waiting for another thread. No test asserts on time: the only limit is the one after which a test has hung.

use std::thread;
use std::time::Duration;

/// Only a test that has hung takes this long, even on a busy machine and under a tool that makes everything slow.
pub const HUNG: Duration = Duration::from_secs(120);

/// Sleeps until `condition` holds. A thread that spins or yields instead may keep the thread that it waits for from
/// running: valgrind runs one thread at a time, and a machine may be busy. The first checks follow each other closely,
/// so that the caller also sees moments right after the other thread has acted.
pub fn wait_until(mut condition: impl FnMut() -> bool) {
    const CLOSE_CHECKS: usize = if cfg!(miri) { 1 } else { 1000 };
    for _ in 0..CLOSE_CHECKS {
        if condition() {
            return;
        }
        std::hint::spin_loop();
    }
    while !condition() {
        thread::sleep(Duration::from_micros(100));
    }
}
