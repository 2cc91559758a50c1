//! The executors of the futures crates. The timer belongs to no executor.

use std::rc::Rc;
use std::sync::Arc;

use fairgate_system_tests::{Shared, TASKS, task};
use futures_executor::{LocalPool, ThreadPool, block_on};
use futures_timer::Delay;
use futures_util::task::LocalSpawnExt;

use crate::TIMEOUT;

#[test]
fn the_thread_pool() {
    let shared = Arc::new(Shared::new());
    let pool = ThreadPool::builder().pool_size(2).create().unwrap();
    (0..TASKS).for_each(|id| pool.spawn_ok(task(shared.clone(), id, Delay::new(TIMEOUT))));
    block_on(shared.wait_until_done());
    shared.check();
}

#[test]
fn the_local_pool() {
    let (shared, mut pool) = (Rc::new(Shared::new()), LocalPool::new());
    for id in 0..TASKS {
        pool.spawner().spawn_local(task(shared.clone(), id, Delay::new(TIMEOUT))).unwrap();
    }
    pool.run();
    shared.check();
}
