//! What the facades of `tracing` and `metrics` report, with the names of the crate's cookbook. Without the features,
//! nothing.

#![cfg_attr(
    not(any(feature = "tracing", feature = "metrics")),
    expect(unused_variables, reason = "nothing is reported")
)]

use std::time::Instant;

/// Reports the wait when it is dropped, so that a cancelled request is reported, too.
pub(crate) struct Wait<'a> {
    key: &'a str,
    since: Instant,
    outcome: &'static str,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(key: &'a str) -> Self {
        Self { key, since: Instant::now(), outcome: "cancelled" }
    }

    pub(crate) fn end(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Self { key, since, outcome } = *self;
        let waited = since.elapsed();
        #[cfg(feature = "metrics")]
        metrics::histogram!("acquire_seconds", "semaphore" => key.to_owned(), "outcome" => outcome)
            .record(waited);
        #[cfg(feature = "tracing")]
        tracing::debug!(semaphore = key, outcome, ?waited, "acquire");
    }
}

/// A lease ended before it was released.
pub(crate) fn lost(key: &str, token: u64) {
    #[cfg(feature = "metrics")]
    metrics::counter!("leases_lost", "semaphore" => key.to_owned()).increment(1);
    #[cfg(feature = "tracing")]
    tracing::warn!(semaphore = key, token, "lease lost");
}

/// The number of permits that this process holds, and of its requests that wait.
pub(crate) fn local(key: &str, held: usize, waiters: usize) {
    #[cfg(feature = "metrics")]
    {
        metrics::gauge!("in_flight", "semaphore" => key.to_owned()).set(held as f64);
        metrics::gauge!("waiters", "semaphore" => key.to_owned()).set(waiters as f64);
    }
}

/// A session with the server ended.
pub(crate) fn disconnected(error: &redis::RedisError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%error, "connection to the server lost");
}
