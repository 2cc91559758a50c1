//! The scenario on one executor per file. Where tasks move between threads they share the state by `Arc`; where they
//! do not, by `Rc`, which makes them `!Send`.

mod async_executor;
mod bevy_tasks;
mod embassy_executor;
mod futures_executor;
mod monoio;
mod pollster;
mod smol;
mod tokio;

use std::time::Duration;

const TIMEOUT: Duration = Duration::from_millis(20);
