use fairgate::Semaphore;

/// At most as many requests in flight as there are slots, and one token per request. A timer refills the tokens.
pub struct Client {
    slots: Semaphore,
    tokens: Semaphore,
    burst: usize,
}

/// The server answered 429: the request may be sent again after this.
pub struct TooMany<D>(pub D);

impl Client {
    pub const fn new(slots: usize, burst: usize) -> Self {
        Self { slots: Semaphore::new(slots), tokens: Semaphore::new(burst), burst }
    }

    /// Call this once per period. Tokens that were not used are not saved up.
    pub fn refill(&self) {
        self.tokens.add_permits(self.burst.saturating_sub(self.tokens.available_permits()));
    }

    pub async fn send<T, D>(
        &self,
        attempt: impl AsyncFn() -> Result<T, TooMany<D>>,
        sleep: impl AsyncFn(D),
    ) -> T {
        loop {
            // The slot first: a token is used when its request is sent, not while it waits.
            let slot = self.slots.acquire().await.expect("never closed");
            self.tokens.acquire().await.expect("never closed").forget();
            let answer = attempt().await;
            drop(slot);
            match answer {
                Ok(answer) => return answer,
                Err(TooMany(delay)) => sleep(delay).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::HashMap;

    use smol::LocalExecutor;

    use super::*;
    use crate::simulation::{Clock, InFlight, run_until_idle};

    /// The bound: at most 3 requests are sent per period and at most 2 are in flight. A request that was refused
    /// releases its slot before it sleeps.
    #[test]
    fn both_limits_hold_with_retries() {
        let (clock, in_flight) = (Clock::default(), InFlight::default());
        let (client, done) = (Client::new(2, 3), Cell::new(0));
        let (sent, refused) = (RefCell::new(HashMap::<u64, usize>::new()), Cell::new(0));
        let attempt = async || {
            let _flight = in_flight.start();
            *sent.borrow_mut().entry(clock.now() / 10).or_default() += 1;
            clock.sleep(1).await;
            if sent.borrow().values().sum::<usize>() % 4 == 0 {
                refused.set(refused.get() + 1);
                return Err(TooMany(7));
            }
            Ok(())
        };
        let executor = LocalExecutor::new();
        for _ in 0..30 {
            let request = async {
                client.send(&attempt, async |ticks| clock.sleep(ticks).await).await;
                done.set(done.get() + 1);
            };
            executor.spawn(request).detach();
        }
        for tick in 1..=200 {
            run_until_idle(&executor);
            clock.advance();
            if tick % 10 == 0 {
                client.refill();
            }
        }
        run_until_idle(&executor);
        assert_eq!((done.get(), in_flight.peak(), client.slots.available_permits()), (30, 2, 2));
        assert!(refused.get() > 0);
        assert_eq!(sent.borrow().values().max(), Some(&3), "{sent:?}");
        assert_eq!(sent.borrow().values().sum::<usize>(), 30 + refused.get());
    }

    #[test]
    fn a_request_that_sleeps_before_a_retry_holds_nothing() {
        let client = Client::new(1, 5);
        let attempt = async || Err::<(), _>(TooMany(()));
        let mut request = Box::pin(client.send(attempt, async |()| std::future::pending().await));
        assert!(smol::block_on(smol::future::poll_once(&mut request)).is_none());
        assert_eq!((client.slots.available_permits(), client.tokens.available_permits()), (1, 4));
    }
}
