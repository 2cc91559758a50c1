//! Waiters enqueue, and then each one passes its permit to the next. No executor takes part.

use std::time::{Duration, Instant};

use crate::harness::{Benchmark, Queue, Runner, Statistic, add, queue, ready, short_queues};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "handoff", statistic: Statistic::Min, budget: Duration::from_secs(4), run };

const LENGTHS: [(usize, &str); 5] = [
    (1, "1 waiter"),
    (10, "10 waiters"),
    (1_000, "1,000 waiters"),
    (100_000, "100,000 waiters"),
    (1_000_000, "1,000,000 waiters"),
];

fn run(runner: &mut Runner) {
    for (length, case) in LENGTHS {
        runner.group(case, [("", "ns")], |group| {
            add!(group, hand_off(length): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
                AsyncLock);
            if length <= EMBASSY_MAX_WAITERS {
                add!(group, hand_off(length): Embassy);
            }
        });
    }
}

fn hand_off<P: Peer>(length: usize) -> impl FnMut() -> [f64; 1] {
    let semaphores = short_queues::<P>(length);
    let repetitions = 4_000_usize.div_ceil(semaphores.len() * length);
    move || {
        let mut time = Duration::ZERO;
        for _ in 0..repetitions {
            let held: Vec<_> = semaphores.iter().map(|semaphore| ready!(semaphore.acquire())).collect();
            let mut queues: Vec<_> =
                semaphores.iter().map(|semaphore| queue(length, || semaphore.acquire())).collect();
            let start = Instant::now();
            queues.iter_mut().for_each(Queue::enqueue);
            for (permit, queue) in held.into_iter().zip(&mut queues) {
                drop(permit);
                queue.complete();
            }
            time += start.elapsed();
        }
        [time.as_nanos() as f64 / (repetitions * semaphores.len() * length) as f64]
    }
}
