//! Waiters lose patience: how much is it to step out of a line, wherever one stands in it? Nobody leaves who has not
//! come, so `whole` is both.

use std::time::{Duration, Instant};

use crate::contestants::*;
use crate::harness::{
    Contest, Figure, Line, Measure, Question, Statistic, enter, line, ready, short_lines_side_by_side,
};

pub const QUESTION: Question = Question {
    name: "cancel",
    title: "Cancel out of a line, per waiter",
    statistic: Statistic::Min,
    budget: Duration::from_secs(3),
};

#[derive(Clone, Copy)]
enum Order {
    FrontFirst,
    BackFirst,
    Random,
}

pub fn ask(question: &Question) -> Vec<Figure> {
    let lengths = [(10, "10"), (1_000, "1,000"), (100_000, "100,000"), (1_000_000, "1,000,000")];
    let orders = [
        (Order::FrontFirst, "front first"),
        (Order::BackFirst, "back first"),
        (Order::Random, "at random"),
    ];
    let contests = lengths.into_iter().flat_map(|(length, long)| {
        orders.map(|(order, how)| ask_at(question, length, order, format!("{long} {how}")))
    });
    contests.flat_map(Contest::run).collect()
}

fn ask_at(question: &Question, length: usize, order: Order, case: String) -> Contest<'_, 2> {
    let measures = ["leave", "whole"].map(|name| Measure { name, unit: "ns" });
    let mut contest = question.contest(case, measures);
    enter!(contest, cancel(length, order): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
        AsyncLock);
    if length <= 1_000 {
        enter!(contest, cancel(length, order): Embassy);
    }
    contest
}

fn cancel<G: Gate>(length: usize, order: Order) -> impl FnMut() -> [f64; 2] {
    let gates = short_lines_side_by_side::<G>(length);
    let times = 4_000_usize.div_ceil(gates.len() * length);
    let places = places(length, order);
    move || {
        let (mut joining, mut leaving) = (Duration::ZERO, Duration::ZERO);
        let _held: Vec<_> = gates.iter().map(|gate| ready!(gate.acquire())).collect();
        for _ in 0..times {
            let mut lines: Vec<_> = gates.iter().map(|gate| line(length, || gate.acquire())).collect();
            let start = Instant::now();
            lines.iter_mut().for_each(Line::join);
            joining += start.elapsed();
            let start = Instant::now();
            for line in &mut lines {
                places.iter().for_each(|place| line.cancel(*place));
            }
            leaving += start.elapsed();
        }
        let waiters = (times * gates.len() * length) as f64;
        [leaving, joining + leaving].map(|time| time.as_nanos() as f64 / waiters)
    }
}

fn places(length: usize, order: Order) -> Vec<usize> {
    let mut places: Vec<_> = (0..length).collect();
    match order {
        Order::FrontFirst => {}
        Order::BackFirst => places.reverse(),
        Order::Random => fastrand::Rng::with_seed(1).shuffle(&mut places),
    }
    places
}
