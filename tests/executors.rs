//! The same code on smol, tokio and a bare `block_on`. The scenario and a dozen executors more are in `system-tests/`.
#![cfg(not(miri))]

#[expect(unreachable_pub, reason = "a separate package")]
#[path = "../system-tests/src/lib.rs"]
mod scenario;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;
use futures_timer::Delay;
use scenario::{Shared, TASKS, task};
use smol::{LocalExecutor, Timer};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_millis(20);

/// Awaits all tasks.
async fn all<T: Future>(tasks: Vec<T>) {
    for task in tasks {
        task.await;
    }
}

#[test]
fn on_the_threads_of_smol() {
    let shared = Arc::new(Shared::new());
    let spawn = |id| smol::spawn(task(shared.clone(), id, Timer::after(LIMIT)));
    smol::block_on(all((0..TASKS).map(spawn).collect()));
    shared.check();
}

#[test]
fn on_one_thread_of_smol() {
    let (shared, executor) = (Rc::new(Shared::new()), LocalExecutor::new());
    let spawn = |id| executor.spawn(task(shared.clone(), id, Timer::after(LIMIT)));
    smol::block_on(executor.run(all((0..TASKS).map(spawn).collect())));
    shared.check();
}

fn tokio(mut builder: Builder) -> Runtime {
    builder.worker_threads(2).enable_time().build().unwrap()
}

#[test]
fn on_the_threads_of_tokio() {
    let shared = Arc::new(Shared::new());
    tokio(Builder::new_multi_thread()).block_on(async {
        let spawn = |id| tokio::spawn(task(shared.clone(), id, sleep(LIMIT)));
        all((0..TASKS).map(spawn).collect()).await;
    });
    shared.check();
}

#[test]
fn on_one_thread_of_tokio() {
    let shared = Rc::new(Shared::new());
    LocalSet::new().block_on(&tokio(Builder::new_current_thread()), async {
        let spawn = |id| spawn_local(task(shared.clone(), id, sleep(LIMIT)));
        all((0..TASKS).map(spawn).collect()).await;
    });
    shared.check();
}

#[test]
fn on_threads_that_block() {
    let shared = &Shared::new();
    thread::scope(|threads| {
        for id in 0..TASKS {
            threads.spawn(move || block_on(task(shared, id, Delay::new(LIMIT))));
        }
        block_on(shared.wait_until_done());
    });
    shared.check();
}
