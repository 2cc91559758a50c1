//! The executors of the futures crates, with a timer that belongs to no executor.

use std::rc::Rc;
use std::sync::Arc;

use fairgate_executors::{Scene, TASKS, task};
use futures_executor::{LocalPool, ThreadPool, block_on};
use futures_timer::Delay;
use futures_util::task::LocalSpawnExt;

use crate::LIMIT;

#[test]
fn the_thread_pool() {
    let scene = Arc::new(Scene::new());
    let pool = ThreadPool::builder().pool_size(2).create().unwrap();
    (0..TASKS).for_each(|id| pool.spawn_ok(task(scene.clone(), id, Delay::new(LIMIT))));
    block_on(scene.wait_until_done());
    scene.check();
}

#[test]
fn the_local_pool() {
    let (scene, mut pool) = (Rc::new(Scene::new()), LocalPool::new());
    for id in 0..TASKS {
        pool.spawner().spawn_local(task(scene.clone(), id, Delay::new(LIMIT))).unwrap();
    }
    pool.run();
    scene.check();
}
