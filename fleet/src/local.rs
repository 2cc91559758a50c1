//! One fleet within its process: the local queue, the leases held, and what the server knows of both.
//!
//! The driver alone sends and receives. It asks for the next sync with `next_sync`, and passes on what comes back with
//! `answered` and `granted`. Several syncs may be under way: the server and the connection keep their order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::fleet::{Fleet, Limit, Status};
use crate::lease::{Grant, Lease, Phase};
use crate::observe;
use crate::script::{Answer, Message, Protocol, Request};

/// Permits released or renewed by one sync, and requests that one sync asks for. Bounds how long the server is blocked.
const BATCH: usize = 128;

/// Syncs under way at once. More of them find a batch that is filled less.
const MAX_IN_FLIGHT: usize = 8;

/// Grants that are received before they are acknowledged without another reason to send.
const ACKNOWLEDGE: usize = 32;

pub(crate) type Outcome = Result<Option<Lease>, Error>;
type Delivery = (oneshot::Sender<Outcome>, Outcome);
type Caller<T> = oneshot::Sender<Result<T, Error>>;

/// A request of a local task.
struct Waiter {
    id: u64,
    permits: usize,
    at_once: bool,
    fleet: Fleet,
    sender: oneshot::Sender<Outcome>,
}

/// The requests at the front of the local queue that one sync can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Run {
    requests: usize,
    permits: usize,
    at_once: bool,
}

/// A sync under way.
#[derive(Debug)]
pub(crate) struct Sync {
    beat: u64,
    pub(crate) sent: Instant,
    released: Vec<Arc<Grant>>,
    renewed: Vec<Arc<Grant>>,
    /// The newest request that it asked for.
    last_id: u64,
}

