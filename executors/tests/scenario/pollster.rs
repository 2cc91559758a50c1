//! No executor at all: a thread a task.

use fairgate_executors::{Scene, TASKS, task};
use futures_timer::Delay;
use pollster::block_on;

use crate::LIMIT;

#[test]
fn a_thread_a_task() {
    let scene = &Scene::new();
    std::thread::scope(|threads| {
        for id in 0..TASKS {
            threads.spawn(move || block_on(task(scene, id, Delay::new(LIMIT))));
        }
    });
    scene.check();
}
