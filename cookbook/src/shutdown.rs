use fairgate::Semaphore;

/// Lets all requests complete that are queued or served now. When this returns, no permit is held, and all other requests
/// fail. Call it once.
pub async fn shut_down(slots: &Semaphore, limit: usize) {
    // FIFO: every request that is already queued is granted first, and every later one waits behind this.
    if let Ok(_all) = slots.acquire_many(limit).await {
        // Closed while all permits are held, so none of the later requests is granted.
        slots.close();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: exactly the requests from before the shutdown get a permit, and it returns when the last is released.
    #[test]
    fn earlier_requests_complete_and_later_ones_fail() {
        let slots = Semaphore::new(2);
        let mut held = vec![slots.try_acquire().unwrap(), slots.try_acquire().unwrap()];
        let mut earlier = [(); 3].map(|()| Box::pin(slots.acquire()));
        for request in &mut earlier {
            assert!(block_on(poll_once(request)).is_none());
        }
        let mut shutdown = pin!(shut_down(&slots, 2));
        assert!(block_on(poll_once(shutdown.as_mut())).is_none());
        let mut later = [(); 3].map(|()| Box::pin(slots.acquire()));
        for request in &mut later {
            assert!(block_on(poll_once(request)).is_none());
        }
        for request in &mut earlier {
            drop(held.remove(0));
            held.push(block_on(poll_once(request)).unwrap().expect("a request from before the shutdown"));
            assert!(block_on(poll_once(shutdown.as_mut())).is_none(), "a permit is still held");
        }
        drop(held);
        assert!(block_on(poll_once(shutdown)).is_some());
        for request in &mut later {
            assert!(block_on(poll_once(request)).unwrap().is_err());
        }
        assert!(block_on(slots.acquire()).is_err());
    }

    #[test]
    fn a_cancelled_shutdown_changes_nothing() {
        let slots = Semaphore::new(1);
        let held = slots.try_acquire().unwrap();
        let mut shutdown = Box::pin(shut_down(&slots, 1));
        assert!(block_on(poll_once(&mut shutdown)).is_none());
        drop(shutdown);
        drop(held);
        assert!(slots.try_acquire().is_ok());
    }
}