pub(crate) struct Local {
    pub(crate) index: u64,
    pub(crate) key: Arc<str>,
    pub(crate) lease: Duration,
    /// The driver's list of changed fleets names this one.
    pub(crate) is_listed: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// The newest limit that is known.
    limit: Limit,
    waiting: VecDeque<Waiter>,
    last_id: u64,
    /// Leases held, by token, each with the time of its next renewal, and the tokens ordered by it.
    held: BTreeMap<u64, (Arc<Grant>, Instant)>,
    renewals: BTreeSet<(Instant, u64)>,
    held_permits: usize,
    /// Grants whose release has to be sent, and those whose release was sent and is not confirmed.
    releasing: VecDeque<Arc<Grant>>,
    unconfirmed: BTreeMap<u64, Arc<Grant>>,
    /// Callers of `set_limit`, with the beat of the sync that carries it, and of `status`.
    limits: Vec<(Option<u64>, Caller<Limit>)>,
    statuses: Vec<Caller<Status>>,
    /// What the server was last asked for, less what it granted since. `at_once` is never set here.
    asked: Run,
    /// The newest request `at_once` that the server was asked for.
    asked_at_once: u64,
    /// The last token received; grants received since the last sync.
    received: u64,
    unacknowledged: usize,
    ticket: u64,
    beat: u64,
    /// When the newest syncs were sent: a grant that follows one of them is no older than that.
    beats: VecDeque<(u64, Instant)>,
    in_flight: usize,
    must_sync: bool,
    retry_at: Option<Instant>,
    closing: bool,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Local {
    pub(crate) fn new(index: u64, key: &str, limit: Limit, lease: Duration) -> Self {
        let state = State {
            limit,
            waiting: VecDeque::new(),
            last_id: 0,
            held: BTreeMap::new(),
            renewals: BTreeSet::new(),
            held_permits: 0,
            releasing: VecDeque::new(),
            unconfirmed: BTreeMap::new(),
            limits: Vec::new(),
            statuses: Vec::new(),
            asked: Run::default(),
            asked_at_once: 0,
            received: 0,
            unacknowledged: 0,
            ticket: 0,
            beat: 0,
            beats: VecDeque::new(),
            in_flight: 0,
            must_sync: false,
            retry_at: None,
            closing: false,
        };
        Self { index, key: key.into(), lease, is_listed: AtomicBool::new(false), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists this fleet for the driver. Returns whether it was not listed yet.
    pub(crate) fn list(&self) -> bool {
        !self.is_listed.swap(true, Relaxed)
    }

    pub(crate) fn unlist(&self) {
        self.is_listed.store(false, Relaxed);
    }

    pub(crate) fn limit(&self) -> Limit {
        self.state().limit
    }

    pub(crate) fn waiters(&self) -> usize {
        self.state().waiting.len()
    }

    /// Enqueues a request. `None` if it must not queue and others do.
    pub(crate) fn request(
        &self,
        permits: usize,
        at_once: bool,
        fleet: Fleet,
    ) -> Option<(u64, oneshot::Receiver<Outcome>)> {
        let mut state = self.state();
        if at_once && state.waiting.iter().any(|waiter| !waiter.at_once) {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let (sender, receiver) = oneshot::channel();
        state.waiting.push_back(Waiter { id, permits, at_once, fleet, sender });
        Some((id, receiver))
    }

    /// Removes a request that nothing waits for any more.
    pub(crate) fn cancel(&self, id: u64) {
        let mut state = self.state();
        let waiter = state.waiting.binary_search_by_key(&id, |waiter| waiter.id);
        let removed = waiter.ok().and_then(|at| state.waiting.remove(at));
        drop(state);
        // Drops a handle of the fleet, unlocked.
        drop(removed);
    }

    pub(crate) fn release(&self, grant: &Arc<Grant>) {
        grant.start_release();
        let mut state = self.state();
        state.remove(grant);
        // What the server has ended by itself needs no release.
        if Instant::now() < grant.until() {
            state.releasing.push_back(Arc::clone(grant));
        }
    }

    pub(crate) fn set_limit(&self, limit: Limit) -> oneshot::Receiver<Result<Limit, Error>> {
        let mut state = self.state();
        if limit.version > state.limit.version {
            state.limit = limit;
        }
        let (sender, receiver) = oneshot::channel();
        state.limits.push((None, sender));
        receiver
    }

    pub(crate) fn status(&self) -> oneshot::Receiver<Result<Status, Error>> {
        let (sender, receiver) = oneshot::channel();
        self.state().statuses.push(sender);
        receiver
    }

    pub(crate) fn take_statuses(&self) -> Vec<Caller<Status>> {
        mem::take(&mut self.state().statuses)
    }

    pub(crate) fn close(&self) {
        self.state().closing = true;
    }

    /// Whether there is something to say to the server.
    pub(crate) fn has_work(&self) -> bool {
        let state = self.state();
        !state.waiting.is_empty()
            || !state.held.is_empty()
            || state.has_releases()
            || !state.limits.is_empty()
            || !state.statuses.is_empty()
            || state.asked.requests > 0
    }

    /// Whether the fleet is gone and the server knows it.
    pub(crate) fn is_finished(&self) -> bool {
        let state = self.state();
        state.closing
            && state.held.is_empty()
            && !state.has_releases()
            && state.asked.requests == 0
            && state.in_flight == 0
    }

    /// A new connection: what is not confirmed is sent again, and each lease is renewed at once.
    pub(crate) fn start_session(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let state = &mut *state;
        state.must_sync = state.asked.requests > 0 || !state.held.is_empty() || state.unacknowledged > 0;
        state.releasing.extend(mem::take(&mut state.unconfirmed).into_values());
        for (_, at) in state.held.values_mut() {
            *at = now;
        }
        state.renewals = state.held.keys().map(|token| (now, *token)).collect();
        state.asked = Run::default();
        state.asked_at_once = 0;
        state.beats.clear();
        state.in_flight = 0;
        for (beat, _) in &mut state.limits {
            *beat = None;
        }
    }

    /// When the next sync is due, if there is nothing to say before.
    pub(crate) fn due(&self) -> Option<Instant> {
        let state = self.state();
        if state.in_flight == MAX_IN_FLIGHT {
            return None;
        }
        let renewal = state.renewals.first().map(|(at, _)| *at);
        renewal.into_iter().chain(state.retry_at).min()
    }

    /// The next sync and its command, if one is due.
    pub(crate) fn next_sync(
        &self,
        protocol: &Protocol,
        epoch: u64,
        seen: u64,
    ) -> Option<(Sync, redis::Cmd)> {
        let now = Instant::now();
        let mut state = self.state();
        let state = &mut *state;
        let run = state.run();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let asks_for_more =
            if run.at_once { state.last_of_run() > state.asked_at_once } else { run != state.asked };
        let needed = state.must_sync
            || asks_for_more
            || !state.releasing.is_empty()
            || state.unacknowledged >= ACKNOWLEDGE
            || is_due(state.renewals.first().map(|(at, _)| *at))
            || is_due(state.retry_at)
            || state.limits.iter().any(|(beat, _)| beat.is_none());
        if !needed || state.in_flight == MAX_IN_FLIGHT {
            return None;
        }

        let released = state.next_releases();
        let renewed = state.next_renewals(now, self.lease);
        let tokens =
            |grants: &[Arc<Grant>]| grants.iter().flat_map(|grant| grant.tokens()).collect::<Vec<_>>();
        state.beat += 1;
        let request = Request {
            permits: state.limit.permits,
            version: state.limit.version,
            lease: self.lease,
            received: state.received,
            wanted: run.requests,
            weight: run.permits.max(1),
            at_once: run.at_once,
            beat: state.beat,
            ticket: state.ticket,
            releases: &tokens(&released),
            renewals: &tokens(&renewed),
        };
        let command = protocol.sync(&self.key, self.index, epoch, seen, &request);
        let sync = Sync { beat: state.beat, sent: now, released, renewed, last_id: state.last_of_run() };
        state.asked = if run.at_once { Run::default() } else { run };
        state.asked_at_once = sync.last_id;
        state.unacknowledged = 0;
        state.must_sync = false;
        state.retry_at = None;
        state.in_flight += 1;
        state.beats.push_back((state.beat, now));
        let beat = state.beat;
        for (sent_with, _) in &mut state.limits {
            sent_with.get_or_insert(beat);
        }
        Some((sync, command))
    }

    pub(crate) fn answered(&self, sync: &Sync, answer: &Answer) {
        let mut state = self.state();
        state.in_flight -= 1;
        if answer.version >= state.limit.version {
            state.limit = Limit { permits: answer.permits, version: answer.version };
        }
        // The flags are those of the permits; a grant is kept if all of its permits are.
        let mut flags = answer.released.iter();
        for grant in &sync.released {
            let in_time = flags.by_ref().take(grant.permits).fold(true, |all, flag| all & flag);
            state.unconfirmed.remove(&grant.token);
            grant.released(in_time);
        }
        let mut flags = answer.renewed.iter();
        for grant in &sync.renewed {
            if flags.by_ref().take(grant.permits).fold(true, |all, flag| all & flag) {
                grant.renewed(sync.sent);
            } else {
                state.remove(grant);
                grant.lose();
            }
        }
        while state.beats.front().is_some_and(|(beat, _)| *beat < sync.beat) {
            state.beats.pop_front();
        }
        state.ticket = answer.ticket;
        let mut deliveries = Vec::new();
        for (token, permits) in &answer.grants {
            state.grant(self, *token, *permits, sync.sent, &mut deliveries);
        }
        // What was to be granted at once and was not is refused. What exceeds the limit would never be granted.
        let permits = state.limit.permits;
        let mut at = 0;
        while let Some(waiter) = state.waiting.get(at) {
            let too_many = waiter.permits > permits && permits > 0;
            if too_many || (waiter.at_once && waiter.id <= sync.last_id) {
                let outcome = if too_many { Err(Error::TooMany { permits }) } else { Ok(None) };
                let waiter = state.waiting.remove(at).expect("it is there");
                deliveries.push((waiter.sender, outcome));
            } else if at < BATCH {
                at += 1;
            } else {
                break;
            }
        }
        if !state.waiting.is_empty() {
            let wait = answer.retry_after.clamp(Duration::from_millis(1), self.lease / 4);
            state.retry_at = Some(Instant::now() + wait);
        }
        let limit = state.limit;
        let is_confirmed = |beat: &Option<u64>| beat.is_some_and(|beat| beat <= sync.beat);
        let (confirmed, open) =
            mem::take(&mut state.limits).into_iter().partition(|(beat, _)| is_confirmed(beat));
        state.limits = open;
        let confirmed: Vec<_> = confirmed;
        self.deliver(state, deliveries);
        for (_, sender) in confirmed {
            let _ = sender.send(Ok(limit));
        }
    }

    /// The server granted permits without being asked again.
    pub(crate) fn granted(&self, message: &Message) {
        let mut state = self.state();
        let mut deliveries = Vec::new();
        let mut previous = message.previous;
        for (token, permits) in &message.grants {
            if *token > state.received {
                let sent =
                    state.beats.iter().find(|(beat, _)| *beat == message.beat).map(|(_, sent)| *sent);
                let Some(sent) = sent.filter(|_| previous == state.received) else {
                    // A message is missing. The next sync reports all grants.
                    state.must_sync = true;
                    break;
                };
                state.ticket = message.ticket;
                state.grant(self, *token, *permits, sent, &mut deliveries);
            }
            previous = *token;
        }
        self.deliver(state, deliveries);
    }

    fn deliver(&self, state: MutexGuard<'_, State>, deliveries: Vec<Delivery>) {
        observe::local(&self.key, state.held_permits, state.waiting.len());
        drop(state);
        // Wakers run unlocked, and a lease that nothing waits for any more is dropped unlocked.
        for (sender, outcome) in deliveries {
            let _ = sender.send(outcome);
        }
    }

    /// Fails the requests: all of them if the server refuses, otherwise those that do not wait.
    pub(crate) fn fail(&self, error: &Error, all: bool) {
        let mut state = self.state();
        let (failed, kept) =
            mem::take(&mut state.waiting).into_iter().partition(|waiter| all || waiter.at_once);
        state.waiting = kept;
        let failed: VecDeque<Waiter> = failed;
        let limits = mem::take(&mut state.limits);
        let statuses = mem::take(&mut state.statuses);
        let deliveries = failed.into_iter().map(|waiter| (waiter.sender, Err(error.clone()))).collect();
        self.deliver(state, deliveries);
        for (_, sender) in limits {
            let _ = sender.send(Err(error.clone()));
        }
        for sender in statuses {
            let _ = sender.send(Err(error.clone()));
        }
    }

    /// The server refuses the syncs of this key. The leases end unless it accepts one of the next renewals.
    pub(crate) fn refused(&self, sync: &Sync, error: &Error) {
        let mut state = self.state();
        state.in_flight -= 1;
        state.asked = Run::default();
        for grant in &sync.released {
            state.unconfirmed.remove(&grant.token);
            grant.lose();
        }
        drop(state);
        self.fail(error, true);
    }

    /// The connection is lost. If the fleet is gone, too, the server notices by itself that it left the queue.
    pub(crate) fn disconnected(&self) {
        let mut state = self.state();
        if state.closing {
            state.asked = Run::default();
        }
        state.in_flight = 0;
    }

    /// Marks the grants as lost whose time is over. Returns when the next one is.
    pub(crate) fn expire(&self) -> Option<Instant> {
        let mut state = self.state();
        let is_over = |grant: &Arc<Grant>| grant.phase() == Phase::Lost;
        let over: Vec<_> =
            state.held.values().map(|(grant, _)| grant).filter(|grant| is_over(grant)).cloned().collect();
        for grant in &over {
            state.remove(grant);
        }
        state.releasing.retain(|grant| !is_over(grant));
        state.unconfirmed.retain(|_, grant| !is_over(grant));
        let held = state.held.values().map(|(grant, _)| grant.lost_at());
        let released = state.releasing.iter().chain(state.unconfirmed.values()).map(|grant| grant.until());
        held.chain(released).min()
    }

    /// The driver ended: nothing renews the leases any more.
    pub(crate) fn abandon(&self) {
        let state = self.state();
        for grant in state
            .held
            .values()
            .map(|(grant, _)| grant)
            .chain(&state.releasing)
            .chain(state.unconfirmed.values())
        {
            grant.lose();
        }
    }
}

impl State {
    fn has_releases(&self) -> bool {
        !self.releasing.is_empty() || !self.unconfirmed.is_empty()
    }

    /// The requests at the front of the queue that want the same, up to a batch.
    fn run(&self) -> Run {
        let Some(front) = self.waiting.front() else { return Run::default() };
        let is_alike =
            |waiter: &&Waiter| (waiter.permits, waiter.at_once) == (front.permits, front.at_once);
        let requests = self.waiting.iter().take(BATCH).take_while(is_alike).count();
        Run { requests, permits: front.permits, at_once: front.at_once }
    }

    /// The newest request of the run at the front.
    fn last_of_run(&self) -> u64 {
        match self.run().requests {
            0 => 0,
            requests => self.waiting[requests - 1].id,
        }
    }

    fn hold(&mut self, grant: Arc<Grant>, renew_at: Instant) {
        self.renewals.insert((renew_at, grant.token));
        self.held_permits += grant.permits;
        self.held.insert(grant.token, (grant, renew_at));
    }

    /// Removes a grant from the leases held, if it is one.
    fn remove(&mut self, grant: &Grant) {
        if let Some((_, renew_at)) = self.held.remove(&grant.token) {
            self.renewals.remove(&(renew_at, grant.token));
            self.held_permits -= grant.permits;
        }
    }

    /// The next releases to send, at most a batch.
    fn next_releases(&mut self) -> Vec<Arc<Grant>> {
        let mut released: Vec<Arc<Grant>> = Vec::new();
        let mut permits = 0;
        while let Some(grant) = self.releasing.front() {
            permits += grant.permits;
            if permits > BATCH && !released.is_empty() {
                break;
            }
            let grant = self.releasing.pop_front().expect("it is there");
            self.unconfirmed.insert(grant.token, Arc::clone(&grant));
            released.push(grant);
        }
        released
    }

    /// The next leases to renew, at most a batch: those that are due, and those that soon will be.
    fn next_renewals(&mut self, now: Instant, lease: Duration) -> Vec<Arc<Grant>> {
        let mut renewed: Vec<Arc<Grant>> = Vec::new();
        let mut permits = 0;
        while let Some((at, token)) = self.renewals.first().copied() {
            let (grant, renew_at) = self.held.get_mut(&token).expect("what is renewed is held");
            permits += grant.permits;
            if at > now + lease / 16 || (permits > BATCH && !renewed.is_empty()) {
                break;
            }
            *renew_at = now + lease / 4;
            renewed.push(Arc::clone(grant));
            self.renewals.remove(&(at, token));
            self.renewals.insert((now + lease / 4, token));
        }
        renewed
    }

    /// Passes a grant to the front of the queue. A grant that fits no request any more, or took too long, is released.
    fn grant(
        &mut self,
        local: &Local,
        token: u64,
        permits: usize,
        sent: Instant,
        deliveries: &mut Vec<Delivery>,
    ) {
        if token <= self.received {
            return;
        }
        self.received = token;
        self.unacknowledged += 1;
        if self.asked.requests > 0 {
            self.asked.requests -= 1;
            if self.asked.requests == 0 {
                self.asked = Run::default();
            }
        }
        let grant = Arc::new(Grant::new(Arc::clone(&local.key), token, permits, sent, local.lease));
        let fits = self.waiting.front().is_some_and(|front| front.permits == permits);
        if fits && grant.phase() == Phase::Held {
            let waiter = self.waiting.pop_front().expect("there is a front");
            self.hold(Arc::clone(&grant), sent + local.lease / 4);
            deliveries.push((waiter.sender, Ok(Some(Lease::new(grant, waiter.fleet)))));
        } else {
            grant.start_release();
            self.releasing.push_back(grant);
        }
    }
}
