//! The same work counted in instructions, under callgrind: what the neighbours do makes no difference.
//! `scripts/instructions` runs it and makes a table of it.

#[allow(dead_code, reason = "the questions use all of it")]
mod contestants;
#[allow(dead_code, unused_imports, unused_macros, reason = "the questions use all of it")]
mod harness;

use std::hint::black_box;

use contestants::*;
use gungraun::prelude::*;
use harness::{line, ready};

/// Each piece of work is done so many times.
const TIMES: usize = 100;

fn gate<G: Gate>() -> &'static G {
    Box::leak(Box::new(G::new(1)))
}

#[library_benchmark]
#[bench::fairgate(gate::<Ours>())]
#[bench::bare_atomics(gate::<Bare>())]
#[bench::tokio(gate::<Tokio>())]
#[bench::asyncband(gate::<Asyncband>())]
#[bench::maitake_sync(gate::<Maitake>())]
#[bench::futures_intrusive(gate::<FuturesIntrusive>())]
#[bench::saa(gate::<Saa>())]
#[bench::flag_bearer(gate::<FlagBearer>())]
#[bench::async_lock(gate::<AsyncLock>())]
fn acquire_and_drop<G: Gate>(gate: &G) {
    for _ in 0..TIMES {
        drop(ready!(black_box(gate).acquire()));
    }
}

#[library_benchmark]
#[bench::fairgate(gate::<OursMutex>())]
#[bench::bare_atomics(gate::<Bare>())]
#[bench::tokio(gate::<TokioMutex>())]
#[bench::asyncband(gate::<AsyncbandMutex>())]
#[bench::maitake_sync(gate::<MaitakeMutex>())]
#[bench::futures_intrusive(gate::<FuturesIntrusiveMutex>())]
#[bench::futures_util(gate::<FuturesUtilMutex>())]
#[bench::saa(gate::<SaaMutex>())]
#[bench::async_lock(gate::<AsyncLockMutex>())]
fn lock_and_unlock<G: Gate>(gate: &G) {
    for _ in 0..TIMES {
        drop(ready!(black_box(gate).acquire()));
    }
}

#[library_benchmark]
#[bench::fairgate(gate::<Ours>())]
#[bench::tokio(gate::<Tokio>())]
#[bench::asyncband(gate::<Asyncband>())]
#[bench::maitake_sync(gate::<Maitake>())]
#[bench::futures_intrusive(gate::<FuturesIntrusive>())]
#[bench::flag_bearer(gate::<FlagBearer>())]
#[bench::async_lock(gate::<AsyncLock>())]
fn come_and_be_served<G: Gate>(gate: &'static G) {
    let first = ready!(gate.acquire());
    let mut waiting = line(TIMES, || gate.acquire());
    waiting.join();
    drop(first);
    waiting.serve();
}

#[library_benchmark]
#[bench::fairgate(gate::<Ours>())]
#[bench::tokio(gate::<Tokio>())]
#[bench::asyncband(gate::<Asyncband>())]
#[bench::maitake_sync(gate::<Maitake>())]
#[bench::futures_intrusive(gate::<FuturesIntrusive>())]
#[bench::flag_bearer(gate::<FlagBearer>())]
#[bench::async_lock(gate::<AsyncLock>())]
fn come_and_leave<G: Gate>(gate: &'static G) {
    let _held = ready!(gate.acquire());
    let mut waiting = line(TIMES, || gate.acquire());
    waiting.join();
    (0..TIMES).for_each(|place| waiting.cancel(place));
}

library_benchmark_group!(
    name = work,
    benchmarks = [acquire_and_drop, lock_and_unlock, come_and_be_served, come_and_leave]
);
main!(library_benchmark_groups = work);
