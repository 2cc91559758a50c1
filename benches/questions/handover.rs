//! A line of waiters, each of whom passes the permit on to the next: no executor, nothing but the line.

use std::time::{Duration, Instant};

use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter, line, ready};

pub const QUESTION: Question = Question {
    name: "handover",
    title: "Hand over through a line, per waiter",
    statistic: Statistic::Min,
    budget: Duration::from_secs(5),
};

pub fn ask(question: &Question) -> Vec<Figure> {
    let contests = [(10, "10"), (1_000, "1,000"), (100_000, "100,000"), (1_000_000, "1,000,000")];
    contests.into_iter().flat_map(|(length, name)| ask_at(question, length, name).run()).collect()
}

fn ask_at<'a>(question: &'a Question, length: usize, name: &str) -> Contest<'a, 2> {
    let measures = ["join", "pass on"].map(|name| Measure { name, unit: "ns" });
    let mut contest = question.contest(name, measures);
    enter!(contest, hand_over(length): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
        AsyncLock);
    if length <= 1_000 {
        enter!(contest, hand_over(length): Saa, Embassy);
    }
    contest
}

fn hand_over<G: Gate>(length: usize) -> impl FnMut() -> [f64; 2] {
    let gate = G::new(1);
    let times = 4_000_usize.div_ceil(length);
    move || {
        let (mut joining, mut passing) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..times {
            let mut waiting = line(length, || gate.acquire());
            let first = ready!(gate.acquire());
            let start = Instant::now();
            waiting.join();
            joining += start.elapsed();
            let start = Instant::now();
            drop(first);
            for place in 0..length {
                assert!(waiting.poll(place).is_ready());
            }
            passing += start.elapsed();
        }
        [joining, passing].map(|time| time.as_nanos() as f64 / (times * length) as f64)
    }
}
