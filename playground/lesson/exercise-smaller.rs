use std::pin::pin;

use fairgate::Semaphore;
use smol::future::{block_on, poll_once};

fn main() {
    let slots = Semaphore::new(5);
    let mut held = Vec::from([(); 5].map(|()| slots.try_acquire().unwrap()));
    slots.reduce_permits(2); // none is available, so two are owed
    let mut next = pin!(slots.acquire());
    while block_on(poll_once(&mut next)).is_none() {
        println!("{} are held: the next request waits", held.len());
        held.pop();
    }
    println!("{} are held: the next request is granted", held.len());
}
