//! Threads that do nothing but take a permit and give it back.
//!
//! A blocked thread sleeps, and waking it costs far more than any semaphore: so each case is also asked
//! with threads that poll until they are served.

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use smol::future::block_on;

use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter};

pub const QUESTION: Question = Question {
    name: "threads",
    title: "Threads, per acquire",
    statistic: Statistic::Median,
    budget: Duration::from_secs(5),
};

const TIMES: usize = 5_000;

pub fn ask(question: &Question) -> Vec<Figure> {
    let crowds = [(2, 1), (2, 2), (4, 1), (4, 2), (4, 4)];
    let contests = crowds.into_iter().flat_map(|(threads, permits)| {
        let case = |how| format!("{threads} threads, {permits} permits, {how}");
        let measure = [Measure { name: "", unit: "ns" }];
        let mut sleep = question.contest(case("asleep"), measure);
        enter!(sleep, sleeping(threads, permits): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa,
            FlagBearer, Embassy, AsyncLock);
        let mut awake = question.contest(case("polling"), measure);
        enter!(awake, polling(threads, permits): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa,
            FlagBearer, Embassy, AsyncLock);
        [sleep, awake]
    });
    contests.flat_map(Contest::run).collect()
}

fn sleeping<G: Gate>(threads: usize, permits: usize) -> impl FnMut() -> [f64; 1] {
    let gate = G::new(permits);
    move || per_acquire(threads, || drop(block_on(gate.acquire())))
}

fn polling<G: Gate>(threads: usize, permits: usize) -> impl FnMut() -> [f64; 1] {
    let gate = G::new(permits);
    move || per_acquire(threads, || drop(poll_until_ready(gate.acquire())))
}

#[inline(always)]
fn poll_until_ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::yield_now(),
        }
    }
}

fn per_acquire(threads: usize, work: impl Fn() + Sync) -> [f64; 1] {
    let ready = Barrier::new(threads);
    let run = || {
        ready.wait();
        let start = Instant::now();
        for _ in 0..TIMES {
            work();
        }
        start.elapsed()
    };
    let longest = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).max().unwrap()
    });
    [longest.as_nanos() as f64 / (threads * TIMES) as f64]
}
