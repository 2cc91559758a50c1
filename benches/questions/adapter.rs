//! What a time limit adds to an acquire that need not wait.

use std::future::{Future, pending};
use std::hint::black_box;
use std::time::{Duration, Instant};

use fairgate::with_timeout;
use smol::future::FutureExt;

use crate::contestants::*;
use crate::harness::{Figure, Measure, Question, Statistic, ready};

pub const QUESTION: Question = Question {
    name: "adapter",
    title: "A time limit around an uncontended acquire",
    statistic: Statistic::Min,
    budget: Duration::from_secs(3),
};

const TIMES: u32 = 10_000;

pub fn ask(question: &Question) -> Vec<Figure> {
    let mut contest = question.contest("acquire", [Measure { name: "", unit: "ns" }]);

    let gate = Ours::new(1);
    contest
        .enter_as("no timeout", Kind::Limit, move || per_pair(|| drop(ready!(black_box(&gate).acquire()))));
    let gate = Ours::new(1);
    contest.enter_as("fairgate::with_timeout", Kind::Ours, move || {
        per_pair(|| drop(ready!(with_timeout(black_box(&gate).acquire(), pending::<()>()))))
    });
    let gate = Ours::new(1);
    contest.enter_as("futures-lite or", Kind::Fair, move || {
        per_pair(|| {
            let acquire = async { Some(black_box(&gate).acquire().await) };
            drop(ready!(acquire.or(pending())));
        })
    });
    let gate = Ours::new(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    contest.enter_as("tokio::time::timeout", Kind::Fair, move || {
        let _inside = runtime.enter();
        per_pair(|| {
            let limit = Duration::from_secs(3600);
            drop(ready!(tokio::time::timeout(limit, black_box(&gate).acquire())));
        })
    });

    contest.run()
}

#[inline(always)]
fn per_pair(work: impl Fn()) -> [f64; 1] {
    let start = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    [start.elapsed().as_nanos() as f64 / f64::from(TIMES)]
}
