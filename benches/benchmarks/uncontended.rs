//! One thread acquires and releases; a permit is always available.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::harness::{Benchmark, Runner, Statistic, add, ready};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "uncontended", statistic: Statistic::Min, budget: Duration::from_secs(3), run };

const OPERATIONS: u32 = 10_000;
const MANY: usize = 3;

fn run(runner: &mut Runner) {
    runner.group("acquire", [("", "ns")], |group| {
        add!(group, acquire(): Fairgate, CasPair, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer,
            Embassy, AsyncLock);
    });
    runner.group("acquire_many", [("", "ns")], |group| {
        add!(group, acquire_many(): Fairgate, CasPair, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer,
            Embassy);
    });
    runner.group("try_acquire", [("", "ns")], |group| {
        add!(group, try_acquire(): Fairgate, CasPair, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer,
            Embassy, AsyncLock);
    });
    runner.group("owned acquire", [("", "ns")], |group| {
        add!(group, acquire(): FairgateOwned, CasPairOwned, TokioOwned, AsyncbandOwned, MaitakeOwned,
            FuturesIntrusiveOwned, AsyncLockOwned);
    });
    runner.group("lock", [("", "ns")], |group| {
        add!(group, acquire(): FairgateMutex, CasPair, TokioMutex, AsyncbandMutex, MaitakeMutex,
            FuturesIntrusiveMutex, SaaMutex, EmbassyMutex, AsyncLockMutex, FuturesUtilMutex);
        add!(group, blocking_lock(): ParkingLotFairMutex, ParkingLotMutex, StdMutex);
    });
    runner.group("owned lock", [("", "ns")], |group| {
        add!(group, acquire(): FairgateMutexOwned, CasPairOwned, TokioMutexOwned, AsyncbandMutexOwned,
            MaitakeMutexOwned, AsyncLockMutexOwned, FuturesUtilMutexOwned);
    });
}

fn acquire<P: Peer>() -> impl FnMut() -> [f64; 1] {
    let semaphore = P::new(1);
    move || per_operation(|| drop(ready!(black_box(&semaphore).acquire())))
}

fn acquire_many<P: AcquireMany>() -> impl FnMut() -> [f64; 1] {
    let semaphore = P::new(MANY);
    move || per_operation(|| drop(ready!(black_box(&semaphore).acquire_many(black_box(MANY)))))
}

fn try_acquire<P: TryAcquire>() -> impl FnMut() -> [f64; 1] {
    let semaphore = P::new(1);
    move || per_operation(|| drop(black_box(&semaphore).try_acquire()))
}

fn blocking_lock<M: BlockingLock>() -> impl FnMut() -> [f64; 1] {
    let mutex = M::default();
    move || per_operation(|| drop(black_box(&mutex).lock()))
}

#[inline(always)]
pub fn per_operation(operation: impl Fn()) -> [f64; 1] {
    let start = Instant::now();
    for _ in 0..OPERATIONS {
        operation();
    }
    [start.elapsed().as_nanos() as f64 / f64::from(OPERATIONS)]
}
