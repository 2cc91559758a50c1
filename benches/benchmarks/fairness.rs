//! What FIFO order costs in throughput, and what it changes in the waiting times.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use smol::future::{block_on, yield_now};

use super::tasks::on_threads;
use crate::harness::{Benchmark, Runner, Statistic, add};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "fairness", statistic: Statistic::Median, budget: Duration::from_secs(8), run };

const TASKS: usize = 100;
const PERMITS: usize = 10;
const ACQUIRES: usize = 500;

const THREADS: usize = 4;
const ROUND: Duration = Duration::from_millis(50);

fn run(runner: &mut Runner) {
    let measures = ["per acquire", "p50 wait", "p99 wait", "longest wait"].map(|name| (name, "ns"));
    runner.group("100 tasks, 10 permits", measures, |group| {
        add!(group, tasks(): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);
    });
    runner.group("4 threads, 1 permit", measures, |group| {
        add!(group, threads(): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, Saa, AsyncLock);
    });
}

/// Tasks that yield while they hold a permit.
fn tasks<P: Peer>() -> impl FnMut() -> [f64; 4] {
    move || {
        let semaphore = Arc::new(P::new(PERMITS));
        let executor = smol::Executor::new();
        on_threads(&executor, async {
            let start = Instant::now();
            let spawn = |_| executor.spawn(work(semaphore.clone()));
            let mut waits = Vec::with_capacity(TASKS * ACQUIRES);
            for task in (0..TASKS).map(spawn).collect::<Vec<_>>() {
                waits.extend(task.await);
            }
            figures(start.elapsed(), waits)
        })
    }
}

async fn work<P: Peer>(semaphore: Arc<P>) -> Vec<Duration> {
    let mut waits = Vec::with_capacity(ACQUIRES);
    for _ in 0..ACQUIRES {
        let start = Instant::now();
        let _held = semaphore.acquire().await;
        waits.push(start.elapsed());
        yield_now().await;
    }
    waits
}

/// Threads that work for a moment while they hold the permit, and then acquire again at once.
fn threads<P: Peer>() -> impl FnMut() -> [f64; 4] {
    move || {
        let (semaphore, stop) = (P::new(1), AtomicBool::new(false));
        let run = || {
            let mut waits = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let start = Instant::now();
                let _held = block_on(semaphore.acquire());
                waits.push(start.elapsed());
                (0..50).for_each(|_| hint::spin_loop());
            }
            waits
        };
        let start = Instant::now();
        let waits = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
            thread::sleep(ROUND);
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        figures(start.elapsed(), waits)
    }
}

fn figures(total: Duration, mut waits: Vec<Duration>) -> [f64; 4] {
    waits.sort();
    let per_acquire = total.as_nanos() as f64 / waits.len() as f64;
    let at = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_nanos() as f64;
    [per_acquire, at(50), at(99), at(100)]
}
