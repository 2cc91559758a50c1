use std::cell::Cell;

use fairgate::Semaphore;
use smol::LocalExecutor;
use smol::future::{block_on, yield_now};

fn main() {
    let (in_flight, peak) = (Cell::new(0), Cell::new(0));
    let slots = Semaphore::new(5);
    let fetch = async |post: u32| {
        let _slot = slots.acquire().await.unwrap(); // waits here if no permit is available
        in_flight.set(in_flight.get() + 1);
        peak.set(peak.get().max(in_flight.get()));
        yield_now().await; // the answer is on its way
        in_flight.set(in_flight.get() - 1);
        format!("title {post}")
        // here `_slot` is dropped, which releases the permit
    };
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=20).map(|post| executor.spawn(fetch(post))).collect();
    let titles = block_on(executor.run(async {
        let mut titles = Vec::new();
        for task in tasks {
            titles.push(task.await);
        }
        titles
    }));
    println!("Fetched {} titles, at most {} in flight", titles.len(), peak.get());
    let locked = slots.available_permits() == 0;
    println!("{}", if locked { "All permits are held" } else { "A permit is available" });
}
