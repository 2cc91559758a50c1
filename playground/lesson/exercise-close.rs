use std::pin::pin;

use fairgate::Semaphore;
use smol::future::{block_on, poll_once};

fn main() {
    let slots = Semaphore::new(1);
    let held = slots.try_acquire().unwrap();
    let mut queued = pin!(slots.acquire());
    assert!(block_on(poll_once(&mut queued)).is_none());

    slots.close();
    println!("the request in the queue: {}", block_on(queued).unwrap_err());
    println!("a new request: {}", block_on(slots.acquire()).unwrap_err());
    drop(held); // a permit that is held stays valid, and is released as always
    println!("available: {}", slots.available_permits());
}
