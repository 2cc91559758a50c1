//! An executor for microcontrollers, on this machine: tasks and shared state in static memory.

use embassy_executor::Executor;
use embassy_time::{Duration, Timer};
use fairgate_system_tests::{Shared, TASKS, task};
use futures_lite::future::block_on;

use crate::TIMEOUT;

static SHARED: Shared = Shared::new();

#[embassy_executor::task(pool_size = TASKS)]
async fn run(id: usize) {
    task(&SHARED, id, Timer::after(Duration::from_millis(TIMEOUT.as_millis() as u64))).await;
}

/// The executor never returns, so it runs on a thread that ends with the process.
#[test]
fn tasks_in_static_memory() {
    std::thread::spawn(|| {
        let executor = Box::leak(Box::new(Executor::new()));
        executor.run(|spawner| (0..TASKS).for_each(|id| spawner.spawn(run(id).unwrap())))
    });
    block_on(SHARED.wait_until_done());
    SHARED.check();
}
