//! The background thread of a server: asks for permits, renews leases, releases them, for all fleets of the server.
//!
//! Two loops run side by side. `watch` ends leases whose time is over and needs no connection. `session` talks to the
//! server. A failed command ends the session; everything that is not confirmed is repeated in the next one, which the
//! script allows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, PushInfo, PushKind, RedisError, RedisResult, Value};
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{sleep_until, timeout};

use crate::error::{Error, driver_ended, is_permanent};
use crate::fleet::{Limit, Status};
use crate::local::{Local, Sync};
use crate::observe;
use crate::script::{Answer, Message, Protocol, RawStatus};
use crate::server::{Node, Source, eviction_policy};

/// What the driver shares with the tasks of this process.
#[derive(Debug)]
pub(crate) struct Link {
    source: Source,
    pub(crate) protocol: Protocol,
    state: Mutex<State>,
    /// A fleet has something to say, or the server is closing.
    work: Notify,
    /// Wakes `watch` if it found nothing to watch.
    watch: Notify,
    is_watching: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    fleets: BTreeMap<u64, Arc<Local>>,
    last_index: u64,
    /// The fleets that have something to say.
    changed: Vec<Arc<Local>>,
    /// Why the server cannot be reached.
    trouble: Option<RedisError>,
    /// The highest epoch, and the highest ticket or token, that this process has seen.
    epoch: u64,
    seen: u64,
    /// No server, fleet or lease is left.
    is_closing: bool,
    /// The driver ended.
    is_dead: bool,
}

