//! Tasks on an executor of two threads, each of which holds its permit while others run.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter};

pub const QUESTION: Question = Question {
    name: "tasks",
    title: "Tasks on two threads, per acquire",
    statistic: Statistic::Median,
    budget: Duration::from_secs(4),
};

const THREADS: usize = 2;

#[derive(Clone, Copy)]
struct Crowd {
    tasks: usize,
    permits: usize,
    acquires: usize,
}

const CROWDS: [(Crowd, &str); 4] = [
    (Crowd { tasks: 1_000, permits: 1, acquires: 50 }, "1,000 tasks, 1 permit"),
    (Crowd { tasks: 1_000, permits: 10, acquires: 50 }, "1,000 tasks, 10 permits"),
    (Crowd { tasks: 100_000, permits: 1, acquires: 3 }, "100,000 tasks, 1 permit"),
    (Crowd { tasks: 100_000, permits: 10, acquires: 3 }, "100,000 tasks, 10 permits"),
];

pub fn ask(question: &Question) -> Vec<Figure> {
    let measure = |name| [Measure { name, unit: "ns" }];
    let contests = CROWDS.into_iter().flat_map(|(crowd, name)| {
        let mut smol = question.contest(name, measure("smol,"));
        enter!(smol, on_smol(crowd): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
            AsyncLock);
        let mut tokio = question.contest(name, measure("tokio,"));
        enter!(tokio, on_tokio(crowd): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
            AsyncLock);
        [smol, tokio]
    });
    contests.flat_map(Contest::run).collect()
}

fn on_smol<G: Gate>(crowd: Crowd) -> impl FnMut() -> [f64; 1] {
    move || {
        let gate = Arc::new(G::new(crowd.permits));
        let executor = smol::Executor::new();
        on_threads(&executor, async {
            let start = Instant::now();
            let pause = smol::future::yield_now;
            let spawn = |_| executor.spawn(work(gate.clone(), crowd.acquires, pause));
            for task in (0..crowd.tasks).map(spawn).collect::<Vec<_>>() {
                task.await;
            }
            crowd.per_acquire(start)
        })
    }
}

fn on_tokio<G: Gate>(crowd: Crowd) -> impl FnMut() -> [f64; 1] {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(THREADS).build().expect("a runtime");
    move || {
        let gate = Arc::new(G::new(crowd.permits));
        runtime.block_on(async {
            let start = Instant::now();
            let pause = tokio::task::yield_now;
            let spawn = |_| tokio::spawn(work(gate.clone(), crowd.acquires, pause));
            for task in (0..crowd.tasks).map(spawn).collect::<Vec<_>>() {
                task.await.expect("no task panics");
            }
            crowd.per_acquire(start)
        })
    }
}

async fn work<G: Gate, P: Future + Send>(gate: Arc<G>, acquires: usize, pause: fn() -> P) {
    for _ in 0..acquires {
        let _held = gate.acquire().await;
        pause().await;
    }
}

/// Runs the executor on this thread and on others until `main` is done.
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

impl Crowd {
    fn per_acquire(self, start: Instant) -> [f64; 1] {
        [start.elapsed().as_nanos() as f64 / (self.tasks * self.acquires) as f64]
    }
}
