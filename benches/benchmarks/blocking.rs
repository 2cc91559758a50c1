//! Threads that block on a mutex and work inside and outside its critical section.

use std::hint::black_box;
use std::time::Duration;

use super::threads::per_operation;
use crate::harness::{Benchmark, Runner, Statistic, add};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "blocking", statistic: Statistic::Median, budget: Duration::from_secs(4), run };

/// Steps of work inside the critical section, and as many outside: about 0.1 µs and 5 µs.
const SECTIONS: [(&str, u32); 2] = [("short", 100), ("long", 5_000)];

fn run(runner: &mut Runner) {
    for threads in [2, 4] {
        for (length, steps) in SECTIONS {
            let case = format!("{length} critical section, {threads} threads");
            runner.group(&case, [("", "ns")], |group| {
                add!(group, lock_and_work(threads, steps): FairgateMutex, ParkingLotFairMutex, TokioMutex,
                    ParkingLotMutex, StdMutex);
            });
        }
    }
}

fn lock_and_work<M: BlockingLock>(threads: usize, steps: u32) -> impl FnMut() -> [f64; 1] {
    let mutex = M::default();
    move || {
        per_operation(threads, || {
            let guard = mutex.lock();
            work(steps);
            drop(guard);
            work(steps);
        })
    }
}

fn work(steps: u32) {
    for step in 0..steps {
        black_box(step);
    }
}
