//! The background task of a fleet: asks the server for permits, renews leases, releases them.
//!
//! Three loops run side by side. `watch` ends leases whose time is over and needs no connection. Within a session,
//! `keep` renews and releases, and `wait` represents this process in the server's queue. A failed command ends the
//! session; everything that is not confirmed is repeated in the next one, which the script allows.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::{Event, EventListener};
use fairgate::Semaphore;
use futures_lite::future::or;
use redis::RedisResult;
use redis::aio::MultiplexedConnection;

use crate::error::Error;
use crate::grant::{Grant, Phase};
use crate::runtime::{sleep_until, spawn};
use crate::server::{Answer, Session, Terms, WakeUp, is_permanent};

/// What the driver shares with the tasks of this process.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) terms: Terms,
    /// The local queue: its one permit belongs to the task whose request waits at the server.
    pub(crate) turn: Semaphore,
    /// The turn changed hands, or the slot was emptied.
    pub(crate) turn_changed: Event,
    /// The slot was filled, or the driver ended.
    pub(crate) slot_changed: Event,
    /// A lease was granted or dropped.
    grants_changed: Event,
    state: Mutex<State>,
    /// How many requests were numbered.
    requests: AtomicU64,
    /// The highest ticket or token seen.
    seen: AtomicU64,
    /// No fleet and no lease is left.
    closing: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    driven: bool,
    /// What the server answered, until the task that has the turn takes it.
    slot: Option<Result<Arc<Grant>, Error>>,
    held: HashMap<u64, Arc<Grant>>,
    released: HashMap<u64, Arc<Grant>>,
    /// Why the server cannot be reached.
    trouble: Option<redis::RedisError>,
}

impl Shared {
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            terms,
            turn: Semaphore::new(1),
            turn_changed: Event::new(),
            slot_changed: Event::new(),
            grants_changed: Event::new(),
            state: Mutex::default(),
            requests: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the driver on the executor of the calling task, unless it runs.
    pub(crate) fn drive(self: &Arc<Self>) {
        if mem::replace(&mut self.state().driven, true) {
            return;
        }
        let end = End(Arc::clone(self));
        spawn(async move { drive(&end.0).await });
    }

    pub(crate) fn take_slot(&self) -> Option<Result<Arc<Grant>, Error>> {
        self.state().slot.take()
    }

    pub(crate) fn trouble(&self) -> Option<redis::RedisError> {
        self.state().trouble.clone()
    }

    pub(crate) fn release(&self, grant: &Arc<Grant>) {
        grant.start_release();
        let mut state = self.state();
        state.held.remove(&grant.request);
        if state.driven {
            state.released.insert(grant.request, Arc::clone(grant));
            drop(state);
            self.grants_changed.notify(usize::MAX);
        } else {
            drop(state);
            grant.lose();
        }
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Relaxed);
        self.turn_changed.notify(usize::MAX);
        self.grants_changed.notify(usize::MAX);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// Puts an answer where the task that has the turn finds it. An answer that is there already stays.
    fn fill_slot(&self, answer: Result<Arc<Grant>, Error>) {
        self.state().slot.get_or_insert(answer);
        self.slot_changed.notify(usize::MAX);
    }

    /// The task that had the turn is gone: an error was meant for that task only, a grant serves the next one.
    pub(crate) fn clear_error(&self) {
        self.state().slot.take_if(|answer| answer.is_err());
    }

    fn grant(&self, grant: Grant) {
        self.see(grant.token);
        let grant = Arc::new(grant);
        self.state().held.insert(grant.request, Arc::clone(&grant));
        self.grants_changed.notify(usize::MAX);
        self.fill_slot(Ok(grant));
    }

    /// The grants that are held at this moment.
    fn held(&self) -> Vec<Arc<Grant>> {
        let held: Vec<_> = self.state().held.values().cloned().collect();
        held.into_iter().filter(|grant| grant.phase() == Phase::Held).collect()
    }

    fn released(&self) -> Vec<Arc<Grant>> {
        self.state().released.values().cloned().collect()
    }

