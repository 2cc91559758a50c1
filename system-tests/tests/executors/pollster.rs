//! No executor: each task has its own thread, which blocks.

use fairgate_system_tests::{Shared, TASKS, task};
use futures_timer::Delay;
use pollster::block_on;

use crate::TIMEOUT;

#[test]
fn one_thread_per_task() {
    let shared = &Shared::new();
    std::thread::scope(|threads| {
        for id in 0..TASKS {
            threads.spawn(move || block_on(task(shared, id, Delay::new(TIMEOUT))));
        }
    });
    shared.check();
}
