//! Tasks on an executor with two threads. Each task yields while it holds its permit.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Benchmark, Runner, Statistic, add};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "tasks", statistic: Statistic::Median, budget: Duration::from_secs(4), run };

const THREADS: usize = 2;

#[derive(Clone, Copy)]
struct Load {
    tasks: usize,
    permits: usize,
    acquires: usize,
}

const LOADS: [(Load, &str); 4] = [
    (Load { tasks: 1_000, permits: 1, acquires: 50 }, "1,000 tasks, 1 permit"),
    (Load { tasks: 1_000, permits: 10, acquires: 50 }, "1,000 tasks, 10 permits"),
    (Load { tasks: 100_000, permits: 1, acquires: 3 }, "100,000 tasks, 1 permit"),
    (Load { tasks: 100_000, permits: 10, acquires: 3 }, "100,000 tasks, 10 permits"),
];

fn run(runner: &mut Runner) {
    for (load, name) in LOADS {
        runner.group(&format!("{name} on smol"), [("", "ns")], |group| {
            add!(group, on_smol(load): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);
        });
        runner.group(&format!("{name} on tokio"), [("", "ns")], |group| {
            add!(group, on_tokio(load): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);
        });
    }
}

fn on_smol<P: Peer>(load: Load) -> impl FnMut() -> [f64; 1] {
    move || {
        let semaphore = Arc::new(P::new(load.permits));
        let executor = smol::Executor::new();
        on_threads(&executor, async {
            let start = Instant::now();
            let spawn = |_| executor.spawn(work(semaphore.clone(), load.acquires, smol::future::yield_now));
            for task in (0..load.tasks).map(spawn).collect::<Vec<_>>() {
                task.await;
            }
            load.per_acquire(start)
        })
    }
}

fn on_tokio<P: Peer>(load: Load) -> impl FnMut() -> [f64; 1] {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(THREADS).build().expect("a runtime can be created");
    move || {
        let semaphore = Arc::new(P::new(load.permits));
        runtime.block_on(async {
            let start = Instant::now();
            let spawn = |_| tokio::spawn(work(semaphore.clone(), load.acquires, tokio::task::yield_now));
            for task in (0..load.tasks).map(spawn).collect::<Vec<_>>() {
                task.await.expect("no task panics");
            }
            load.per_acquire(start)
        })
    }
}

async fn work<P: Peer, F: Future + Send>(semaphore: Arc<P>, acquires: usize, yield_now: fn() -> F) {
    for _ in 0..acquires {
        let _held = semaphore.acquire().await;
        yield_now().await;
    }
}

/// Runs the executor on two threads, this one included, until `main` is done.
pub fn on_threads<T>(executor: &smol::Executor<'_>, main: impl Future<Output = T>) -> T {
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(|| smol::block_on(executor.run(stopped.recv())));
        }
        let result = smol::block_on(executor.run(main));
        drop(stop);
        result
    })
}

impl Load {
    fn per_acquire(self, start: Instant) -> [f64; 1] {
        [start.elapsed().as_nanos() as f64 / (self.tasks * self.acquires) as f64]
    }
}
