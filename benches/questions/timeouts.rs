//! A mixed load in which many waiters lose patience. All wait within the same `with_timeout`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fairgate::with_timeout;
use smol::future::yield_now;

use super::tasks::on_threads;
use crate::contestants::*;
use crate::harness::{Figure, Measure, Question, Statistic, enter};

pub const QUESTION: Question = Question {
    name: "timeouts",
    title: "A mixed load with timeouts, per attempt",
    statistic: Statistic::Median,
    budget: Duration::from_secs(6),
};

const TASKS: u64 = 100;
const PERMITS: usize = 10;
const ATTEMPTS: usize = 200;
/// The longest that anybody waits, counted in turns of the executor.
const PATIENCE: usize = 32;

pub fn ask(question: &Question) -> Vec<Figure> {
    let measures = [("per attempt,", "ns"), ("given up,", "%")];
    let measures = measures.map(|(name, unit)| Measure { name, unit });
    let mut load = question.contest("100 tasks, 10 permits", measures);
    enter!(load, mixed_load(): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);

    load.run()
}

/// The deadline counts turns rather than time, so that it is the same for all.
fn mixed_load<G: Gate>() -> impl FnMut() -> [f64; 2] {
    move || {
        let gate = Arc::new(G::new(PERMITS));
        let executor = smol::Executor::new();
        on_threads(&executor, async {
            let start = Instant::now();
            let spawn = |seed| executor.spawn(work(gate.clone(), fastrand::Rng::with_seed(seed)));
            let mut given_up = 0;
            for task in (0..TASKS).map(spawn).collect::<Vec<_>>() {
                given_up += task.await;
            }
            let attempts = TASKS as f64 * ATTEMPTS as f64;
            let per_attempt = start.elapsed().as_nanos() as f64 / attempts;
            [per_attempt, 100.0 * given_up as f64 / attempts]
        })
    }
}

async fn work<G: Gate>(gate: Arc<G>, mut random: fastrand::Rng) -> usize {
    let mut given_up = 0;
    for _ in 0..ATTEMPTS {
        let deadline = turns(random.usize(1..=PATIENCE));
        match with_timeout(gate.acquire(), deadline).await {
            Ok(_held) => yield_now().await,
            Err(_) => given_up += 1,
        }
    }
    given_up
}

async fn turns(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}
