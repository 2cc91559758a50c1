//! A pending acquire is polled again although nothing has changed, as `select!` and `join!` do all the time.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use crate::harness::{Benchmark, Runner, Statistic, add, ready};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "repoll", statistic: Statistic::Min, budget: Duration::from_secs(3), run };

const OPERATIONS: u32 = 5_000;

fn run(runner: &mut Runner) {
    runner.group("same waker", [("", "ns")], |group| {
        add!(group, same_waker(): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, Embassy,
            AsyncLock);
    });
    runner.group("a different waker each time", [("", "ns")], |group| {
        add!(group, different_wakers(): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, Embassy,
            AsyncLock);
    });
}

fn same_waker<P: Peer>() -> impl FnMut() -> [f64; 1] {
    repoll::<P, 1>()
}

fn different_wakers<P: Peer>() -> impl FnMut() -> [f64; 1] {
    repoll::<P, 2>()
}

/// Polls one pending acquire with each of the wakers by turns.
fn repoll<P: Peer, const WAKERS: usize>() -> impl FnMut() -> [f64; 1] {
    let semaphore = P::new(1);
    let wakers: [_; WAKERS] = std::array::from_fn(|_| Waker::from(Arc::new(Ignore)));
    move || {
        let _held = ready!(semaphore.acquire());
        let mut pending = pin!(semaphore.acquire());
        poll(pending.as_mut(), &wakers[0]);
        let start = Instant::now();
        for _ in 0..OPERATIONS {
            for waker in &wakers {
                poll(pending.as_mut(), waker);
            }
        }
        [start.elapsed().as_nanos() as f64 / f64::from(OPERATIONS) / WAKERS as f64]
    }
}

#[inline(always)]
fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) {
    assert!(future.poll(&mut Context::from_waker(black_box(waker))).is_pending());
}

struct Ignore;

impl Wake for Ignore {
    fn wake(self: Arc<Self>) {}
}
