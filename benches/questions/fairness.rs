//! What order costs, and what it buys: throughput beside the spread of waiting times.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use smol::future::{block_on, yield_now};

use super::tasks::on_threads;
use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter};

pub const QUESTION: Question = Question {
    name: "fairness",
    title: "The price of order, and the waiting it spares",
    statistic: Statistic::Median,
    budget: Duration::from_secs(8),
};

const TASKS: usize = 100;
const PERMITS: usize = 10;
const ACQUIRES: usize = 500;

const THREADS: usize = 4;
const RUN: Duration = Duration::from_millis(50);

pub fn ask(question: &Question) -> Vec<Figure> {
    let measures = [("per acquire,", "ns"), ("p50,", "µs"), ("p99,", "µs"), ("longest,", "µs")]
        .map(|(name, unit)| Measure { name, unit });

    let mut tasks = question.contest("100 tasks, 10 permits", measures);
    enter!(tasks, crowd_of_tasks(): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);

    let mut threads = question.contest("4 threads, 1 permit", measures);
    enter!(threads, crowd_of_threads(): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, Saa,
        AsyncLock);

    [tasks, threads].into_iter().flat_map(Contest::run).collect()
}

/// Each holds its permit while others run.
fn crowd_of_tasks<G: Gate>() -> impl FnMut() -> [f64; 4] {
    move || {
        let gate = Arc::new(G::new(PERMITS));
        let executor = smol::Executor::new();
        on_threads(&executor, async {
            let start = Instant::now();
            let spawn = |_| executor.spawn(work(gate.clone()));
            let mut waits = Vec::with_capacity(TASKS * ACQUIRES);
            for task in (0..TASKS).map(spawn).collect::<Vec<_>>() {
                waits.extend(task.await);
            }
            spread(start.elapsed(), waits)
        })
    }
}

async fn work<G: Gate>(gate: Arc<G>) -> Vec<Duration> {
    let mut waits = Vec::with_capacity(ACQUIRES);
    for _ in 0..ACQUIRES {
        let start = Instant::now();
        let _held = gate.acquire().await;
        waits.push(start.elapsed());
        yield_now().await;
    }
    waits
}

/// Each works a little while it holds the permit, and comes back at once.
fn crowd_of_threads<G: Gate>() -> impl FnMut() -> [f64; 4] {
    move || {
        let (gate, stop) = (G::new(1), AtomicBool::new(false));
        let run = || {
            let mut waits = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let start = Instant::now();
                let _held = block_on(gate.acquire());
                waits.push(start.elapsed());
                (0..50).for_each(|_| hint::spin_loop());
            }
            waits
        };
        let start = Instant::now();
        let waits = thread::scope(|scope| {
            let handles: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
            thread::sleep(RUN);
            stop.store(true, Ordering::Relaxed);
            handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
        });
        spread(start.elapsed(), waits)
    }
}

fn spread(total: Duration, mut waits: Vec<Duration>) -> [f64; 4] {
    waits.sort();
    let per_acquire = total.as_nanos() as f64 / waits.len() as f64;
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    [per_acquire, at(50), at(99), at(100)]
}
