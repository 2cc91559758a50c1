//! How much memory a semaphore and each of its waiters take: in place, and on the heap once they stand in line.
//! A programme of its own, because its allocator counts.

#[allow(dead_code, reason = "the questions use all of it")]
mod contestants;
#[allow(dead_code, unused_imports, unused_macros, reason = "the questions use all of it")]
mod harness;

use std::mem::{size_of, size_of_val};

use allocation_counter::measure;
use contestants::*;
use harness::{Figure, Results, line, ready};

const NAME: &str = "footprint";
const TITLE: &str = "Bytes";
const WAITERS: usize = 1_000;

macro_rules! footprints {
    ($($gate:ident),+ $(,)?) => { [$(footprint::<$gate>()),+].concat() };
}

fn main() {
    let figures =
        footprints!(Ours, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer, Embassy, AsyncLock);
    Results::open().keep(NAME, TITLE, &figures);
}

fn footprint<G: Gate>() -> Vec<Figure> {
    let gate = G::new(1);
    let request = size_of_val(&gate.acquire());
    let figure = |case: &str, bytes: f64| Figure {
        question: NAME,
        case: case.to_owned(),
        contestant: G::NAME,
        kind: G::KIND,
        value: bytes,
        unit: "bytes",
    };
    let mut figures = vec![figure("semaphore", size_of::<G>() as f64), figure("request", request as f64)];
    // saa's futures sleep in their first poll.
    if G::NAME != "saa" {
        figures.push(figure("heap per waiter", heap_per_waiter(&gate)));
    }
    figures
}

fn heap_per_waiter<G: Gate>(gate: &G) -> f64 {
    let _held = ready!(gate.acquire());
    let mut waiting = line(WAITERS, || gate.acquire());
    let standing = measure(|| waiting.join());
    standing.bytes_current as f64 / WAITERS as f64
}
