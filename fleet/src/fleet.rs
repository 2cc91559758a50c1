use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::oneshot;

use crate::error::{Error, driver_ended};
use crate::lease::{Grant, Lease};
use crate::local::{Local, Outcome};
use crate::observe::Wait;
use crate::script::RawStatus;
use crate::server::{SHORTEST, Server};

/// A semaphore that all processes with the same key on the same [`Server`] share.
///
/// Clones share the local queue. Two fleets of the same process with the same key work like two processes.
#[derive(Clone)]
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    local: Arc<Local>,
    server: Server,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.local.close();
        self.server.link().changed(&self.local);
    }
}

/// The largest limit.
const MAX_PERMITS: usize = 1_000_000;

/// The most permits of one request: the server is blocked while it registers them.
const MAX_REQUEST: usize = 1000;

impl Fleet {
    /// A limit of `permits` for all processes that use `key` on `server`. Any key will do.
    ///
    /// A holder that stops renewing loses its permits after `lease`. A short lease returns the permits of a dead process
    /// sooner; a long one survives a longer pause of the process, the network or the server. Ten seconds are a fair
    /// start. Processes may use different leases.
    ///
    /// `permits` counts for a key that the server does not know yet. For others, the server's limit stays: change it
    /// with [`set_limit`](Self::set_limit).
    ///
    /// # Panics
    ///
    /// If `permits` is 0 or above 1,000,000, or if `lease` is shorter than 100 ms or longer than the server's
    /// [longest lease](crate::Options::longest_lease).
    #[must_use]
    pub fn new(server: &Server, key: &str, permits: usize, lease: Duration) -> Self {
        assert!((1..=MAX_PERMITS).contains(&permits), "1 to 1,000,000 permits, not {permits}");
        let longest = server.link().protocol.longest;
        assert!((SHORTEST..=longest).contains(&lease), "a lease of 100 ms to {longest:?}, not {lease:?}");
        let local = server.link().add(key, Limit { permits, version: 0 }, lease);
        Self { inner: Arc::new(Inner { local, server: server.clone() }) }
    }

    /// Waits for a permit: first in the queue of this process, then, with the requests beside it, in the queue of the
    /// server.
    ///
    /// Dropping the future cancels the request. The place of this process in the server's queue passes to the next
    /// local request, if there is one.
    ///
    /// A server that cannot be reached is tried again until it can. To wait no longer than a given time, use the
    /// timeout of an executor or `fairgate::with_timeout`; [`connection_error`](Self::connection_error) shows the
    /// reason. This needs no particular executor, and no timer.
    ///
    /// # Errors
    ///
    /// If the server refuses or may evict keys.
    pub async fn acquire(&self) -> Result<Lease, Error> {
        self.acquire_many(1).await
    }

    /// Like [`acquire`](Self::acquire), for several permits, which are granted together.
    ///
    /// # Errors
    ///
    /// [`Error::TooMany`] if the limit is lower.
    ///
    /// # Panics
    ///
    /// If `permits` is 0 or above 1000.
    pub async fn acquire_many(&self, permits: usize) -> Result<Lease, Error> {
        let lease = self.request(permits, false).await?;
        Ok(lease.expect("a request that queues ends with a lease or an error"))
    }

    /// Like [`acquire`](Self::acquire), but never queues: returns `None` if no permit is available, if other requests
    /// are queued, and while the server grants nothing after a restart. This waits for the server's answer.
    ///
    /// # Errors
    ///
    /// Also [`Error::Unreachable`].
    pub async fn try_acquire(&self) -> Result<Option<Lease>, Error> {
        self.request(1, true).await
    }

    async fn request(&self, permits: usize, at_once: bool) -> Outcome {
        assert!((1..=MAX_REQUEST).contains(&permits), "1 to 1000 permits at once, not {permits}");
        let local = &self.inner.local;
        let wait = Wait::new(&local.key);
        let outcome = match local.request(permits, at_once, self.clone()) {
            None => Ok(None),
            Some((id, receiver)) => {
                let mut request = Request { fleet: self, id, receiver: Some(receiver) };
                self.changed();
                request.outcome().await
            }
        };
        wait.end(match &outcome {
            Ok(Some(_)) => "granted",
            Ok(None) => "none",
            Err(_) => "failed",
        });
        outcome
    }

