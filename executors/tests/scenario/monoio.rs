//! A thread-per-core runtime, with its own timer. It drives io_uring where the kernel allows it, else epoll.

use std::rc::Rc;

use fairgate_executors::{Scene, TASKS, task};
use monoio::time::sleep;
use monoio::{FusionDriver, RuntimeBuilder};

use crate::LIMIT;

#[test]
fn one_thread() {
    let scene = Rc::new(Scene::new());
    let mut runtime = RuntimeBuilder::<FusionDriver>::new().enable_timer().build().unwrap();
    runtime.block_on(async {
        let spawn = |id| monoio::spawn(task(scene.clone(), id, sleep(LIMIT)));
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        for task in tasks {
            task.await;
        }
    });
    scene.check();
}
