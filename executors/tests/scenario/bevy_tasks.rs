//! The task pool of a game engine.

use bevy_tasks::TaskPoolBuilder;
use fairgate_executors::{Scene, TASKS, task};
use futures_timer::Delay;

use crate::LIMIT;

#[test]
fn the_task_pool() {
    let scene = &Scene::new();
    let pool = TaskPoolBuilder::new().num_threads(2).build();
    pool.scope(|tasks| (0..TASKS).for_each(|id| tasks.spawn(task(scene, id, Delay::new(LIMIT)))));
    scene.check();
}
