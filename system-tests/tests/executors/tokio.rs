//! tokio's two runtimes, with its own timer.

use std::rc::Rc;
use std::sync::Arc;

use fairgate_system_tests::{Shared, TASKS, task};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use crate::TIMEOUT;

#[test]
fn the_multi_thread_runtime() {
    let shared = Arc::new(Shared::new());
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let spawn = |id| tokio::spawn(task(shared.clone(), id, sleep(TIMEOUT)));
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    shared.check();
}

#[test]
fn the_current_thread_runtime() {
    let shared = Rc::new(Shared::new());
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let spawn = |id| spawn_local(task(shared.clone(), id, sleep(TIMEOUT)));
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    shared.check();
}
