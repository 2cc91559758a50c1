use std::sync::Mutex;
use std::time::Duration;

use fairgate::{AcquireError, Semaphore, SemaphorePermit, with_timeout};

/// A wait that is normal in a short burst.
pub const IN_A_BURST: Duration = Duration::from_millis(100);
/// A wait that leaves enough time to serve the request while the overload lasts.
pub const UNDER_OVERLOAD: Duration = Duration::from_millis(5);
pub const MAX_WAITERS: usize = 1000;

/// The time is what a clock shows since a fixed moment.
pub struct Shed {
    pub slots: Semaphore,
    last_empty: Mutex<Duration>,
}

impl Shed {
    pub fn new(permits: usize) -> Self {
        assert!(permits > 0, "nothing would ever be granted");
        Self { slots: Semaphore::new(permits), last_empty: Mutex::default() }
    }

    fn patience(&self, now: Duration) -> Duration {
        let mut last_empty = self.last_empty.lock().unwrap();
        if self.slots.waiters() == 0 {
            *last_empty = now;
        }
        if now.saturating_sub(*last_empty) > IN_A_BURST { UNDER_OVERLOAD } else { IN_A_BURST }
    }

    /// The error is full or timed out if the request is refused because of the load.
    pub async fn acquire<T: Future>(
        &self,
        now: Duration,
        timer: impl FnOnce(Duration) -> T,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        let timer = timer(self.patience(now));
        with_timeout(self.slots.acquire().max_waiters(MAX_WAITERS), timer).await?
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use smol::LocalExecutor;
    use smol::future::{block_on, poll_once};

    use super::*;
    use crate::simulation::{Clock, run_until_idle};

    #[derive(Default)]
    struct Outcome {
        /// When each served request had arrived, and how long it had waited, in milliseconds.
        served: RefCell<Vec<(u64, u64)>>,
        refused: Cell<usize>,
    }

    /// One permit, one millisecond of work per request, and `arrivals(now)` new requests in each millisecond.
    fn simulate(milliseconds: u64, arrivals: impl Fn(u64) -> usize) -> Outcome {
        let (clock, shed, outcome) = (Clock::default(), Shed::new(1), Outcome::default());
        let request = async || {
            let arrival = clock.now();
            let timer = |limit: Duration| clock.sleep(limit.as_millis() as u64);
            match shed.acquire(Duration::from_millis(arrival), timer).await {
                Ok(_permit) => {
                    outcome.served.borrow_mut().push((arrival, clock.now() - arrival));
                    clock.sleep(1).await;
                }
                Err(_) => outcome.refused.set(outcome.refused.get() + 1),
            }
        };
        let executor = LocalExecutor::new();
        for now in 0..milliseconds {
            for _ in 0..arrivals(now) {
                executor.spawn(request()).detach();
            }
            run_until_idle(&executor);
            clock.advance();
        }
        drop(executor);
        outcome
    }

    /// The bound: under a permanent overload a request that is served has waited for at most 5 ms, and no time is lost.
    #[test]
    fn under_a_permanent_overload_the_wait_is_short() {
        let outcome = simulate(2000, |_| 2);
        let served = outcome.served.borrow();
        assert!(served.iter().all(|&(_, waited)| waited <= 100));
        let late = served.iter().filter(|&&(arrival, waited)| arrival > 300 && waited > 5);
        assert_eq!(late.count(), 0, "requests have waited for longer than the limit under overload");
        assert!(served.len() > 1950, "{} of 2000 milliseconds were used", served.len());
        assert!(outcome.refused.get() > 1900);
    }

    #[test]
    fn a_short_burst_is_served_whole() {
        let outcome = simulate(2000, |now| if now % 200 == 0 { 90 } else { 0 });
        assert_eq!((outcome.served.borrow().len(), outcome.refused.get()), (900, 0));
    }

    #[test]
    fn the_queue_is_bounded() {
        let shed = Shed::new(1);
        let _busy = shed.slots.try_acquire().unwrap();
        let timer = |_| std::future::pending::<()>();
        let acquire = || Box::pin(shed.acquire(Duration::ZERO, timer));
        let mut queued: Vec<_> = (0..MAX_WAITERS).map(|_| acquire()).collect();
        for request in &mut queued {
            assert!(block_on(poll_once(request)).is_none());
        }
        assert!(block_on(acquire()).unwrap_err().is_full());
        assert_eq!(shed.slots.waiters(), MAX_WAITERS);
        shed.slots.close();
        assert!(block_on(acquire()).unwrap_err().is_closed());
    }
}
