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
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=20).map(|post| executor.spawn(title(post))).collect();
    let titles = block_on(executor.run(async {
        let mut titles = Vec::new();
        for task in tasks {
            titles.push(task.await);
        }
        titles
    }));
    println!("Fetched {} titles, at most {} in flight", titles.len(), peak.get());
}
