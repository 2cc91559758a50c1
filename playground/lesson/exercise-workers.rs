use std::cell::Cell;

use smol::LocalExecutor;
use smol::future::{block_on, yield_now};

fn main() {
    let (in_flight, peak) = (Cell::new(0), Cell::new(0));
    let title = async |post: u32| {
        in_flight.set(in_flight.get() + 1);
        peak.set(peak.get().max(in_flight.get()));
        yield_now().await; // the answer is on its way
        in_flight.set(in_flight.get() - 1);
        format!("title {post}")
    };
    let next = Cell::new(1);
    let worker = async || {
        let mut titles = Vec::new();
        while next.get() <= 20 {
            let post = next.replace(next.get() + 1); // no other task runs before the next await
            titles.push(title(post).await);
        }
        titles
    };
    let executor = LocalExecutor::new();
    let workers: Vec<_> = (0..5).map(|_| executor.spawn(worker())).collect();
    let mut fetched = 0;
    for worker in workers {
        fetched += block_on(executor.run(worker)).len();
    }
    println!("Fetched {fetched} titles, at most {} in flight", peak.get());
}
