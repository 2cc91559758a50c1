use fairgate::{AcquireError, Semaphore, SemaphorePermit};

/// Memory that all connections share. A permit stands for one KiB.
pub static MEMORY: Semaphore = Semaphore::new(64 << 10);

pub struct Connection<'a> {
    pub slots: Semaphore,
    pub memory: &'a Semaphore,
}

impl<'a> Connection<'a> {
    /// The specific limit first, the global limit last, everywhere in the program.
    pub async fn acquire(
        &self,
        kib: usize,
    ) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'a>), AcquireError> {
        let slot = self.slots.acquire().await?;
        // A request above the limit would wait until it is cancelled. This one is served alone.
        let is_too_large = kib >= self.memory.limit();
        let memory = if is_too_large { self.memory.acquire_all() } else { self.memory.acquire_many(kib) };
        Ok((slot, memory.await?))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use smol::LocalExecutor;
    use smol::future::{block_on, poll_once};

    use super::*;
    use crate::simulation::run_until_idle;

    #[test]
    fn the_two_limits_hold_together() {
        let memory = Semaphore::new(64);
        let connection = Connection { slots: Semaphore::new(1), memory: &memory };
        let held = block_on(connection.acquire(1)).unwrap();
        assert_eq!((connection.slots.available_permits(), memory.available_permits()), (0, 63));
        let mut queued = Box::pin(connection.acquire(1));
        assert!(block_on(poll_once(&mut queued)).is_none());
        assert_eq!(memory.available_permits(), 63, "a request that waits for its slot holds no memory");
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
            let (slots, memory, done) = (Semaphore::new(1), Semaphore::new(1), Cell::new(0));
            let executor = LocalExecutor::new();
            executor.spawn(both(&slots, &memory, &done)).detach();
            let (first, second) = if is_same_order { (&slots, &memory) } else { (&memory, &slots) };
            executor.spawn(both(first, second, &done)).detach();
            run_until_idle(&executor);
            assert_eq!(done.get(), completed);
            assert_eq!(slots.waiters() + memory.waiters(), 2 - completed);
        }
    }

    /// With the global limit first, requests for one busy connection hold the memory that an idle one needs.
    #[test]
    fn only_with_the_global_limit_last_an_idle_connection_is_served() {
        for (is_global_last, served) in [(true, true), (false, false)] {
            let (busy, idle, memory) = (Semaphore::new(0), Semaphore::new(1), Semaphore::new(2));
            let (blocked, done) = (Cell::new(0), Cell::new(0));
            let executor = LocalExecutor::new();
            for (slots, done) in [(&busy, &blocked), (&busy, &blocked), (&idle, &done)] {
                let (first, second) = if is_global_last { (slots, &memory) } else { (&memory, slots) };
                executor.spawn(both(first, second, done)).detach();
                run_until_idle(&executor);
            }
            assert_eq!((blocked.get(), done.get() == 1), (0, served));
        }
    }

    /// The bound: a request of any size waits only for the permits that are held or requested before it, even if the limit
    /// is lowered meanwhile.
    #[test]
    fn a_request_above_the_limit_is_served_alone() {
        let memory = Semaphore::new(10);
        let connection = Connection { slots: Semaphore::new(9), memory: &memory };
        let small = block_on(connection.acquire(1)).unwrap();
        let mut large = pin!(connection.acquire(1000));
        let mut later = pin!(connection.acquire(1));
        assert!(block_on(poll_once(large.as_mut())).is_none());
        assert!(block_on(poll_once(later.as_mut())).is_none());
        memory.set_limit(5);
        drop(small);
        let all = block_on(poll_once(large)).unwrap().unwrap();
        assert_eq!(all.1.num_permits(), 5);
        assert!(block_on(poll_once(later.as_mut())).is_none());
        drop(all);
        assert!(block_on(poll_once(later)).is_some());
    }

    /// What happens without the recipe.
    #[test]
    fn a_plain_request_above_the_limit_blocks_the_queue_until_it_is_cancelled() {
        let memory = Semaphore::new(10);
        let mut large = Box::pin(memory.acquire_many(11));
        let mut later = pin!(memory.acquire());
        assert!(block_on(poll_once(&mut large)).is_none());
        assert!(block_on(poll_once(later.as_mut())).is_none());
        assert_eq!(memory.available_permits(), 10, "all permits are available, and every request waits");
        drop(large);
        assert!(block_on(poll_once(later)).is_some());
    }
}
