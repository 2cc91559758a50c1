//! Threads that block on a mutex and work inside and outside its critical section.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use super::threads::per_operation;
use crate::harness::{Benchmark, Runner, Statistic, add};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "blocking", statistic: Statistic::Median, budget: Duration::from_secs(10), run };

/// The time of the work inside the critical section, and of that outside.
const SECTIONS: [(&str, Duration); 2] =
    [("short", Duration::from_nanos(100)), ("long", Duration::from_micros(5))];

/// Many time slices, so that the threads wait for each other.
const ROUND: Duration = Duration::from_millis(400);

fn run(runner: &mut Runner) {
    for threads in [2, 4] {
        for (length, time) in SECTIONS {
            let case = format!("{length} critical section, {threads} threads");
            runner.group(&case, [("", "ns")], |group| {
                add!(group, lock_and_work(threads, time): FairgateMutex, ParkingLotFairMutex, TokioMutex,
                    ParkingLotMutex, StdMutex);
            });
        }
    }
}

fn lock_and_work<M: BlockingLock>(threads: usize, time: Duration) -> impl FnMut() -> [f64; 1] {
    let mutex = M::default();
    move || {
        per_operation(threads, ROUND, || {
            let guard = mutex.lock();
            work(time);
            drop(guard);
            work(time);
        })
    }
}

fn work(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}
