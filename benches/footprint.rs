//! The memory of a semaphore and of each waiter, in place and on the heap. A separate program, because its allocator
//! counts; `cargo bench -- footprint` runs it. It prints one figure a line, as CSV.

#[allow(dead_code, reason = "the timed benchmarks use the rest")]
mod peers;
#[allow(dead_code, reason = "the timed benchmarks use the rest")]
#[path = "harness/poll.rs"]
mod poll;

use std::mem::{size_of, size_of_val};

use allocation_counter::measure;
use peers::*;
use poll::{queue, ready};

const WAITERS: usize = 1_000;

macro_rules! print {
    ($($peer:ident),+ $(,)?) => { $(print::<$peer>();)+ };
}

fn main() {
    print!(Fairgate, Tokio, Asyncband, Maitake, FuturesIntrusive, Saa, FlagBearer, Embassy, AsyncLock);
}

fn print<P: Peer>() {
    let semaphore = P::new(1);
    let print = |case, bytes| println!("{case},{},{bytes}", P::NAME);
    print("semaphore", size_of::<P>());
    print("acquire future", size_of_val(&semaphore.acquire()));
    // The futures of saa block the thread in their first poll.
    if P::NAME != Saa::NAME {
        print("heap per waiter", heap_per_waiter(&semaphore));
    }
}

fn heap_per_waiter<P: Peer>(semaphore: &P) -> usize {
    let _held = ready!(semaphore.acquire());
    let mut pending = queue(WAITERS, || semaphore.acquire());
    let enqueued = measure(|| pending.enqueue());
    enqueued.bytes_current as usize / WAITERS
}
