use std::sync::Arc;

use fairgate::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// Runs `work` on a thread for blocking work. If the caller goes away the thread runs on, and its permit with it.
pub async fn limited<T: Send + 'static>(
    slots: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let slot = slots.clone().acquire_owned().await.expect("never closed");
    let work = move || {
        // Moved into the closure: a permit that stays in the async function is released when the caller is cancelled.
        let _slot = slot;
        work()
    };
    spawn_blocking(work).await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use smol::future::poll_once;
    use tokio::runtime::Builder;

    use super::*;

    /// The bound: the permit is held exactly as long as the thread works, also if the caller is cancelled.
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
            let mut call = Box::pin(limited(&slots, work));
            assert!(poll_once(&mut call).await.is_none());
            wait_until_started.recv().unwrap();
            drop(call);
            assert_eq!(slots.available_permits(), 0, "the thread still works");
            let mut next = Box::pin(limited(&slots, || 7));
            assert!(poll_once(&mut next).await.is_none());
            assert_eq!(slots.waiters(), 1);
            finish.send(()).unwrap();
            assert_eq!(next.await.unwrap(), 7);
        });
    }
}
