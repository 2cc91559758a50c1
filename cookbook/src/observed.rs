use std::pin::pin;
use std::time::Instant;

use fairgate::{AcquireError, Semaphore, SemaphorePermit, with_timeout};
use metrics::{gauge, histogram};

pub struct Observed {
    pub name: &'static str,
    pub semaphore: Semaphore,
}

/// Reports the wait when it is dropped, so that a cancelled request is reported, too.
struct Wait(&'static str, Instant, &'static str);

impl Drop for Wait {
    fn drop(&mut self) {
        let Self(name, since, outcome) = *self;
        let waited = since.elapsed();
        histogram!("acquire_seconds", "semaphore" => name, "outcome" => outcome).record(waited);
        tracing::debug!(semaphore = name, outcome, ?waited, "acquire");
    }
}

impl Observed {
    /// Logs a warning if the request still waits when `patience` ends, and goes on waiting.
    pub async fn acquire(&self, patience: impl Future) -> Result<SemaphorePermit<'_>, AcquireError> {
        let mut wait = Wait(self.name, Instant::now(), "cancelled");
        let mut request = pin!(self.semaphore.acquire());
        // At the deadline `with_timeout` drops the reference. The request itself stays in the queue.
        let result = match with_timeout(request.as_mut(), patience).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!(name = self.name, semaphore = ?self.semaphore, "still waiting for a permit");
                request.await
            }
        };
        wait.2 = if result.is_ok() { "granted" } else { "closed" };
        result
    }

    /// Call this whenever the metrics are collected.
    pub fn report(&self) {
        let report = |gauge_name, value| gauge!(gauge_name, "semaphore" => self.name).set(value as f64);
        report("limit", self.semaphore.limit());
        report("in_flight", self.semaphore.held());
        report("waiters", self.semaphore.waiters());
        report("front_needs", self.semaphore.needed().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io;
    use std::sync::{Arc, Mutex};

    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
    use smol::future::{block_on, pending, poll_once};
    use tracing_subscriber::fmt;

    use super::*;

    /// Each metric under its name and outcome: the value of a gauge, or the number of values in a histogram.
    fn read(snapshotter: &Snapshotter) -> HashMap<String, usize> {
        let entry = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
            let outcome = key.key().labels().find(|label| label.key() == "outcome");
            let name = outcome.map_or(key.key().name().to_owned(), |outcome| outcome.value().to_owned());
            let value = match value {
                DebugValue::Gauge(value) => *value as usize,
                DebugValue::Histogram(values) => values.len(),
                DebugValue::Counter(_) => unreachable!("the recipe has no counter"),
            };
            (name, value)
        };
        snapshotter.snapshot().into_vec().into_iter().map(entry).collect()
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The bound: each request is reported once, whatever its outcome, and held and waiting requests are all counted.
    #[test]
    fn every_request_is_reported_once_even_if_it_is_cancelled() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let log = Log::default();
        let writer = log.clone();
        let subscriber = fmt().with_max_level(tracing::Level::DEBUG).with_writer(move || writer.clone());
        let _default = tracing::subscriber::set_default(subscriber.finish());
        metrics::with_local_recorder(&recorder, || {
            let slots = Observed { name: "slots", semaphore: Semaphore::new(2) };
            let held = [
                block_on(slots.acquire(pending::<()>())).unwrap(),
                block_on(slots.acquire(pending::<()>())).unwrap(),
            ];
            let mut queued = [(); 3].map(|()| Some(Box::pin(slots.acquire(pending::<()>()))));
            for request in queued.iter_mut().flatten() {
                assert!(block_on(poll_once(request)).is_none());
            }
            slots.report();
            let seen = read(&snapshotter);
            assert_eq!((seen["in_flight"], seen["waiters"], seen["granted"]), (2, 3, 2));
            assert_eq!((seen["limit"], seen["front_needs"]), (2, 1));
            slots.semaphore.set_limit(1);
            slots.report();
            let seen = read(&snapshotter);
            assert_eq!((seen["limit"], seen["in_flight"]), (1, 2), "one permit is owed");
            slots.semaphore.set_limit(2);

            queued[1] = None;
            drop(held);
            let third = block_on(queued[0].take().unwrap()).unwrap();
            slots.semaphore.close();
            assert!(block_on(queued[2].take().unwrap()).is_ok(), "it was granted before the close");
            assert!(block_on(slots.acquire(pending::<()>())).is_err());
            slots.report();
            let seen = read(&snapshotter);
            assert_eq!((seen["in_flight"], seen["waiters"], seen["front_needs"]), (1, 0, 0));
            assert_eq!((seen["granted"], seen["cancelled"], seen["closed"]), (2, 1, 1));
            drop(third);
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.matches("cancelled").count(), 1);
    }

    /// The bound: a request that warns is overtaken by no other.
    #[test]
    fn a_request_that_warns_keeps_its_place() {
        let slots = Observed { name: "slots", semaphore: Semaphore::new(0) };
        let mut first = Box::pin(slots.acquire(pending::<()>()));
        let mut warned = Box::pin(slots.acquire(std::future::ready(())));
        let mut last = Box::pin(slots.semaphore.acquire());
        assert!(block_on(poll_once(&mut first)).is_none());
        assert!(block_on(poll_once(&mut warned)).is_none());
        assert!(block_on(poll_once(&mut last)).is_none());
        assert_eq!(slots.semaphore.waiters(), 3);
        slots.semaphore.add_permits(1);
        assert!(block_on(poll_once(&mut warned)).is_none());
        block_on(poll_once(first)).unwrap().unwrap().forget();
        slots.semaphore.add_permits(1);
        assert!(block_on(poll_once(&mut last)).is_none());
        block_on(poll_once(warned)).unwrap().unwrap().forget();
        assert!(block_on(poll_once(last)).is_none());
    }
}
