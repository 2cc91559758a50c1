use std::cell::RefCell;

use fairgate::{Semaphore, SemaphorePermit};
use smol::LocalExecutor;
use smol::future::{block_on, yield_now};

struct Pool {
    permits: Semaphore,
    idle: RefCell<Vec<&'static str>>,
}

struct Connection<'a> {
    name: &'static str,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Connection<'_> {
    // Runs if the task is cancelled, too. The permit is a field, so it is released after this.
    fn drop(&mut self) {
        self.pool.idle.borrow_mut().push(self.name);
    }
}

impl Pool {
    async fn check_out(&self) -> Connection<'_> {
        let permit = self.permits.acquire().await.unwrap();
        let name = self.idle.borrow_mut().pop().unwrap();
        Connection { name, pool: self, _permit: permit }
    }
}

fn main() {
    let pool = Pool { permits: Semaphore::new(1), idle: RefCell::new(vec!["the only connection"]) };
    let query = async |name: &str| {
        let connection = pool.check_out().await;
        println!("{name} uses {}", connection.name);
        yield_now().await;
    };
    let executor = LocalExecutor::new();
    let first = executor.spawn(query("the first task"));
    executor.try_tick();
    drop(first); // cancelled
    block_on(executor.run(query("the second task")));
}
