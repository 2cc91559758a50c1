use std::cell::Cell;

use fairgate::{Mutex, Semaphore};
use smol::future::{block_on, yield_now, zip};

fn main() {
    let total = Cell::new(0);
    let semaphore = Semaphore::new(3);
    let add_one = async || {
        let _permit = semaphore.acquire().await.unwrap();
        let before = total.get();
        yield_now().await; // another task runs here
        total.set(before + 1);
    };
    block_on(zip(add_one(), zip(add_one(), add_one())));
    println!("Semaphore(3): three tasks add 1, and the total is {}", total.get());

    let total = Mutex::new(0); // the total is inside the lock
    let add_one = async || {
        let mut total = total.lock().await;
        let before = *total;
        yield_now().await;
        *total = before + 1;
    };
    block_on(zip(add_one(), zip(add_one(), add_one())));
    println!("Lock(): three tasks add 1, and the total is {}", total.into_inner());
}
