use std::pin::pin;

use fairgate::Semaphore;
use smol::future::{block_on, or, poll_once};

fn main() {
    let slots = Semaphore::new(1);
    let held = slots.try_acquire().unwrap();
    let mut request = Box::pin(slots.acquire());
    let mut other = pin!(slots.acquire());
    block_on(async {
        // The permit, or a message, which is there at once.
        let permit = async { (&mut request).await.ok() };
        assert!(or(permit, async { None }).await.is_none());
        assert!(poll_once(&mut other).await.is_none());

        drop(held); // granted to the request, which no task polls any more
        let waits = poll_once(&mut other).await.is_none();
        println!("the request is kept: the other one {}", if waits { "waits" } else { "has the permit" });

        drop(request);
        let waits = poll_once(&mut other).await.is_none();
        println!(
            "the request is dropped: the other one {}",
            if waits { "waits" } else { "has the permit" }
        );
    });
}
