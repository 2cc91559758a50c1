//! The scenario, an executor a file. Those that run many threads share the scene by `Arc`; those that stay on
//! one get tasks that are not `Send`, by `Rc`.

mod async_executor;
mod bevy_tasks;
mod embassy_executor;
mod futures_executor;
mod monoio;
mod pollster;
mod smol;
mod tokio;

use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(20);
