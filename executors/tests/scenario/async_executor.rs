//! Driven by hand, without smol's threads; the timer belongs to no executor.

use std::rc::Rc;
use std::sync::Arc;

use async_executor::{Executor, LocalExecutor};
use fairgate_executors::{Scene, TASKS, task};
use futures_lite::future::block_on;
use futures_timer::Delay;

use crate::LIMIT;

#[test]
fn two_threads_of_one_executor() {
    let (scene, executor) = (Arc::new(Scene::new()), Executor::new());
    let tasks: Vec<_> =
        (0..TASKS).map(|id| executor.spawn(task(scene.clone(), id, Delay::new(LIMIT)))).collect();
    let all = async {
        for task in tasks {
            task.await;
        }
    };
    std::thread::scope(|threads| {
        threads.spawn(|| block_on(executor.run(scene.wait_until_done())));
        block_on(executor.run(all));
    });
    scene.check();
}

#[test]
fn tasks_that_stay_on_one_thread() {
    let (scene, executor) = (Rc::new(Scene::new()), LocalExecutor::new());
    let tasks: Vec<_> =
        (0..TASKS).map(|id| executor.spawn(task(scene.clone(), id, Delay::new(LIMIT)))).collect();
    block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
    scene.check();
}
