//! smol's global executor, with its own timer.

use std::sync::Arc;

use fairgate_executors::{Scene, TASKS, task};
use smol::Timer;

use crate::LIMIT;

#[test]
fn the_global_executor() {
    let scene = Arc::new(Scene::new());
    let tasks: Vec<_> =
        (0..TASKS).map(|id| smol::spawn(task(scene.clone(), id, Timer::after(LIMIT)))).collect();
    smol::block_on(async {
        for task in tasks {
            task.await;
        }
    });
    scene.check();
}
