use std::cell::RefCell;

use fairgate::Semaphore;
use smol::future::{block_on, yield_now, zip};

fn main() {
    let slots = Semaphore::new(1);
    let order = RefCell::new(Vec::new());
    let turns = async |name: &'static str, count: usize| {
        for _ in 0..count {
            let _slot = slots.acquire().await.unwrap();
            order.borrow_mut().push(name);
            yield_now().await;
        }
    };
    block_on(zip(turns("A", 3), zip(turns("B", 1), turns("C", 1))));
    println!("{}", order.borrow().join(" "));
}