impl Link {
    pub(crate) fn new(source: Source, protocol: Protocol) -> Self {
        let state = Mutex::default();
        Self {
            source,
            protocol,
            state,
            work: Notify::new(),
            watch: Notify::new(),
            is_watching: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn trouble(&self) -> Option<RedisError> {
        self.state().trouble.clone()
    }

    pub(crate) fn add(&self, key: &str, limit: Limit, lease: Duration) -> Arc<Local> {
        let mut state = self.state();
        state.last_index += 1;
        let local = Arc::new(Local::new(state.last_index, key, limit, lease));
        state.fleets.insert(local.index, Arc::clone(&local));
        drop(state);
        // Its lease may be shorter than those of the other fleets.
        self.watch.notify_one();
        local
    }

    /// Tells the driver that a fleet has something to say.
    pub(crate) fn changed(&self, local: &Arc<Local>) {
        let is_dead = {
            let mut state = self.state();
            if local.list() {
                state.changed.push(Arc::clone(local));
            }
            state.is_dead
        };
        if is_dead {
            local.abandon();
            local.fail(&driver_ended(), true);
        }
        self.work.notify_one();
    }

    pub(crate) fn close(&self) {
        self.state().is_closing = true;
        self.work.notify_one();
    }

    /// There is a lease to watch.
    fn watch(&self) {
        if !self.is_watching.load(Relaxed) {
            self.watch.notify_one();
        }
    }

    fn fleets(&self) -> Vec<Arc<Local>> {
        self.state().fleets.values().cloned().collect()
    }

    /// Forgets the fleets that are gone.
    fn prune(&self) {
        let finished: Vec<_> = self.fleets().into_iter().filter(|local| local.is_finished()).collect();
        let mut state = self.state();
        for local in finished {
            state.fleets.remove(&local.index);
        }
    }

    /// Whether the driver can end.
    fn is_finished(&self) -> bool {
        self.prune();
        let state = self.state();
        state.is_closing && state.fleets.is_empty()
    }

    fn fail(&self, error: &Error, all: bool) {
        for local in self.fleets() {
            local.fail(error, all);
        }
    }

    /// The shortest lease of all fleets: no answer should take longer than a part of it.
    fn patience(&self) -> Duration {
        let leases = self.fleets().into_iter().map(|local| local.lease);
        leases.min().unwrap_or(self.protocol.longest) / 4
    }

    /// Waits until there is something to say to the server.
    async fn wait_for_work(&self) {
        loop {
            let work = self.work.notified();
            if self.is_finished() || self.fleets().iter().any(|local| local.has_work()) {
                return;
            }
            self.state().changed.drain(..).for_each(|local| local.unlist());
            // A fleet that changed in between is found by the next look.
            if self.fleets().iter().any(|local| local.has_work()) {
                return;
            }
            work.await;
        }
    }
}

/// Runs when the driver ends, even if it panics, so that no task waits for it.
struct DriverEnd(Arc<Link>);

impl Drop for DriverEnd {
    fn drop(&mut self) {
        self.0.state().is_dead = true;
        for local in self.0.fleets() {
            local.abandon();
        }
        self.0.fail(&driver_ended(), true);
    }
}

/// Starts the driver.
pub(crate) fn start(link: Arc<Link>) {
    let run = move || {
        let end = DriverEnd(link);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime for the driver").block_on(drive(&end.0));
    };
    thread::Builder::new().name("fairgate-fleet".to_owned()).spawn(run).expect("a thread for the driver");
}

async fn drive(link: &Link) {
    let sessions = async {
        let mut node = None;
        let (mut attempt, mut failures) = (0, 0);
        loop {
            link.wait_for_work().await;
            if link.is_finished() {
                return;
            }
            let began = Instant::now();
            let error = match session(link, attempt, node.as_ref()).await {
                Ok(End::Closed) => return,
                Ok(End::StateLost) => continue,
                Err(error) => error,
            };
            // An answer that names another node is followed. If that node fails, another address may know better.
            node = Node::of(&error);
            attempt += usize::from(node.is_none());
            report(link, error);
            failures = if began.elapsed() < link.patience() { failures + 1 } else { 0 };
            sleep_until((Instant::now() + pause(failures, link.patience())).into()).await;
        }
    };
    tokio::select! {
        () = sessions => {}
        () = watch(link) => {}
    }
}

/// How long to wait after a number of failures in a row.
fn pause(failures: u32, patience: Duration) -> Duration {
    let doubled = Duration::from_millis(1) * 2_u32.pow(failures.min(10));
    doubled.min(patience / 4).min(Duration::from_secs(1))
}

/// Why a session ended without an error.
enum End {
    /// Everything is closed.
    Closed,
    /// The server has lost its state. A new session renews all leases at once, and finds out whether the server evicts
    /// keys.
    StateLost,
}

/// A session failed.
fn report(link: &Link, error: RedisError) {
    for local in link.fleets() {
        local.disconnected();
    }
    if !link.fleets().iter().any(|local| local.has_work()) {
        return;
    }
    observe::disconnected(&error);
    link.state().trouble = Some(error.clone());
    if is_permanent(&error) {
        link.fail(&Error::Refused(error), true);
    } else {
        link.fail(&Error::Unreachable(error), false);
    }
}

/// Marks grants as lost when their time is over. Never completes.
async fn watch(link: &Link) {
    loop {
        link.is_watching.store(false, Relaxed);
        let next = link.fleets().iter().filter_map(|local| local.expire()).min();
        link.prune();
        match next {
            // A grant of the meantime is not lost earlier than this: its sync is less than two quarters of a lease
            // old, of three.
            Some(at) => {
                link.is_watching.store(true, Relaxed);
                let soon = Instant::now() + link.patience();
                tokio::select! {
                    () = sleep_until(at.min(soon).into()) => {}
                    () = link.watch.notified() => {}
                }
            }
            None => link.watch.notified().await,
        }
    }
}

/// An answer to a command of a session.
enum Reply {
    Sync(Arc<Local>, Sync, RedisResult<Value>),
    /// To a request for the status.
    Other,
}

type Replies<'a> = FuturesUnordered<std::pin::Pin<Box<dyn Future<Output = Reply> + Send + 'a>>>;

/// One connection, until it fails or everything is closed.
async fn session(link: &Link, attempt: usize, node: Option<&Node>) -> RedisResult<End> {
    // A connection takes some round trips, even if a lease is short.
    let patience = link.patience().max(Duration::from_millis(500));
    let (pushes, mut pushed) = unbounded_channel();
    let opening = async {
        let (mut connection, address) = link.source.connect(attempt, node, pushes, patience).await?;
        connection.subscribe(link.protocol.channel()).await?;
        link.protocol.load(&mut connection).await?;
        let policy = eviction_policy(&mut connection).await?;
        Ok::<_, RedisError>((connection, address, policy))
    };
    let (connection, address, policy) = in_time(4 * patience, opening).await?;
    if let Some(policy) = policy {
        link.fail(&Error::Evicting { policy }, true);
        return Err((ErrorKind::Client, "the server may evict keys").into());
    }

    let mut timers = Timers::default();
    let mut replies: Replies<'_> = FuturesUnordered::new();
    for local in link.fleets() {
        local.start_session();
        speak(link, &connection, &local, &address, &replies, &mut timers);
    }
    loop {
        let work = link.work.notified();
        let changed = mem::take(&mut link.state().changed);
        for local in changed {
            local.unlist();
            speak(link, &connection, &local, &address, &replies, &mut timers);
        }
        for local in timers.due() {
            speak(link, &connection, &local, &address, &replies, &mut timers);
        }
        let is_closing = link.state().is_closing;
        if is_closing && link.is_finished() {
            return Ok(End::Closed);
        }
        tokio::select! {
            // Answers first: each reports all grants before it.
            biased;
            Some(reply) = replies.next() => {
                let Reply::Sync(local, sync, answer) = reply else { continue };
                if listen(link, &local, &sync, answer)? {
                    return Ok(End::StateLost);
                }
                speak(link, &connection, &local, &address, &replies, &mut timers);
            }
            push = pushed.recv() => {
                if let Some(local) = hear(link, push)? {
                    speak(link, &connection, &local, &address, &replies, &mut timers);
                }
            }
            () = work => {}
            () = sleep_until(timers.next().into()) => {}
        }
    }
}

/// Sends what a fleet has to say.
fn speak<'a>(
    link: &'a Link,
    connection: &MultiplexedConnection,
    local: &Arc<Local>,
    address: &str,
    replies: &Replies<'a>,
    timers: &mut Timers,
) {
    let (epoch, seen) = {
        let state = link.state();
        (state.epoch, state.seen)
    };
    let patience = local.lease / 4;
    while let Some((sync, command)) = local.next_sync(&link.protocol, epoch, seen) {
        let (mut connection, local) = (connection.clone(), Arc::clone(local));
        let answer = async move { connection.send_packed_command(&command).await };
        replies.push(Box::pin(async move {
            let answer = in_time(patience, answer).await;
            Reply::Sync(local, sync, answer)
        }));
    }
    let statuses = local.take_statuses();
    if !statuses.is_empty() {
        let command = link.protocol.status(&local.key, local.index, epoch, seen);
        let (mut connection, address) = (connection.clone(), address.to_owned());
        let answer = async move { connection.send_packed_command(&command).await };
        replies.push(Box::pin(async move {
            let raw = in_time(patience, answer).await.and_then(RawStatus::parse);
            let status = match raw {
                Ok(raw) => Ok(Status::new(raw, address)),
                Err(error) if is_permanent(&error) => Err(Error::Refused(error)),
                Err(error) => Err(Error::Unreachable(error)),
            };
            for sender in statuses {
                let _ = sender.send(status.clone());
            }
            Reply::Other
        }));
    }
    timers.set(local);
}

/// Processes the answer to a sync. Returns whether the server has lost its state.
fn listen(link: &Link, local: &Arc<Local>, sync: &Sync, answer: RedisResult<Value>) -> RedisResult<bool> {
    match answer.and_then(redis::Value::extract_error).and_then(Answer::parse) {
        Ok(answer) => {
            let is_lost = {
                let mut state = link.state();
                let is_lost = state.epoch != 0 && answer.epoch > state.epoch;
                state.epoch = state.epoch.max(answer.epoch);
                state.seen = state.seen.max(answer.last);
                state.trouble = None;
                is_lost
            };
            local.answered(sync, &answer);
            if !answer.grants.is_empty() {
                link.watch();
            }
            Ok(is_lost)
        }
        // The other keys may be in order.
        Err(error) if is_permanent(&error) => {
            link.state().trouble = Some(error.clone());
            local.refused(sync, &Error::Refused(error));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Processes a message of the server. Returns the fleet that it is for.
fn hear(link: &Link, push: Option<PushInfo>) -> RedisResult<Option<Arc<Local>>> {
    let Some(push) = push.filter(|push| push.kind != PushKind::Disconnection) else {
        return Err((ErrorKind::Io, "the server closed the connection").into());
    };
    let Some(payload) = push.data.last().filter(|_| push.kind == PushKind::Message) else {
        return Ok(None);
    };
    let text: String = redis::from_redis_value_ref(payload)?;
    let Some(message) = Message::parse(&text) else { return Ok(None) };
    let local = {
        let mut state = link.state();
        let newest = message.grants.last().map_or(0, |(token, permits)| token + *permits as u64);
        state.seen = state.seen.max(newest);
        state.fleets.get(&message.index).cloned()
    };
    if let Some(local) = &local {
        local.granted(&message);
        link.watch();
    }
    Ok(local)
}

async fn in_time<T>(patience: Duration, reply: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(patience, reply).await {
        Ok(reply) => reply,
        Err(_) => Err((ErrorKind::Io, "the server does not answer in time").into()),
    }
}

/// When each fleet has to speak next.
#[derive(Default)]
struct Timers {
    order: BTreeSet<(Instant, u64)>,
    fleets: HashMap<u64, (Instant, Arc<Local>)>,
}

impl Timers {
    fn set(&mut self, local: &Arc<Local>) {
        if let Some((at, _)) = self.fleets.remove(&local.index) {
            self.order.remove(&(at, local.index));
        }
        if let Some(at) = local.due() {
            self.order.insert((at, local.index));
            self.fleets.insert(local.index, (at, Arc::clone(local)));
        }
    }

    /// Removes the fleets whose time has come.
    fn due(&mut self) -> Vec<Arc<Local>> {
        let now = Instant::now();
        let mut due = Vec::new();
        while let Some((at, index)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, index));
            due.extend(self.fleets.remove(&index).map(|(_, local)| local));
        }
        due
    }

    fn next(&self) -> Instant {
        const IDLE: Duration = Duration::from_secs(3600);
        self.order.first().map_or_else(|| Instant::now() + IDLE, |(at, _)| *at)
    }
}
