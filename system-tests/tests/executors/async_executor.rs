//! smol's executor without smol's own threads. The timer belongs to no executor.

use std::rc::Rc;
use std::sync::Arc;

use async_executor::{Executor, LocalExecutor};
use fairgate_system_tests::{Shared, TASKS, task};
use futures_lite::future::block_on;
use futures_timer::Delay;

use crate::TIMEOUT;

#[test]
fn two_threads_of_one_executor() {
    let (shared, executor) = (Arc::new(Shared::new()), Executor::new());
    let tasks: Vec<_> =
        (0..TASKS).map(|id| executor.spawn(task(shared.clone(), id, Delay::new(TIMEOUT)))).collect();
    let all = async {
        for task in tasks {
            task.await;
        }
    };
    std::thread::scope(|threads| {
        threads.spawn(|| block_on(executor.run(shared.wait_until_done())));
        block_on(executor.run(all));
    });
    shared.check();
}

#[test]
fn one_thread_with_local_tasks() {
    let (shared, executor) = (Rc::new(Shared::new()), LocalExecutor::new());
    let tasks: Vec<_> =
        (0..TASKS).map(|id| executor.spawn(task(shared.clone(), id, Delay::new(TIMEOUT)))).collect();
    block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
    shared.check();
}
