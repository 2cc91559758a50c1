//! Nobody else is there: what does it cost to come in and go out again?

use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::contestants::*;
use crate::harness::{Contest, Figure, Measure, Question, Statistic, enter, ready};

pub const QUESTION: Question = Question {
    name: "uncontended",
    title: "Uncontended: acquire and drop",
    statistic: Statistic::Min,
    budget: Duration::from_secs(3),
};

const TIMES: u32 = 10_000;
const MANY: usize = 3;

pub fn ask(question: &Question) -> Vec<Figure> {
    let measure = [Measure { name: "", unit: "ns" }];

    let mut acquire = question.contest("acquire", measure);
    enter!(acquire, pair(): Ours, Bare, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer,
        Embassy, AsyncLock);

    let mut many = question.contest("acquire_many", measure);
    enter!(many, pair_of_many(): Ours, Bare, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer,
        Embassy);

    let mut tried = question.contest("try_acquire", measure);
    enter!(tried, tried_pair(): Ours, Bare, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer,
        Embassy, AsyncLock);

    let mut owned = question.contest("owned acquire", measure);
    enter!(owned, pair(): OursOwned, BareOwned, TokioOwned, AsyncbandOwned, MaitakeOwned,
        FuturesIntrusiveOwned, AsyncLockOwned);

    let mut mutex = question.contest("mutex lock", measure);
    enter!(mutex, pair(): OursMutex, Bare, TokioMutex, AsyncbandMutex, MaitakeMutex,
        FuturesIntrusiveMutex, SaaMutex, EmbassyMutex, AsyncLockMutex, FuturesUtilMutex);
    enter_blocking(&mut mutex);

    let mut owned_mutex = question.contest("owned mutex lock", measure);
    enter!(owned_mutex, pair(): OursMutexOwned, BareOwned, TokioMutexOwned, AsyncbandMutexOwned,
        MaitakeMutexOwned, AsyncLockMutexOwned, FuturesUtilMutexOwned);

    [acquire, many, tried, owned, mutex, owned_mutex].into_iter().flat_map(Contest::run).collect()
}

fn pair<G: Gate>() -> impl FnMut() -> [f64; 1] {
    let gate = G::new(1);
    move || per_pair(|| drop(ready!(black_box(&gate).acquire())))
}

fn pair_of_many<G: Weighted>() -> impl FnMut() -> [f64; 1] {
    let gate = G::new(MANY);
    move || per_pair(|| drop(ready!(black_box(&gate).acquire_many(black_box(MANY)))))
}

fn tried_pair<G: Try>() -> impl FnMut() -> [f64; 1] {
    let gate = G::new(1);
    move || per_pair(|| drop(black_box(&gate).try_acquire()))
}

fn enter_blocking(contest: &mut Contest<'_, 1>) {
    let std = std::sync::Mutex::new(());
    contest.enter_as("std::sync::Mutex", Kind::Blocking, move || {
        per_pair(|| drop(black_box(&std).lock().unwrap()))
    });
    let parking_lot = parking_lot::Mutex::new(());
    contest
        .enter_as("parking_lot", Kind::Blocking, move || per_pair(|| drop(black_box(&parking_lot).lock())));
}

#[inline(always)]
fn per_pair(work: impl Fn()) -> [f64; 1] {
    let start = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    [start.elapsed().as_nanos() as f64 / f64::from(TIMES)]
}
