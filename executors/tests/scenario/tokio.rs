//! tokio's two runtimes, with its own timer.

use std::rc::Rc;
use std::sync::Arc;

use fairgate_executors::{Scene, TASKS, task};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::LIMIT;

#[test]
fn the_multi_thread_runtime() {
    let scene = Arc::new(Scene::new());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let spawn = |id| tokio::spawn(task(scene.clone(), id, sleep(LIMIT)));
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    scene.check();
}

#[test]
fn the_current_thread_runtime() {
    let scene = Rc::new(Scene::new());
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let spawn = |id| spawn_local(task(scene.clone(), id, sleep(LIMIT)));
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    scene.check();
}