    /// Changes the limit for all processes, unless the server knows one with the same or a higher version. Returns the
    /// limit in force.
    ///
    /// The version is the caller's: for example the number of a deployment, or the time of a change in a
    /// configuration. A process with an older configuration can therefore not undo a newer one. A lower limit ends no
    /// lease: nothing is granted until enough permits are released. A limit of 0 stops all grants.
    ///
    /// The server remembers the limit for 30 days after its last use, and the connected processes remember it if the
    /// server loses it.
    ///
    /// # Errors
    ///
    /// If the server refuses or cannot be reached.
    ///
    /// # Panics
    ///
    /// If `permits` is above 1,000,000, or if `version` is 0 or above 2^53.
    pub async fn set_limit(&self, permits: usize, version: u64) -> Result<Limit, Error> {
        assert!(permits <= MAX_PERMITS, "at most 1,000,000 permits, not {permits}");
        assert!((1..=1 << 53).contains(&version), "a version of 1 to 2^53, not {version}");
        let receiver = self.inner.local.set_limit(Limit { permits, version });
        self.changed();
        receiver.await.unwrap_or_else(|_| Err(driver_ended()))
    }

    /// What the server knows of this key.
    ///
    /// # Errors
    ///
    /// If the server refuses or cannot be reached.
    pub async fn status(&self) -> Result<Status, Error> {
        loop {
            let receiver = self.inner.local.status();
            self.changed();
            // The answer may be lost with its connection.
            if let Ok(status) = receiver.await {
                return status;
            }
        }
    }

    /// The limit in force, as far as this process knows.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.inner.local.limit()
    }

    /// How long permits stay with a holder that does not renew them.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.inner.local.lease
    }

    /// How many requests of this process wait.
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.inner.local.waiters()
    }

    /// See [`Server::connection_error`].
    #[must_use]
    pub fn connection_error(&self) -> Option<RedisError> {
        self.inner.server.connection_error()
    }

    pub(crate) fn release(&self, grant: &Arc<Grant>) {
        self.inner.local.release(grant);
        self.changed();
    }

    fn changed(&self) {
        self.inner.server.link().changed(&self.inner.local);
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("key", &self.inner.local.key)
            .field("limit", &self.limit())
            .field("lease", &self.lease())
            .field("waiters", &self.waiters())
            .field("connection_error", &self.connection_error())
            .finish_non_exhaustive()
    }
}

/// A request in the local queue. Dropping it cancels it; a lease that was granted meanwhile is dropped with the
/// receiver.
struct Request<'a> {
    fleet: &'a Fleet,
    id: u64,
    receiver: Option<oneshot::Receiver<Outcome>>,
}

impl Request<'_> {
    async fn outcome(&mut self) -> Outcome {
        let receiver = self.receiver.as_mut().expect("polled until it completes");
        let outcome = receiver.await;
        self.receiver = None;
        outcome.unwrap_or_else(|_| Err(driver_ended()))
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if self.receiver.take().is_some() {
            self.fleet.inner.local.cancel(self.id);
            self.fleet.changed();
        }
    }
}

/// How many permits there are, and which version of the limit this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limit {
    /// The number of permits.
    pub permits: usize,
    /// 0 for a limit that was never set with [`Fleet::set_limit`].
    pub version: u64,
}

/// What the server knows of a key. See [`Fleet::status`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The limit in force.
    pub limit: Limit,
    /// The number of permits held.
    pub held: usize,
    /// The holders, from at most 1000 permits.
    pub holders: Vec<Holder>,
    /// The fleets with queued requests, in the order of the queue, at most 1000.
    pub waiters: Vec<Waiter>,
    /// For how long the server grants nothing, because it restarted or lost its state.
    pub paused: Duration,
    /// The address of the server.
    pub server: String,
}

/// The fleet of a process that holds permits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// The [name of the process](crate::Options::process), and random digits.
    pub process: String,
    /// The number of permits.
    pub permits: usize,
    /// For how long the oldest of them has been held, by the server's date.
    pub oldest: Duration,
}

/// The fleet of a process that waits for permits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Waiter {
    /// The [name of the process](crate::Options::process), and random digits.
    pub process: String,
    /// The number of permits, of at most 128 requests.
    pub permits: usize,
}

impl Status {
    pub(crate) fn new(raw: RawStatus, server: String) -> Self {
        let mut holders: BTreeMap<String, (usize, Duration)> = BTreeMap::new();
        for (process, age) in raw.holders {
            let (permits, oldest) = holders.entry(process).or_default();
            *permits += 1;
            *oldest = age.max(*oldest);
        }
        let holders = holders.into_iter();
        Self {
            limit: Limit { permits: raw.permits, version: raw.version },
            held: raw.held,
            holders: holders
                .map(|(process, (permits, oldest))| Holder { process, permits, oldest })
                .collect(),
            waiters: raw
                .waiters
                .into_iter()
                .map(|(process, permits)| Waiter { process, permits })
                .collect(),
            paused: raw.pause,
            server,
        }
    }
}
