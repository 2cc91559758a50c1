use std::sync::Arc;

use fairgate::{AcquireError, Semaphore, SemaphorePermit, with_timeout};
use tokio::task::{JoinHandle, spawn_blocking};

/// Runs `work` on a thread for blocking work. If the caller goes away the thread runs on, and its permit with it.
pub async fn limited<T: Send + 'static>(
    slots: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, AcquireError> {
    let slot = slots.clone().acquire_owned().await?;
    Ok(spawn_blocking(move || {
        // Moved into the closure: a permit that stays in the async function is released when the caller is cancelled.
        let _slot = slot;
        work()
    }))
}

/// Blocks the thread until it has a permit, or until another thread closes `cancel`, a semaphore without permits.
pub fn acquire_or_cancel<'a>(
    slots: &'a Semaphore,
    cancel: &Semaphore,
) -> Result<SemaphorePermit<'a>, AcquireError> {
    smol::block_on(with_timeout(slots.acquire(), cancel.acquire()))?
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use smol::future::poll_once;
    use tokio::runtime::Builder;

    use super::*;

    /// The bound: the permit is held exactly as long as the thread works, even if the caller is cancelled.
    #[test]
    fn the_permit_is_held_until_the_thread_is_done() {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let slots = Arc::new(Semaphore::new(1));
            let (started, wait_until_started) = channel();
            let (finish, wait_until_finish) = channel::<()>();
            let work = move || {
                started.send(()).unwrap();
                wait_until_finish.recv().unwrap();
            };
            let call = limited(&slots, work).await.unwrap();
            wait_until_started.recv().unwrap();
            call.abort();
            drop(call);
            assert_eq!(slots.available_permits(), 0, "the thread still works");
            let mut next = Box::pin(limited(&slots, || 7));
            assert!(poll_once(&mut next).await.is_none());
            assert_eq!(slots.waiters(), 1);
            finish.send(()).unwrap();
            assert_eq!(next.await.unwrap().await.unwrap(), 7);
            slots.close();
            assert!(limited(&slots, || 7).await.unwrap_err().is_closed());
        });
    }

    /// The bound: a blocked thread returns once it is cancelled, and is no longer queued.
    #[test]
    fn a_blocked_thread_can_be_cancelled() {
        let (slots, cancel) = (Semaphore::new(0), Semaphore::new(0));
        thread::scope(|scope| {
            let blocked = scope.spawn(|| acquire_or_cancel(&slots, &cancel).map(drop));
            while slots.waiters() == 0 {
                thread::yield_now();
            }
            cancel.close();
            assert!(blocked.join().unwrap().unwrap_err().is_timed_out());
        });
        assert_eq!(slots.waiters(), 0);
        slots.add_permits(1);
        assert!(
            acquire_or_cancel(&slots, &cancel).is_ok(),
            "a permit that is available is granted all the same"
        );
        slots.close();
        assert!(acquire_or_cancel(&slots, &cancel).unwrap_err().is_closed());
    }
}
