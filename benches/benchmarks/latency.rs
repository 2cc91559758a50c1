//! How long one call takes beside threads that enqueue and cancel without pause and never get a permit.
//!
//! The measured thread sleeps for 100 µs between its calls. When it wakes up, the kernel often preempts a thread that
//! holds the lock of the queue. Each time includes one reading of the clock.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::harness::{Benchmark, Group, Runner, Statistic, add, ready};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "latency", statistic: Statistic::Last, budget: Duration::from_secs(1), run };

/// Threads that enqueue and cancel.
const LOADS: [usize; 3] = [2, 8, 64];
const ROUND: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_millis(5);
const PAUSE: Duration = Duration::from_micros(100);

fn run(runner: &mut Runner) {
    group(runner, "try_acquire", |group, load| {
        add!(group, try_without_permits(load): Fairgate, Tokio);
    });
    group(runner, "try_acquire with permits left", |group, load| {
        add!(group, try_with_permits_left(load): Fairgate, Tokio);
    });
    group(runner, "available_permits", |group, load| {
        add!(group, available_permits(load): Fairgate, Tokio);
    });
    group(runner, "enqueue and cancel", |group, load| {
        add!(group, enqueue_and_cancel(load, Some(PAUSE)): Fairgate, Tokio);
    });
    group(runner, "enqueue and cancel without pause", |group, load| {
        add!(group, enqueue_and_cancel(load, None): Fairgate, Tokio);
    });
}

fn group(runner: &mut Runner, call: &str, add: impl Fn(&mut Group<5>, usize)) {
    let measures = ["p50", "p90", "p99", "worst", "per call of any thread"].map(|name| (name, "ns"));
    for load in LOADS {
        runner.group(&format!("{call} beside {load} threads"), measures, |group| add(group, load));
    }
}

/// All permits are held.
fn try_without_permits<P: TryAcquire>(load: usize) -> impl FnMut() -> [f64; 5] {
    let semaphore = P::new(1);
    let call = |semaphore: &P| drop(black_box(semaphore.try_acquire()));
    let mut latencies = Latencies::new(load, Some(PAUSE));
    move || {
        let _held = ready!(semaphore.acquire());
        latencies.round(|| call(&semaphore), || poll_once(semaphore.acquire()))
    }
}

/// One permit is available, and the queued requests are for two.
fn try_with_permits_left<P: TryAcquire + AcquireMany>(load: usize) -> impl FnMut() -> [f64; 5] {
    let semaphore = P::new(1);
    let call = |semaphore: &P| drop(black_box(semaphore.try_acquire()));
    let mut latencies = Latencies::new(load, Some(PAUSE));
    move || latencies.round(|| call(&semaphore), || poll_once(semaphore.acquire_many(2)))
}

fn available_permits<P: AvailablePermits>(load: usize) -> impl FnMut() -> [f64; 5] {
    let semaphore = P::new(1);
    let mut latencies = Latencies::new(load, Some(PAUSE));
    move || {
        let _held = ready!(semaphore.acquire());
        let call = || _ = black_box(semaphore.available_permits());
        latencies.round(call, || poll_once(semaphore.acquire()))
    }
}

/// The measured thread does what the others do.
fn enqueue_and_cancel<P: Peer>(load: usize, pause: Option<Duration>) -> impl FnMut() -> [f64; 5] {
    let semaphore = P::new(1);
    let mut latencies = Latencies::new(load, pause);
    move || {
        let _held = ready!(semaphore.acquire());
        let call = || poll_once(semaphore.acquire());
        latencies.round(call, call)
    }
}

/// Enqueues a request and cancels it.
#[inline(always)]
fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// The latencies of all rounds so far.
struct Latencies {
    load: usize,
    pause: Option<Duration>,
    nanoseconds: Histogram<u64>,
    calls: u64,
    time: Duration,
}

impl Latencies {
    fn new(load: usize, pause: Option<Duration>) -> Self {
        let nanoseconds = Histogram::new(3).expect("three significant digits");
        Self { load, pause, nanoseconds, calls: 0, time: Duration::ZERO }
    }

    /// This thread measures `call`, and sleeps for the pause between two calls; `load` other threads run `work`.
    fn round(&mut self, call: impl Fn(), work: impl Fn() + Sync) -> [f64; 5] {
        let (started, stop) = (Barrier::new(self.load + 1), AtomicBool::new(false));
        let run = || {
            started.wait();
            let mut calls = 0;
            while !stop.load(Ordering::Relaxed) {
                work();
                calls += 1;
            }
            calls
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.load).map(|_| scope.spawn(run)).collect();
            started.wait();
            let start = Instant::now();
            while start.elapsed() < WARM_UP {
                call();
                self.pause.inspect(|pause| thread::sleep(*pause));
            }
            while start.elapsed() < WARM_UP + ROUND {
                let before = Instant::now();
                call();
                let nanoseconds = before.elapsed().as_nanos() as u64;
                self.nanoseconds.record(nanoseconds).expect("the histogram grows");
                self.calls += 1;
                self.pause.inspect(|pause| thread::sleep(*pause));
            }
            stop.store(true, Ordering::Relaxed);
            self.calls += threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>();
            self.time += start.elapsed();
        });
        let at = |quantile| self.nanoseconds.value_at_quantile(quantile) as f64;
        let per_call = self.time.as_nanos() as f64 / self.calls as f64;
        [at(0.5), at(0.9), at(0.99), self.nanoseconds.max() as f64, per_call]
    }
}
