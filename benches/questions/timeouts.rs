//! A mixed load in which about half of the waiters lose patience; and what the adapter itself costs.

use std::future::{Future, pending};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairgate::with_timeout;
use smol::future::{FutureExt, yield_now};

use super::tasks::on_threads;
use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter, ready};

pub const QUESTION: Question = Question {
    name: "timeouts",
    title: "Timeouts: a mixed load, per attempt, and the adapter alone",
    statistic: Statistic::Median,
    budget: Duration::from_secs(6),
};

const TASKS: u64 = 100;
const PERMITS: usize = 10;
const ATTEMPTS: usize = 200;
/// The longest that anybody waits, counted in turns of the executor.
const PATIENCE: usize = 16;

const TIMES: u32 = 10_000;

pub fn ask(question: &Question) -> Vec<Figure> {
    let measures = [("per attempt", "ns"), ("given up", "%")];
    let measures = measures.map(|(name, unit)| Measure { name, unit });
    let mut load = question.contest("100 tasks, 10 permits,", measures);
    enter!(load, mixed_load(): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, AsyncLock);

    let mut adapter = question.contest("adapter, uncontended", [Measure { name: "", unit: "ns" }]);
    enter_adapters(&mut adapter);

    load.run().into_iter().chain(adapter.run()).collect()
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

fn enter_adapters(contest: &mut Contest<'_, 1>) {
    let gate = Ours::new(1);
    contest
        .enter_as("no timeout", Kind::Limit, move || per_pair(|| drop(ready!(black_box(&gate).acquire()))));
    let gate = Ours::new(1);
    contest.enter_as("fairgate::with_timeout", Kind::Ours, move || {
        per_pair(|| drop(ready!(with_timeout(black_box(&gate).acquire(), pending::<()>()))))
    });
    let gate = Ours::new(1);
    contest.enter_as("futures-lite or", Kind::Fair, move || {
        per_pair(|| {
            let acquire = async { Some(black_box(&gate).acquire().await) };
            drop(ready!(acquire.or(pending())));
        })
    });
    let gate = Ours::new(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    contest.enter_as("tokio::time::timeout", Kind::Fair, move || {
        let _inside = runtime.enter();
        per_pair(|| {
            let limit = Duration::from_secs(3600);
            drop(ready!(tokio::time::timeout(limit, black_box(&gate).acquire())));
        })
    });
}

#[inline(always)]
fn per_pair(work: impl Fn()) -> [f64; 1] {
    let start = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    [start.elapsed().as_nanos() as f64 / f64::from(TIMES)]
}
