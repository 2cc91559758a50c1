use fairgate::{Semaphore, SemaphorePermit};

pub struct Memory {
    limit: usize,
    bytes: Semaphore,
}

impl Memory {
    pub const fn new(limit: usize) -> Self {
        Self { limit, bytes: Semaphore::new(limit) }
    }

    /// A request above the limit is served alone: it waits for all permits.
    pub async fn acquire(&self, bytes: usize) -> SemaphorePermit<'_> {
        self.bytes.acquire_many(bytes.min(self.limit)).await.expect("never closed")
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: a request of any size waits only for the permits that are held or requested before it.
    #[test]
    fn an_oversized_request_is_served_alone() {
        let memory = Memory::new(10);
        let small = block_on(memory.acquire(1));
        let mut large = pin!(memory.acquire(1000));
        let mut later = pin!(memory.acquire(1));
        assert!(block_on(poll_once(large.as_mut())).is_none());
        assert!(block_on(poll_once(later.as_mut())).is_none());
        drop(small);
        let all = block_on(poll_once(large)).unwrap();
        assert_eq!(all.num_permits(), 10);
        assert!(block_on(poll_once(later.as_mut())).is_none());
        drop(all);
        assert!(block_on(poll_once(later)).is_some());
    }

    /// What happens without the recipe.
    #[test]
    fn a_request_above_the_limit_blocks_the_queue_until_it_is_cancelled() {
        let bytes = Semaphore::new(10);
        let mut large = Box::pin(bytes.acquire_many(11));
        let mut later = pin!(bytes.acquire());
        assert!(block_on(poll_once(&mut large)).is_none());
        assert!(block_on(poll_once(later.as_mut())).is_none());
        assert_eq!(bytes.available_permits(), 10, "all permits are available, and every request waits");
        drop(large);
        assert!(block_on(poll_once(later)).is_some());
    }
}
