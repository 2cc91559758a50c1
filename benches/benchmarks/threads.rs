//! Threads that acquire and release without pause.
//!
//! Waking a blocked thread costs far more than any semaphore does, so each case also runs with threads that poll
//! until their acquire is ready.

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use smol::future::block_on;

use crate::harness::{Benchmark, Runner, Statistic, add};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "threads", statistic: Statistic::Median, budget: Duration::from_secs(4), run };

const ROUND: Duration = Duration::from_millis(10);

fn run(runner: &mut Runner) {
    for (threads, permits) in [(2, 1), (2, 2), (4, 1), (4, 2), (4, 4)] {
        let case = format!("{threads} threads, permits: {permits}");
        runner.group(&format!("blocking, {case}"), [("", "ns")], |group| {
            add!(group, blocking(threads, permits): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa,
                FlagBearer, Embassy, AsyncLock);
        });
        runner.group(&format!("polling, {case}"), [("", "ns")], |group| {
            add!(group, polling(threads, permits): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive,
                FlagBearer, Embassy, AsyncLock);
        });
    }
}

fn blocking<P: Peer>(threads: usize, permits: usize) -> impl FnMut() -> [f64; 1] {
    let semaphore = P::new(permits);
    move || per_operation(threads, ROUND, || drop(block_on(semaphore.acquire())))
}

fn polling<P: Peer>(threads: usize, permits: usize) -> impl FnMut() -> [f64; 1] {
    let semaphore = P::new(permits);
    move || per_operation(threads, ROUND, || drop(poll_until_ready(semaphore.acquire())))
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

/// The time per operation of all threads together.
pub fn per_operation(threads: usize, round: Duration, work: impl Fn() + Sync) -> [f64; 1] {
    let (started, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let run = || {
        started.wait();
        let mut operations = 0;
        while !stop.load(Ordering::Relaxed) {
            work();
            operations += 1;
        }
        operations
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        started.wait();
        let start = Instant::now();
        thread::sleep(round);
        stop.store(true, Ordering::Relaxed);
        let operations: u32 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        [start.elapsed().as_nanos() as f64 / f64::from(operations)]
    })
}
