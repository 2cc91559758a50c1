use fairgate::{AcquireError, Semaphore};

/// At most as many requests in flight as there are slots, and one token per request.
pub struct Client {
    pub slots: Semaphore,
    tokens: Semaphore,
    burst: usize,
}

impl Client {
    pub const fn new(slots: usize, burst: usize) -> Self {
        assert!(slots > 0 && burst > 0, "nothing would ever be sent");
        Self { slots: Semaphore::new(slots), tokens: Semaphore::new(burst), burst }
    }

    /// Adds `n` tokens, but never saves up more than `burst`. A timer calls this.
    pub fn refill(&self, n: usize) {
        self.tokens.add_permits_up_to(n, self.burst);
    }

    /// `backoff` gets the error and the number of attempts. It returns a timer, or `None` to give up.
    pub async fn send<T, E, S>(
        &self,
        attempt: impl AsyncFn() -> Result<T, E>,
        backoff: impl Fn(&E, u32) -> Option<S>,
    ) -> Result<T, E>
    where
        E: From<AcquireError>,
        S: Future,
    {
        let mut attempts = 0;
        loop {
            // The slot first: a token is used when its request is sent, not while it waits.
            let slot = self.slots.acquire().await?;
            self.tokens.acquire().await?.forget();
            let result = attempt().await;
            drop(slot); // other requests use it during the backoff
            attempts += 1;
            match result.as_ref().err().and_then(|error| backoff(error, attempts)) {
                Some(timer) => timer.await,
                None => return result,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use smol::LocalExecutor;
    use smol::future::{block_on, pending, poll_once};

    use super::*;
    use crate::simulation::{Clock, InFlight, run_until_idle};

    #[derive(Debug, PartialEq)]
    enum Failed {
        TooMany,
        Closed,
    }

    impl From<AcquireError> for Failed {
        fn from(_: AcquireError) -> Self {
            Self::Closed
        }
    }

    /// The bound, with a token every 5 ticks and a burst of 3: in any `t` ticks at most 3 + t / 5 + 1 requests are sent, and
    /// at most 2 are in flight at any time, retries included.
    #[test]
    fn both_limits_hold_with_retries() {
        let (clock, in_flight) = (Clock::default(), InFlight::default());
        let (client, done) = (Client::new(2, 3), Cell::new(0));
        let (sent, refused) = (RefCell::new(Vec::new()), Cell::new(0));
        let attempt = async || {
            let _flight = in_flight.start();
            sent.borrow_mut().push(clock.now());
            let number = sent.borrow().len();
            clock.sleep(1).await;
            if number % 4 == 0 {
                refused.set(refused.get() + 1);
                return Err(Failed::TooMany);
            }
            Ok(())
        };
        let executor = LocalExecutor::new();
        for _ in 0..30 {
            let request = async {
                client.send(&attempt, |_, _| Some(clock.sleep(7))).await.unwrap();
                done.set(done.get() + 1);
            };
            executor.spawn(request).detach();
        }
        for tick in 1..=300 {
            run_until_idle(&executor);
            clock.advance();
            if tick % 5 == 0 {
                client.refill(1);
            }
        }
        run_until_idle(&executor);
        assert_eq!((done.get(), in_flight.peak(), client.slots.available_permits()), (30, 2, 2));
        assert!(refused.get() > 0);
        let sent = sent.borrow();
        assert_eq!(sent.len(), 30 + refused.get());
        for (first, start) in sent.iter().enumerate() {
            for (last, end) in sent.iter().enumerate().skip(first) {
                let most = 3 + (end - start) / 5 + 1;
                assert!((last - first + 1) as u64 <= most, "ticks {start} to {end}: {sent:?}");
            }
        }
    }

    #[test]
    fn the_bucket_never_holds_more_than_the_burst() {
        let client = Client::new(1, 5);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| client.refill(3)));
            }
        });
        assert_eq!(client.tokens.available_permits(), 5);
    }

    #[test]
    fn a_request_that_backs_off_holds_nothing_and_can_give_up() {
        let client = Client::new(1, 5);
        let attempt = async || Err::<(), _>(Failed::TooMany);
        let mut request = Box::pin(client.send(attempt, |_, _| Some(pending::<()>())));
        assert!(block_on(poll_once(&mut request)).is_none());
        assert_eq!((client.slots.available_permits(), client.tokens.available_permits()), (1, 4));
        let backoff = |_: &Failed, attempts| (attempts < 3).then_some(std::future::ready(()));
        assert_eq!(block_on(client.send(attempt, backoff)), Err(Failed::TooMany));
        assert_eq!(client.tokens.available_permits(), 1, "three attempts");
    }

    #[test]
    fn after_a_close_every_request_fails() {
        let client = Client::new(1, 1);
        client.slots.close();
        let attempt = async || Ok::<(), Failed>(());
        let result = block_on(client.send(attempt, |_, _| None::<std::future::Ready<()>>));
        assert_eq!(result, Err(Failed::Closed));
    }
}
