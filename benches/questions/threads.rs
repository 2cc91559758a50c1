//! Threads that do nothing but take a permit and give it back.
//!
//! A blocked thread sleeps, and waking it costs far more than any semaphore: so each case is also asked
//! with threads that poll until they are served.

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
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
    budget: Duration::from_secs(4),
};

const RUN: Duration = Duration::from_millis(10);

pub fn ask(question: &Question) -> Vec<Figure> {
    let crowds = [
        (2, 1, "2 threads, 1 permit"),
        (2, 2, "2 threads, 2 permits"),
        (4, 1, "4 threads, 1 permit"),
        (4, 2, "4 threads, 2 permits"),
        (4, 4, "4 threads, 4 permits"),
    ];
    let contests = crowds.into_iter().flat_map(|(threads, permits, case)| {
        let measure = |name| [Measure { name, unit: "ns" }];
        let mut sleep = question.contest(case, measure("sleeping,"));
        enter!(sleep, sleeping(threads, permits): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa,
            FlagBearer, Embassy, AsyncLock);
        let mut poll = question.contest(case, measure("polling,"));
        enter!(poll, polling(threads, permits): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive,
            FlagBearer, Embassy, AsyncLock);
        [sleep, poll]
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
    let (ready, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let run = || {
        ready.wait();
        let mut times = 0;
        while !stop.load(Ordering::Relaxed) {
            work();
            times += 1;
        }
        times
    };
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        ready.wait();
        let start = Instant::now();
        thread::sleep(RUN);
        stop.store(true, Ordering::Relaxed);
        let times: u32 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
        [start.elapsed().as_nanos() as f64 / f64::from(times)]
    })
}
