//! The fair semaphore and the mutex of embassy-sync.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::semaphore::{FairSemaphore, Semaphore as _};

/// Room for four waiters, which is the most that wait here.
pub type Semaphore = FairSemaphore<CriticalSectionRawMutex, 4>;
pub type Mutex<T> = embassy_sync::mutex::Mutex<CriticalSectionRawMutex, T>;

pub fn release(semaphore: &Semaphore, n: usize) {
    semaphore.release(n);
}

/// Takes `n` permits for good.
pub async fn take(semaphore: &Semaphore, n: usize) {
    if let Ok(permits) = semaphore.acquire(n).await {
        permits.disarm();
    }
}

/// embassy-time has this function for its own timers.
pub async fn with_timeout<F: Future>(future: F, deadline: impl Future) -> Result<F::Output, ()> {
    let (mut future, mut deadline) = (pin!(future), pin!(deadline));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => deadline.as_mut().poll(cx).map(|_| Err(())),
    })
    .await
}
