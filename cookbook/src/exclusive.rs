use fairgate::{AcquireError, Semaphore, SemaphorePermit};

/// One of many that work at the same time.
pub async fn shared(permits: &Semaphore) -> Result<SemaphorePermit<'_>, AcquireError> {
    permits.acquire().await
}

/// The only one: a writer, or maintenance. Waits for all that are at work or queued now. All later requests wait for it.
pub async fn exclusive(permits: &Semaphore) -> Result<SemaphorePermit<'_>, AcquireError> {
    permits.acquire_all().await
}

/// Graceful shutdown: lets all requests complete that are queued or at work now. When this returns, no permit is held, and
/// all other requests fail.
pub async fn shut_down(permits: &Semaphore) {
    // An error means that another task has shut down: there is nothing left to do.
    if let Ok(_all) = permits.acquire_all().await {
        // Closed while no permit is held, so none of the later requests is granted.
        permits.close();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: a writer waits only for the readers and writers before it.
    #[test]
    fn a_writer_is_alone_and_is_not_starved_by_readers() {
        let lock = Semaphore::new(1000);
        let readers = [block_on(shared(&lock)), block_on(shared(&lock))];
        let mut writer = pin!(exclusive(&lock));
        assert!(block_on(poll_once(writer.as_mut())).is_none());
        let mut later = [(); 3].map(|()| Box::pin(shared(&lock)));
        for reader in &mut later {
            assert!(block_on(poll_once(reader)).is_none(), "a later reader overtakes the writer");
        }
        drop(readers);
        let written = block_on(poll_once(writer)).expect("no reader is left");
        for reader in &mut later {
            assert!(block_on(poll_once(reader)).is_none(), "a reader runs beside the writer");
        }
        drop(written);
        let together: Vec<_> =
            later.iter_mut().map(|reader| block_on(poll_once(reader)).unwrap()).collect();
        assert_eq!(together.len(), 3);
    }

    /// The bound: exactly the requests from before the shutdown get a permit, and it returns when the last is released.
    #[test]
    fn earlier_requests_complete_and_later_ones_fail() {
        let slots = Semaphore::new(2);
        let mut held = vec![slots.try_acquire().unwrap(), slots.try_acquire().unwrap()];
        let mut earlier = [(); 3].map(|()| Box::pin(slots.acquire()));
        for request in &mut earlier {
            assert!(block_on(poll_once(request)).is_none());
        }
        let mut shutdown = pin!(shut_down(&slots));
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
    fn a_shutdown_ends_whatever_the_limit_becomes() {
        for (from, to) in [(4, 2), (4, 0), (2, 4), (1, 1)] {
            let slots = Semaphore::new(from);
            let held = slots.try_acquire().unwrap();
            let mut shutdown = pin!(shut_down(&slots));
            assert!(block_on(poll_once(shutdown.as_mut())).is_none());
            slots.set_limit(to);
            assert!(block_on(poll_once(shutdown.as_mut())).is_none(), "{from} -> {to}: a permit is held");
            drop(held);
            assert!(block_on(poll_once(shutdown)).is_some(), "{from} -> {to}: no permit is held");
            assert!(slots.is_closed());
        }
    }

    #[test]
    fn a_shutdown_does_not_wait_for_forgotten_permits() {
        let slots = Semaphore::new(2);
        slots.try_acquire().unwrap().forget();
        assert!(block_on(poll_once(shut_down(&slots))).is_some());
    }

    #[test]
    fn two_shutdowns_both_return() {
        let slots = Semaphore::new(2);
        let held = slots.try_acquire().unwrap();
        let mut both = [(); 2].map(|()| Box::pin(shut_down(&slots)));
        for shutdown in &mut both {
            assert!(block_on(poll_once(shutdown)).is_none());
        }
        drop(held);
        for shutdown in both {
            block_on(shutdown);
        }
    }

    #[test]
    fn a_cancelled_shutdown_changes_nothing() {
        let slots = Semaphore::new(1);
        let held = slots.try_acquire().unwrap();
        let mut shutdown = Box::pin(shut_down(&slots));
        assert!(block_on(poll_once(&mut shutdown)).is_none());
        drop(shutdown);
        drop(held);
        assert!(slots.try_acquire().is_ok());
    }
}
