//! smol's global executor, with its own timer.

use std::sync::Arc;

use fairgate_system_tests::{Shared, TASKS, task};
use smol::Timer;

use crate::TIMEOUT;

#[test]
fn the_global_executor() {
    let shared = Arc::new(Shared::new());
    let tasks: Vec<_> =
        (0..TASKS).map(|id| smol::spawn(task(shared.clone(), id, Timer::after(TIMEOUT)))).collect();
    smol::block_on(async {
        for task in tasks {
            task.await;
        }
    });
    shared.check();
}
