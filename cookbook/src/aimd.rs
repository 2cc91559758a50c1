use std::sync::Mutex;

use fairgate::Semaphore;

/// A limit that grows by one after a full round of successes, and shrinks by a third after an overload.
pub struct Aimd {
    slots: Semaphore,
    state: Mutex<State>,
}

struct State {
    limit: usize,
    successes: usize,
}

impl Aimd {
    pub fn new(limit: usize) -> Self {
        Self { slots: Semaphore::new(limit), state: Mutex::new(State { limit, successes: 0 }) }
    }

    pub async fn call<T, E>(&self, request: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let _slot = self.slots.acquire().await.expect("never closed");
        let limit = self.state.lock().unwrap().limit;
        let result = request.await;
        let is_full = self.slots.available_permits() == 0;
        let (from, to) = self.state.lock().unwrap().learn(limit, result.is_ok(), is_full);
        self.slots.resize(from, to);
        result
    }
}

impl State {
    /// A request that was sent under a larger limit and fails says nothing about the limit of now.
    /// A success says nothing about a larger limit while permits are available.
    fn learn(&mut self, sent_under: usize, is_ok: bool, is_full: bool) -> (usize, usize) {
        let from = self.limit;
        match is_ok {
            true if !is_full => {}
            true if self.successes + 1 < from => self.successes += 1,
            true => *self = Self { limit: from + 1, successes: 0 },
            false if from < sent_under => {}
            false => *self = Self { limit: (from * 2 / 3).max(1), successes: 0 },
        }
        (from, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use smol::LocalExecutor;

    use super::*;
    use crate::simulation::{Clock, InFlight, run_until_idle};

    impl Aimd {
        fn limit(&self) -> usize {
            self.state.lock().unwrap().limit
        }
    }

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
            if is_accepted { Ok(()) } else { Err(()) }
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
            let previous = last_limit.replace(aimd.limit());
            assert!(
                in_flight.now() <= previous.max(aimd.limit()),
                "more are in flight than the limit allows"
            );
            clock.advance();
        };
        (0..100).for_each(|_| round());
        assert!((20..=31).contains(&aimd.limit()), "{} for a capacity of 30", aimd.limit());

        capacity.set(6);
        (0..5).for_each(|_| round());
        accepted.set(0);
        refused.set(0);
        for _ in 0..100 {
            assert!((4..=7).contains(&aimd.limit()), "{} for a capacity of 6", aimd.limit());
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
        assert!(aimd.limit() >= 20, "{} after the capacity is 30 again", aimd.limit());
    }

    #[test]
    fn the_limit_does_not_grow_while_it_is_not_used() {
        let aimd = Aimd::new(1);
        for _ in 0..1000 {
            let _ = smol::future::block_on(aimd.call(async { Ok::<_, ()>(()) }));
        }
        assert_eq!(aimd.limit(), 2, "one request at a time fills a limit of one and not of two");
    }
}
