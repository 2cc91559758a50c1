use std::sync::Mutex;
use std::time::Duration;

use fairgate::Semaphore;

/// A limit that follows the latency: it shrinks while answers take longer than the fastest answer.
pub struct Gradient {
    slots: Semaphore,
    state: Mutex<State>,
}

struct State {
    limit: f64,
    fastest: Duration,
}

impl Gradient {
    pub fn new(limit: usize) -> Self {
        let state = State { limit: limit as f64, fastest: Duration::MAX };
        Self { slots: Semaphore::new(limit), state: Mutex::new(state) }
    }

    /// `clock` returns the time since a fixed moment, such as the start of the program.
    pub async fn call<T>(&self, clock: impl Fn() -> Duration, request: impl Future<Output = T>) -> T {
        let _slot = self.slots.acquire().await.expect("never closed");
        let start = clock();
        let output = request.await;
        let (from, to) = self.state.lock().unwrap().learn(clock() - start);
        self.slots.resize(from, to);
        output
    }
}

impl State {
    fn learn(&mut self, latency: Duration) -> (usize, usize) {
        let from = self.limit;
        self.fastest = self.fastest.min(latency);
        let gradient = self.fastest.as_secs_f64() / latency.as_secs_f64().max(f64::MIN_POSITIVE);
        // The square root lets a few requests queue at the service, so that the limit can grow again.
        let target = from * gradient.clamp(0.5, 1.0) + from.sqrt();
        self.limit = (from + (target - from) / from).clamp(1.0, 1000.0); // each of a round's answers moves it a little
        (from as usize, self.limit as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use smol::LocalExecutor;

    use super::*;
    use crate::simulation::{Clock, InFlight, run_until_idle};

    /// An answer takes 10 ticks, and longer in proportion if more requests are in flight than the capacity.
    ///
    /// The bound: the limit settles where the excess over the capacity is about the square root of the limit, also after the
    /// capacity has dropped from 40 to 10 and risen again.
    #[test]
    fn the_limit_follows_the_capacity_of_the_service() {
        let (clock, in_flight, capacity) = (Clock::default(), InFlight::default(), Cell::new(40));
        let gradient = Gradient::new(1);
        let request = async || {
            let _flight = in_flight.start();
            clock.sleep((10 * in_flight.now()).div_ceil(capacity.get()).max(10) as u64).await;
        };
        let client = async || loop {
            gradient.call(|| Duration::from_secs(clock.now()), request()).await;
        };
        let executor = LocalExecutor::new();
        for _ in 0..200 {
            executor.spawn(client()).detach();
        }
        for (new_capacity, settled) in [(40, 40..=52), (10, 10..=18), (40, 40..=52)] {
            capacity.set(new_capacity);
            for tick in 0..2000 {
                run_until_idle(&executor);
                let limit = gradient.state.lock().unwrap().limit as usize;
                assert!(tick < 500 || in_flight.now() <= limit, "more in flight than the limit allows");
                assert!(
                    tick < 500 || settled.contains(&limit),
                    "the limit is {limit} for a capacity of {new_capacity}"
                );
                clock.advance();
            }
        }
    }
}
