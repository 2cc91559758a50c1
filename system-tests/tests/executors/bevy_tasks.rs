//! The task pool of a game engine.

use bevy_tasks::TaskPoolBuilder;
use fairgate_system_tests::{Shared, TASKS, task};
use futures_timer::Delay;

use crate::TIMEOUT;

#[test]
fn the_task_pool() {
    let shared = &Shared::new();
    let pool = TaskPoolBuilder::new().num_threads(2).build();
    pool.scope(|tasks| (0..TASKS).for_each(|id| tasks.spawn(task(shared, id, Delay::new(TIMEOUT)))));
    shared.check();
}