    /// Drops the releases whose leases have ended at the server by themselves.
    fn forget_overdue_releases(&self) {
        let now = Instant::now();
        for grant in self.released().into_iter().filter(|grant| grant.until() <= now) {
            self.state().released.remove(&grant.request);
            grant.lose();
        }
    }

    async fn last_release(&self) -> RedisResult<()> {
        loop {
            let changed = self.grants_changed.listen();
            if !self.has_grants() {
                return Ok(());
            }
            changed.await;
        }
    }

    fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed)
    }

    /// Whether a local task waits for the server. A turn that passes from one task to the next counts as taken.
    fn is_wanted(&self) -> bool {
        self.turn.available_permits() == 0
    }

    fn has_grants(&self) -> bool {
        let state = self.state();
        !state.held.is_empty() || !state.released.is_empty()
    }

    fn see(&self, number: u64) {
        self.seen.fetch_max(number, Relaxed);
    }

    fn seen(&self) -> u64 {
        self.seen.load(Relaxed)
    }
}

/// Runs when the driver ends, also if its executor drops it.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.driven = false;
        let (held, released) = (mem::take(&mut state.held), mem::take(&mut state.released));
        state.slot.take_if(|answer| answer.is_ok());
        drop(state);
        for grant in held.values().chain(released.values()) {
            grant.lose();
        }
        // A task that still waits starts another driver.
        self.0.slot_changed.notify(usize::MAX);
    }
}

/// This process's request at the server.
#[derive(Default)]
struct Place {
    /// The request that the server may know of.
    request: Option<u64>,
    /// Keeps the request's position if the server loses the queue. 0 if there is none.
    ticket: u64,
}

async fn drive(shared: &Shared) {
    let sessions = async {
        let mut place = Place::default();
        let mut failures = 0;
        loop {
            idle(shared).await;
            if shared.is_closing() && !shared.has_grants() && place.request.is_none() {
                return;
            }
            let began = Instant::now();
            let Err(error) = session(shared, &mut place).await else { return };
            if is_permanent(&error) && shared.is_wanted() {
                shared.fill_slot(Err(Error::Server(error.clone())));
            }
            shared.state().trouble = Some(error);
            if shared.is_closing() {
                // What the server does not hear of ends with its lease.
                place.request = None;
            }
            failures = if began.elapsed() < shared.terms.lease { failures + 1 } else { 0 };
            sleep_until(Instant::now() + pause(failures, shared.terms.lease)).await;
        }
    };
    or(sessions, watch(shared)).await;
}

/// How long to wait after a number of failures in a row.
fn pause(failures: u32, lease: Duration) -> Duration {
    let doubled = Duration::from_millis(2) * 2_u32.pow(failures.min(10));
    doubled.min(lease / 16).min(Duration::from_secs(1))
}

/// Waits until there is something to say to the server.
async fn idle(shared: &Shared) {
    loop {
        let turn = shared.turn_changed.listen();
        let grants = shared.grants_changed.listen();
        if shared.is_wanted() || shared.has_grants() || shared.is_closing() {
            return;
        }
        or(turn, grants).await;
    }
}

/// Marks grants as lost when their time is over. Never completes.
async fn watch(shared: &Shared) {
    loop {
        let changed = shared.grants_changed.listen();
        shared.forget_overdue_releases();
        let lost_at = shared.held().into_iter().map(|grant| grant.lost_at());
        let ended_at = shared.released().into_iter().map(|grant| grant.until());
        match lost_at.chain(ended_at).min() {
            Some(at) => or(changed, sleep_until(at)).await,
            None => changed.await,
        }
    }
}

/// One connection, until it fails or the fleet is closed.
async fn session(shared: &Shared, place: &mut Place) -> RedisResult<()> {
    let session = shared.terms.open_session().await?;
    shared.state().trouble = None;
    or(keep(shared, &session), wait(shared, &session, place)).await
}

