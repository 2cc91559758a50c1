//! The executor of the microcontrollers, on this machine: tasks in static memory, and a static scene.

use embassy_executor::Executor;
use embassy_time::{Duration, Timer};
use fairgate_executors::{Scene, TASKS, task};
use futures_lite::future::block_on;

use crate::LIMIT;

static SCENE: Scene = Scene::new();

#[embassy_executor::task(pool_size = TASKS)]
async fn part(id: usize) {
    task(&SCENE, id, Timer::after(Duration::from_millis(LIMIT.as_millis() as u64))).await;
}

/// The executor runs for ever, on a thread that ends with the process.
#[test]
fn tasks_in_static_memory() {
    std::thread::spawn(|| {
        let executor = Box::leak(Box::new(Executor::new()));
        executor.run(|spawner| (0..TASKS).for_each(|id| spawner.spawn(part(id).unwrap())))
    });
    block_on(SCENE.wait_until_done());
    SCENE.check();
}
