use std::pin::pin;

use fairgate::{AcquireError, Deadline, Semaphore, SemaphorePermit, with_timeout};

/// Logs a warning if the wait is still not over at the deadline, and goes on waiting.
pub async fn acquire(
    semaphore: &Semaphore,
    deadline: impl Deadline,
) -> Result<SemaphorePermit<'_>, AcquireError> {
    let mut request = pin!(semaphore.acquire());
    // At the deadline `with_timeout` drops the reference. The request itself stays in the queue.
    if let Ok(result) = with_timeout(request.as_mut(), deadline).await {
        return result;
    }
    tracing::warn!(?semaphore, "still waiting for a permit");
    request.await
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: a request that warns is overtaken by no other.
    #[test]
    fn a_request_that_warns_keeps_its_place() {
        let semaphore = Semaphore::new(0);
        let mut first = pin!(acquire(&semaphore, std::future::pending::<()>()));
        assert!(block_on(poll_once(first.as_mut())).is_none());
        let mut warned = pin!(acquire(&semaphore, ready(())));
        assert!(block_on(poll_once(warned.as_mut())).is_none());
        let mut last = pin!(semaphore.acquire());
        assert!(block_on(poll_once(last.as_mut())).is_none());
        assert_eq!(semaphore.waiters(), 3);

        semaphore.add_permits(1);
        assert!(block_on(poll_once(warned.as_mut())).is_none());
        block_on(poll_once(first)).unwrap().unwrap().forget();
        semaphore.add_permits(1);
        assert!(block_on(poll_once(last.as_mut())).is_none());
        block_on(poll_once(warned)).unwrap().unwrap().forget();
        assert!(block_on(poll_once(last)).is_none());
    }
}
