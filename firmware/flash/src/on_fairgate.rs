//! The semaphore and the mutex of fairgate.

pub use fairgate::{Mutex, Semaphore, with_timeout};

pub fn release(semaphore: &Semaphore, n: usize) {
    semaphore.add_permits(n);
}

/// Takes `n` permits for good.
pub async fn take(semaphore: &Semaphore, n: usize) {
    if let Ok(permits) = semaphore.acquire_many(n).await {
        permits.forget();
    }
}
