use std::pin::pin;

use fairgate::Semaphore;
use smol::future::{block_on, poll_once};

fn main() {
    let slots = Semaphore::new(0);
    let mut first = Box::pin(slots.acquire());
    let mut second = pin!(slots.acquire());
    block_on(async {
        assert!(poll_once(&mut first).await.is_none()); // both wait
        assert!(poll_once(&mut second).await.is_none());

        slots.add_permits(1); // granted to the first request, which has not been polled since
        drop(first);
        let _permit = second.await.unwrap();
        println!("the second task has the permit");
    });
}
