//! A line of waiters, each of whom passes the permit on to the next: no executor, nothing but the line.
//!
//! saa takes no part, here and where waiters cancel: its futures sleep in their first poll.

use std::time::{Duration, Instant};

use crate::contestants::*;
use crate::harness::{
    Contest, Figure, Line, Measure, Question, Statistic, enter, line, ready, short_lines_side_by_side,
};

pub const QUESTION: Question = Question {
    name: "handover",
    title: "Hand over through a line, per waiter",
    statistic: Statistic::Min,
    budget: Duration::from_secs(4),
};

const LENGTHS: [(usize, &str); 7] = [
    (1, "1"),
    (10, "10"),
    (100, "100"),
    (1_000, "1,000"),
    (10_000, "10,000"),
    (100_000, "100,000"),
    (1_000_000, "1,000,000"),
];

pub fn ask(question: &Question) -> Vec<Figure> {
    let contests = LENGTHS.into_iter().map(|(length, case)| {
        let measures = ["join", "pass on", "whole"].map(|name| Measure { name, unit: "ns" });
        let mut contest = question.contest(case, measures);
        enter!(contest, hand_over(length): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
            AsyncLock);
        if length <= 1_000 {
            enter!(contest, hand_over(length): Embassy);
        }
        contest
    });
    contests.flat_map(Contest::run).collect()
}

fn hand_over<G: Gate>(length: usize) -> impl FnMut() -> [f64; 3] {
    let gates = short_lines_side_by_side::<G>(length);
    let times = 4_000_usize.div_ceil(gates.len() * length);
    move || {
        let (mut joining, mut passing) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..times {
            let mut first: Vec<_> = gates.iter().map(|gate| ready!(gate.acquire())).collect();
            let mut lines: Vec<_> = gates.iter().map(|gate| line(length, || gate.acquire())).collect();
            let start = Instant::now();
            lines.iter_mut().for_each(Line::join);
            joining += start.elapsed();
            let start = Instant::now();
            for (first, line) in first.drain(..).zip(&mut lines) {
                drop(first);
                line.serve();
            }
            passing += start.elapsed();
        }
        let waiters = (times * gates.len() * length) as f64;
        [joining, passing, joining + passing].map(|time| time.as_nanos() as f64 / waiters)
    }
}
