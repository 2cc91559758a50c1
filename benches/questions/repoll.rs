//! Somebody waits and is polled though nothing has changed, as a `select!` or a `join!` does all the time.

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter, ready};

pub const QUESTION: Question = Question {
    name: "repoll",
    title: "Poll again while waiting",
    statistic: Statistic::Min,
    budget: Duration::from_secs(3),
};

const TIMES: u32 = 5_000;

pub fn ask(question: &Question) -> Vec<Figure> {
    let measure = [Measure { name: "", unit: "ns" }];

    let mut same = question.contest("same waker", measure);
    enter!(same, again(1): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer, Embassy,
        AsyncLock);

    let mut another = question.contest("another waker each time", measure);
    enter!(another, again(2): Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer, Embassy,
        AsyncLock);

    [same, another].into_iter().flat_map(Contest::run).collect()
}

/// Polls one waiter with so many wakers in turn.
fn again<G: Gate>(wakers: u32) -> impl FnMut() -> [f64; 1] {
    let gate = G::new(1);
    let wakers: Vec<_> = (0..wakers).map(|_| Waker::from(Arc::new(Deaf))).collect();
    move || {
        let _held = ready!(gate.acquire());
        let mut waiting = std::pin::pin!(gate.acquire());
        let mut polls = || {
            for waker in &wakers {
                let mut context = Context::from_waker(black_box(waker));
                assert!(waiting.as_mut().poll(&mut context).is_pending());
            }
        };
        polls();
        let start = Instant::now();
        for _ in 0..TIMES {
            polls();
        }
        [start.elapsed().as_nanos() as f64 / f64::from(TIMES) / wakers.len() as f64]
    }
}

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}
