//! What a timeout adds to an acquire, and tasks whose acquires time out.

use std::future::pending;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairgate::with_timeout;
use smol::future::{FutureExt, yield_now};

use super::tasks::on_threads;
use super::uncontended::per_operation;
use crate::harness::{Benchmark, Runner, Statistic, add, ready};
use crate::peers::*;

pub const ADAPTER: Benchmark =
    Benchmark { name: "adapter", statistic: Statistic::Min, budget: Duration::from_secs(3), run: adapters };

pub const LOAD: Benchmark =
    Benchmark { name: "timeouts", statistic: Statistic::Median, budget: Duration::from_secs(6), run: load };

const TASKS: u64 = 100;
const PERMITS: usize = 10;
const ATTEMPTS: usize = 200;
/// The longest deadline, in turns of the executor.
const MAX_TURNS: usize = 32;

/// Every adapter wraps fairgate's acquire.
fn adapters(runner: &mut Runner) {
    runner.group("uncontended acquire", [("", "ns")], |group| {
        let semaphore = Fairgate::new(1);
        group.add("no timeout", Kind::Baseline, move || {
            per_operation(|| drop(ready!(black_box(&semaphore).acquire())))
        });
        let semaphore = Fairgate::new(1);
        group.add("fairgate::with_timeout", Kind::Fairgate, move || {
            per_operation(|| drop(ready!(with_timeout(black_box(&semaphore).acquire(), pending::<()>()))))
        });
        let semaphore = Fairgate::new(1);
        group.add("futures-lite or", Kind::Fair, move || {
            per_operation(|| {
                let acquire = async { Some(black_box(&semaphore).acquire().await) };
                drop(ready!(acquire.or(pending())));
            })
        });
        let semaphore = Fairgate::new(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        group.add("tokio::time::timeout", Kind::Fair, move || {
            let _context = runtime.enter();
            per_operation(|| {
                let limit = Duration::from_secs(3600);
                drop(ready!(tokio::time::timeout(limit, black_box(&semaphore).acquire())));
            })
        });
    });
    blocking(runner);
}

/// A time limit for a thread, on fairgate's mutex.
fn blocking(runner: &mut Runner) {
    runner.group("uncontended blocking lock", [("", "ns")], |group| {
        let mutex = fairgate::Mutex::new(());
        group.add("blocking_lock", Kind::Baseline, move || {
            per_operation(|| drop(black_box(&mutex).blocking_lock()))
        });
        let mutex = fairgate::Mutex::new(());
        group.add("lock().wait_timeout", Kind::Fairgate, move || {
            let limit = Duration::from_secs(3600);
            per_operation(|| drop(black_box(&mutex).lock().wait_timeout(black_box(limit))))
        });
    });
}

fn load(runner: &mut Runner) {
    runner.group("100 tasks, 10 permits", [("per attempt", "ns"), ("timed out", "%")], |group| {
        add!(group, tasks(): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);
    });
}

/// All peers wait within the same `with_timeout`. The deadlines count turns of the executor, so they do not depend
/// on the clock.
fn tasks<P: Peer>() -> impl FnMut() -> [f64; 2] {
    move || {
        let semaphore = Arc::new(P::new(PERMITS));
        let executor = smol::Executor::new();
        on_threads(&executor, async {
            let start = Instant::now();
            let spawn = |seed| executor.spawn(work(semaphore.clone(), fastrand::Rng::with_seed(seed)));
            let mut timed_out = 0;
            for task in (0..TASKS).map(spawn).collect::<Vec<_>>() {
                timed_out += task.await;
            }
            let attempts = TASKS as f64 * ATTEMPTS as f64;
            let per_attempt = start.elapsed().as_nanos() as f64 / attempts;
            [per_attempt, 100.0 * timed_out as f64 / attempts]
        })
    }
}

async fn work<P: Peer>(semaphore: Arc<P>, mut random: fastrand::Rng) -> usize {
    let mut timed_out = 0;
    for _ in 0..ATTEMPTS {
        let deadline = turns(random.usize(1..=MAX_TURNS));
        match with_timeout(semaphore.acquire(), deadline).await {
            Ok(_held) => yield_now().await,
            Err(_) => timed_out += 1,
        }
    }
    timed_out
}

async fn turns(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}
