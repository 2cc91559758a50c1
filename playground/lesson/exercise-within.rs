use std::future::{pending, ready};

use fairgate::{Semaphore, SemaphorePermit, with_timeout};
use smol::future::block_on;

async fn acquire_within(slots: &Semaphore, limit: impl Future) -> Option<SemaphorePermit<'_>> {
    with_timeout(slots.acquire(), limit).await.ok()?.ok()
}

fn main() {
    let slots = Semaphore::new(1);
    let held = block_on(acquire_within(&slots, pending::<()>()));
    println!("first: {}", if held.is_some() { "got the permit" } else { "timed out" });
    let late = block_on(acquire_within(&slots, ready(())));
    println!("second: {}", if late.is_some() { "got the permit" } else { "timed out" });
    println!("in the queue: {}", slots.waiters());
}