/// Renews and releases. One command at a time, so that no renewal overtakes the release of the same lease. Completes
/// only with an error.
async fn keep(shared: &Shared, session: &Session<'_>) -> RedisResult<()> {
    let lease = shared.terms.lease;
    loop {
        let changed = shared.grants_changed.listen();
        let released = shared.released();
        if !released.is_empty() {
            for batch in released.chunks(BATCH) {
                let in_time = session.apply("release", &requests(batch), shared.seen()).await?;
                for (grant, in_time) in batch.iter().zip(in_time) {
                    shared.state().released.remove(&grant.request);
                    grant.released(in_time);
                }
            }
            // The driver of a closed fleet waits for the last release.
            shared.grants_changed.notify(usize::MAX);
            continue;
        }
        let held = shared.held();
        let Some(due) = held.iter().map(|grant| grant.renew_at(lease)).min() else {
            changed.await;
            continue;
        };
        if Instant::now() < due {
            or(changed, sleep_until(due)).await;
            continue;
        }
        for batch in held.chunks(BATCH) {
            let sent = Instant::now();
            let runs_on = session.apply("renew", &requests(batch), shared.seen()).await?;
            for (grant, runs_on) in batch.iter().zip(runs_on) {
                match runs_on {
                    true => grant.renewed(sent, lease),
                    false => grant.lose(),
                }
            }
        }
    }
}

/// Leases in one command. Lua takes a few thousand arguments at most.
const BATCH: usize = 1000;

fn requests(grants: &[Arc<Grant>]) -> Vec<u64> {
    grants.iter().map(|grant| grant.request).collect()
}

/// Waits at the server as long as a local task wants a permit. Completes with an error, or after the fleet is closed.
async fn wait(shared: &Shared, session: &Session<'_>, place: &mut Place) -> RedisResult<()> {
    let mut wake_ups = WakeUps { shared, connection: None, pending: None };
    loop {
        let changed = shared.turn_changed.listen();
        if !shared.is_wanted() {
            if let Some(Ok(grant)) = shared.take_slot() {
                shared.release(&grant);
            }
            if let Some(request) = place.request {
                session.apply("leave", &[request], shared.seen()).await?;
                *place = Place::default();
            }
            if shared.is_closing() {
                return shared.last_release().await;
            }
            changed.await;
            continue;
        }
        if shared.state().slot.is_some() {
            changed.await;
            continue;
        }
        let request = *place.request.get_or_insert_with(|| shared.next_request());
        let sent = Instant::now();
        match session.acquire(request, place.ticket, shared.seen()).await? {
            Answer::Granted { token } => {
                *place = Place::default();
                shared.grant(Grant::new(request, token, sent, shared.terms.lease));
            }
            Answer::Queued { ticket, retry_after } => {
                place.ticket = ticket;
                shared.see(ticket);
                wake_ups.wait(retry_after.min(shared.terms.heartbeat()), changed).await?;
            }
            Answer::Mismatch { permits, lease } => {
                *place = Place::default();
                shared.fill_slot(Err(Error::Mismatch { permits, lease }));
            }
        }
    }
}

/// The server's wake-ups. The connection is opened when the process first has to wait.
struct WakeUps<'a> {
    shared: &'a Shared,
    connection: Option<MultiplexedConnection>,
    /// A wake-up that is asked for stays asked for: the server may send it at any time.
    pending: Option<WakeUp>,
}

impl WakeUps<'_> {
    /// Waits for a wake-up, but no longer than until `changed` or for `limit`.
    async fn wait(&mut self, limit: Duration, changed: EventListener) -> RedisResult<()> {
        let retry_at = Instant::now() + limit;
        let woken = async {
            if self.connection.is_none() {
                self.connection = Some(self.shared.terms.open_wake_ups().await?);
            }
            if let (None, Some(connection)) = (&self.pending, &self.connection) {
                self.pending = Some(self.shared.terms.wake_up(connection.clone()));
            }
            if let Some(pending) = &mut self.pending {
                let outcome = pending.await;
                self.pending = None;
                outcome?;
            }
            Ok(())
        };
        let elsewhere = async {
            or(sleep_until(retry_at), changed).await;
            Ok(())
        };
        or(woken, elsewhere).await
    }
}
