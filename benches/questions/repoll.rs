//! Somebody waits and is polled though nothing has changed, as a `select!` or a `join!` does all the time.
//!
//! Bare atomics look at the counter and keep no waker. saa sleeps in such a poll, so it takes no part.

use std::hint::black_box;
use std::pin::{Pin, pin};
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
    enter!(same, same_waker(): Ours, Bare, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer, Embassy,
        AsyncLock);

    let mut another = question.contest("another waker each time", measure);
    enter!(another, another_waker(): Ours, Bare, Tokio, Asyncband, Maitake, FuturesIntrusive, FlagBearer,
        Embassy, AsyncLock);

    [same, another].into_iter().flat_map(Contest::run).collect()
}

fn same_waker<G: Gate>() -> impl FnMut() -> [f64; 1] {
    again::<G, 1>()
}

fn another_waker<G: Gate>() -> impl FnMut() -> [f64; 1] {
    again::<G, 2>()
}

/// Polls one waiter with so many wakers in turn.
fn again<G: Gate, const WAKERS: usize>() -> impl FnMut() -> [f64; 1] {
    let gate = G::new(1);
    let wakers: [_; WAKERS] = std::array::from_fn(|_| Waker::from(Arc::new(Deaf)));
    move || {
        let _held = ready!(gate.acquire());
        let mut waiting = pin!(gate.acquire());
        assert!(poll(waiting.as_mut(), &wakers[0]));
        let start = Instant::now();
        for _ in 0..TIMES {
            for waker in &wakers {
                assert!(poll(waiting.as_mut(), waker));
            }
        }
        [start.elapsed().as_nanos() as f64 / f64::from(TIMES) / WAKERS as f64]
    }
}

/// Whether the future has to wait on.
#[inline(always)]
fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(black_box(waker))).is_pending()
}

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}
