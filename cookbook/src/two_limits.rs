use fairgate::{Semaphore, SemaphorePermit};

/// Memory that all connections share. A permit stands for a byte.
pub static BYTES: Semaphore = Semaphore::new(64 << 20);

pub struct Connection {
    pub slots: Semaphore,
}

impl Connection {
    /// The specific limit first, the global limit last, everywhere in the program.
    pub async fn acquire(&self, bytes: usize) -> (SemaphorePermit<'_>, SemaphorePermit<'static>) {
        let slot = self.slots.acquire().await.expect("never closed");
        let bytes = BYTES.acquire_many(bytes).await.expect("never closed");
        (slot, bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use smol::LocalExecutor;
    use smol::future::{block_on, poll_once};

    use super::*;
    use crate::simulation::run_until_idle;

    #[test]
    fn the_two_limits_hold_together() {
        let connection = Connection { slots: Semaphore::new(1) };
        let held = block_on(connection.acquire(1 << 20));
        assert_eq!((connection.slots.available_permits(), BYTES.available_permits()), (0, 63 << 20));
        let mut queued = Box::pin(connection.acquire(1 << 20));
        assert!(block_on(poll_once(&mut queued)).is_none());
        assert_eq!(BYTES.available_permits(), 63 << 20, "a request that waits for its slot holds no bytes");
        drop(held);
        assert!(block_on(poll_once(&mut queued)).is_some());
    }

    async fn both(first: &Semaphore, second: &Semaphore, done: &Cell<usize>) {
        let _first = first.acquire().await.unwrap();
        smol::future::yield_now().await;
        let _second = second.acquire().await.unwrap();
        done.set(done.get() + 1);
    }

    /// The bound: with one order all requests complete. With two orders two requests wait for each other.
    #[test]
    fn two_orders_deadlock_and_one_order_does_not() {
        for (is_same_order, completed) in [(true, 2), (false, 0)] {
            let (slots, bytes, done) = (Semaphore::new(1), Semaphore::new(1), Cell::new(0));
            let executor = LocalExecutor::new();
            executor.spawn(both(&slots, &bytes, &done)).detach();
            let (first, second) = if is_same_order { (&slots, &bytes) } else { (&bytes, &slots) };
            executor.spawn(both(first, second, &done)).detach();
            run_until_idle(&executor);
            assert_eq!(done.get(), completed);
            assert_eq!(slots.waiters() + bytes.waiters(), 2 - completed);
        }
    }

    /// With the global limit first, requests for one busy connection hold the bytes that an idle one needs.
    #[test]
    fn only_with_the_global_limit_last_an_idle_connection_is_served() {
        for (is_global_last, served) in [(true, true), (false, false)] {
            let (busy, idle, bytes) = (Semaphore::new(0), Semaphore::new(1), Semaphore::new(2));
            let (blocked, done) = (Cell::new(0), Cell::new(0));
            let executor = LocalExecutor::new();
            for (slots, done) in [(&busy, &blocked), (&busy, &blocked), (&idle, &done)] {
                let (first, second) = if is_global_last { (slots, &bytes) } else { (&bytes, slots) };
                executor.spawn(both(first, second, done)).detach();
                run_until_idle(&executor);
            }
            assert_eq!((blocked.get(), done.get() == 1), (0, served));
        }
    }
}
