use std::sync::Mutex;

use fairgate::{AcquireError, Semaphore};

/// A limit that grows by one after a round of successes in which it was used, and shrinks by a third after an overload.
pub struct Aimd {
    pub slots: Semaphore,
    round: Mutex<Round>,
}

#[derive(Default)]
struct Round {
    successes: usize,
    most_in_flight: usize,
}

impl Round {
    fn has(&mut self, in_flight: usize) {
        self.most_in_flight = self.most_in_flight.max(in_flight);
    }
}

/// A request in flight. It learns when it is dropped, so that a request that its caller drops counts as a failure.
struct Flight<'a> {
    aimd: &'a Aimd,
    sent_under: usize,
    is_ok: bool,
}

impl Aimd {
    pub fn new(limit: usize) -> Self {
        assert!(limit > 0, "nothing would ever be granted");
        Self { slots: Semaphore::new(limit), round: Mutex::default() }
    }

    pub async fn call<T, E>(&self, request: impl Future<Output = Result<T, E>>) -> Result<T, E>
    where
        E: From<AcquireError>,
    {
        let _slot = self.slots.acquire().await?;
        let mut flight = Flight { aimd: self, sent_under: self.slots.limit(), is_ok: false };
        self.round.lock().unwrap().has(self.slots.held());
        let result = request.await;
        flight.is_ok = result.is_ok();
        result
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let slots = &self.aimd.slots;
        let mut round = self.aimd.round.lock().unwrap();
        let limit = slots.limit();
        round.successes += usize::from(self.is_ok);
        let new = match self.is_ok {
            true if round.successes < limit => return,
            // A round in which permits were always available says nothing about a larger limit.
            true if round.most_in_flight < limit => limit,
            true => limit + 1,
            // A failure under a larger limit says nothing about the limit of now.
            false if limit < self.sent_under => return,
            false => (limit * 2 / 3).max(1),
        };
        *round = Round { successes: 0, most_in_flight: slots.held() };
        drop(round); // `set_limit` may call wakers
        if new != limit {
            slots.set_limit(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use smol::LocalExecutor;
    use smol::future::{block_on, pending, poll_once};

    use super::*;
    use crate::simulation::{Clock, InFlight, run_until_idle};

    /// The bound: when the capacity of the service drops from 30 to 6, the limit is at most 7 after five rounds. From then
    /// on it stays between 4 and 7, and at most one request in six fails.
    #[test]
    fn the_limit_follows_the_capacity_of_the_service() {
        let (clock, in_flight, capacity) = (Clock::default(), InFlight::default(), Cell::new(30));
        let (accepted, refused) = (Cell::new(0), Cell::new(0));
        let aimd = Aimd::new(1);
        // The service answers after a tick. It refuses a request if as many as its capacity are in flight.
        let request = async || {
            let is_accepted = in_flight.now() < capacity.get();
            let _flight = in_flight.start();
            clock.sleep(1).await;
            let count = if is_accepted { &accepted } else { &refused };
            count.set(count.get() + 1);
            if is_accepted { Ok(()) } else { Err(Failed) }
        };
        let client = async || loop {
            let _ = aimd.call(request()).await;
        };
        let executor = LocalExecutor::new();
        for _ in 0..100 {
            executor.spawn(client()).detach();
        }
        let last_limit = Cell::new(1);
        let round = || {
            run_until_idle(&executor);
            // A request that was granted before the limit shrank may still be in flight.
            let limit = aimd.slots.limit();
            let previous = last_limit.replace(limit);
            assert!(in_flight.now() <= previous.max(limit), "more are in flight than the limit allows");
            clock.advance();
        };
        (0..100).for_each(|_| round());
        assert!((20..=31).contains(&aimd.slots.limit()), "{} for a capacity of 30", aimd.slots.limit());

        capacity.set(6);
        (0..5).for_each(|_| round());
        accepted.set(0);
        refused.set(0);
        for _ in 0..100 {
            assert!((4..=7).contains(&aimd.slots.limit()), "{} for a capacity of 6", aimd.slots.limit());
            round();
        }
        assert!(
            refused.get() * 5 <= accepted.get(),
            "{} refused, {} accepted",
            refused.get(),
            accepted.get()
        );

        capacity.set(30);
        (0..40).for_each(|_| round());
        assert!(aimd.slots.limit() >= 20, "{} after the capacity is 30 again", aimd.slots.limit());
    }

    #[derive(Debug)]
    struct Failed;

    impl From<AcquireError> for Failed {
        fn from(_: AcquireError) -> Self {
            Self
        }
    }

    /// Sends `bursts` times `size` requests at once, which all succeed together, and returns the limit afterwards.
    fn limit_after_bursts(limit: usize, bursts: usize, size: usize) -> usize {
        let aimd = Aimd::new(limit);
        for _ in 0..bursts {
            let gate = Semaphore::new(0);
            let executor = LocalExecutor::new();
            for _ in 0..size {
                let request =
                    async { gate.acquire().await.map(|pass| pass.forget()).map_err(Failed::from) };
                executor.spawn(aimd.call(request)).detach();
            }
            run_until_idle(&executor);
            gate.add_permits(size);
            run_until_idle(&executor);
        }
        aimd.slots.limit()
    }

    #[test]
    fn the_limit_grows_only_if_it_is_used() {
        assert_eq!(
            limit_after_bursts(1, 1000, 1),
            2,
            "one request at a time fills a limit of one and not of two"
        );
        assert_eq!(limit_after_bursts(10, 200, 5), 10, "half of the limit is used");
        assert_eq!(
            limit_after_bursts(10, 200, 10),
            11,
            "bursts of ten fill a limit of ten and not of eleven"
        );
        assert!(limit_after_bursts(10, 30, 200) > 20, "more requests than the limit");
    }

    /// A caller's timeout drops the request.
    #[test]
    fn a_request_that_is_dropped_counts_as_a_failure() {
        let aimd = Aimd::new(50);
        for _ in 0..1000 {
            let mut call = Box::pin(aimd.call::<(), Failed>(pending()));
            assert!(block_on(poll_once(&mut call)).is_none());
        }
        assert_eq!(aimd.slots.limit(), 1);
        assert_eq!(aimd.slots.held(), 0);
    }

    #[test]
    fn a_call_can_be_spawned() {
        fn assert_send<T: Send>(_: T) {}
        let aimd = Aimd::new(1);
        assert_send(aimd.call(async { Ok::<_, Failed>(()) }));
    }

    #[test]
    fn after_a_close_every_call_fails() {
        let aimd = Aimd::new(1);
        aimd.slots.close();
        assert!(block_on(aimd.call(async { Ok::<_, Failed>(()) })).is_err());
    }
}
