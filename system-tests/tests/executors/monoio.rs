//! A thread-per-core runtime, with its own timer. It uses io_uring where the kernel permits, and epoll otherwise.

use std::rc::Rc;

use fairgate_system_tests::{Shared, TASKS, task};
use monoio::time::sleep;
use monoio::{FusionDriver, RuntimeBuilder};

use crate::TIMEOUT;

#[test]
fn one_thread() {
    let shared = Rc::new(Shared::new());
    let mut runtime = RuntimeBuilder::<FusionDriver>::new().enable_timer().build().unwrap();
    runtime.block_on(async {
        let spawn = |id| monoio::spawn(task(shared.clone(), id, sleep(TIMEOUT)));
        let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
        for task in tasks {
            task.await;
        }
    });
    shared.check();
}
