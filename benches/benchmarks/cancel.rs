//! Waiters enqueue and are cancelled, at different places in the queue.

use std::time::{Duration, Instant};

use crate::harness::{Benchmark, Queue, Runner, Statistic, add, queue, ready, short_queues};
use crate::peers::*;

pub const BENCHMARK: Benchmark =
    Benchmark { name: "cancel", statistic: Statistic::Min, budget: Duration::from_secs(3), run };

const LENGTHS: [(usize, &str); 3] = [(10, "10"), (1_000, "1,000"), (1_000_000, "1,000,000")];

#[derive(Clone, Copy)]
enum Order {
    FrontFirst,
    BackFirst,
    Random,
}

fn run(runner: &mut Runner) {
    let orders = [
        (Order::FrontFirst, "front first"),
        (Order::BackFirst, "back first"),
        (Order::Random, "random order"),
    ];
    for (length, waiters) in LENGTHS {
        for (order, name) in orders {
            let measures = [("enqueue and cancel", "ns"), ("cancel alone", "ns")];
            runner.group(&format!("{waiters} waiters, {name}"), measures, |group| {
                add!(group, cancel(length, order): Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
                    AsyncLock);
                if length <= EMBASSY_MAX_WAITERS {
                    add!(group, cancel(length, order): Embassy);
                }
            });
        }
    }
}

fn cancel<P: Peer>(length: usize, order: Order) -> impl FnMut() -> [f64; 2] {
    let semaphores = short_queues::<P>(length);
    let repetitions = 4_000_usize.div_ceil(semaphores.len() * length);
    let indices = indices(length, order);
    move || {
        let (mut enqueue, mut cancel) = (Duration::ZERO, Duration::ZERO);
        let _held: Vec<_> = semaphores.iter().map(|semaphore| ready!(semaphore.acquire())).collect();
        for _ in 0..repetitions {
            let mut queues: Vec<_> =
                semaphores.iter().map(|semaphore| queue(length, || semaphore.acquire())).collect();
            let start = Instant::now();
            queues.iter_mut().for_each(Queue::enqueue);
            enqueue += start.elapsed();
            let start = Instant::now();
            for queue in &mut queues {
                indices.iter().for_each(|index| queue.cancel(*index));
            }
            cancel += start.elapsed();
        }
        let waiters = (repetitions * semaphores.len() * length) as f64;
        [enqueue + cancel, cancel].map(|time| time.as_nanos() as f64 / waiters)
    }
}

fn indices(length: usize, order: Order) -> Vec<usize> {
    let mut indices: Vec<_> = (0..length).collect();
    match order {
        Order::FrontFirst => {}
        Order::BackFirst => indices.reverse(),
        Order::Random => fastrand::Rng::with_seed(1).shuffle(&mut indices),
    }
    indices
}
