use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use fairgate::SemaphorePermit;

use crate::driver::Shared;
use crate::error::Error;
use crate::lease::Lease;
use crate::server::Terms;

/// A semaphore that all processes with the same key on the same server share.
///
/// Clones share the local queue. Two fleets of the same process with the same key work like two processes.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

/// What fleets and leases keep alive, unlike the driver.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The turn of the one task that waits at the server.
struct Turn<'a> {
    shared: &'a Shared,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shared.clear_error();
        // The driver looks at the turn, so the turn passes on first.
        self.permit = None;
        self.shared.turn_changed.notify(usize::MAX);
    }
}

impl Fleet {
    /// A limit of `permits` for all processes that use `key` on the server of `client`.
    ///
    /// A holder that stops renewing loses its permit after `lease`. A short lease returns the permits of a dead process
    /// sooner; a long one survives a longer pause of the process, the network or the server. Ten seconds are a fair
    /// start. All processes must use the same `permits` and the same `lease`.
    ///
    /// This does not connect yet. The first permit of a key that the server does not know is granted after one lease:
    /// the server cannot tell a new key from one that it has lost.
    ///
    /// # Panics
    ///
    /// If `permits` is 0 or above 1,000,000, or `lease` is shorter than 100 ms or longer than a day.
    #[must_use]
    pub fn new(client: redis::Client, key: &str, permits: usize, lease: Duration) -> Self {
        assert!((1..=1_000_000).contains(&permits), "1 to 1,000,000 permits, not {permits}");
        let bounds = Duration::from_millis(100)..=Duration::from_secs(24 * 3600);
        assert!(bounds.contains(&lease), "a lease of 100 ms to a day, not {lease:?}");
        // Two hashers, each with random keys.
        let [a, b] = [(); 2].map(|()| RandomState::new().hash_one(std::process::id()));
        let terms = Terms::new(client, key, format!("{a:016x}{b:016x}"), permits, lease);
        Self { inner: Arc::new(Inner { shared: Arc::new(Shared::new(terms)) }) }
    }

    /// Waits for a permit: first in the queue of this process, then, as its only waiter, in the queue of the server.
    ///
    /// Dropping the future cancels the request. The place of this process in the server's queue passes to the next
    /// local request, if there is one.
    ///
    /// A server that cannot be reached is tried again until it can. To wait no longer than a given time, use
    /// [`fairgate::with_timeout`]; [`connection_error`](Self::connection_error) shows the reason.
    ///
    /// The first call starts a background task on the executor of the caller: on tokio inside a tokio runtime,
    /// otherwise on smol's global executor.
    ///
    /// # Errors
    ///
    /// If the server refuses, or if other processes use the key with other terms.
    ///
    /// # Panics
    ///
    /// If only the feature `tokio` is on, and this is polled outside a tokio runtime.
    pub async fn acquire(&self) -> Result<Lease, Error> {
        let shared = &self.inner.shared;
        let permit = shared.turn.acquire().await.expect("the turn is never closed");
        let _turn = Turn { shared, permit: Some(permit) };
        shared.turn_changed.notify(usize::MAX);
        loop {
            let changed = shared.slot_changed.listen();
            shared.drive();
            match shared.take_slot() {
                Some(Ok(grant)) => {
                    let lease = Lease::new(grant, Arc::clone(&self.inner));
                    if !lease.is_lost() {
                        return Ok(lease);
                    }
                    // It ended before this task ran. The driver asks for another one.
                    drop(lease);
                    shared.turn_changed.notify(usize::MAX);
                }
                Some(Err(error)) => return Err(error),
                None => changed.await,
            }
        }
    }

    /// The limit of all processes together.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.inner.shared.terms.permits
    }

    /// How long a permit stays with a holder that does not renew it.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.inner.shared.terms.lease
    }

    /// How many requests of this process wait in the local queue, behind the one that waits at the server.
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.inner.shared.turn.waiters()
    }

    /// Why the last attempt to use the server failed, or `None` while the connection works or none was needed.
    #[must_use]
    pub fn connection_error(&self) -> Option<redis::RedisError> {
        self.inner.shared.trouble()
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("permits", &self.permits())
            .field("lease", &self.lease())
            .field("waiters", &self.waiters())
            .field("connection_error", &self.connection_error())
            .finish_non_exhaustive()
    }
}
