//! What happens in a world, and what it breaks. The handles of `kit` report to the board; it changes nothing.

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Wake, Waker};

use serde::Serialize;

use crate::gates::Gate;
use crate::gates::inside;
use crate::gates::trace::{self, Step};

pub(crate) type TaskId = usize;

/// In ticks of the clock, in the levels.
const SECOND: u64 = 1;

/// The name of a task: a letter. `None` is the player, because the player may hold permits, too.
pub(crate) fn name(task: Option<TaskId>) -> String {
    match task {
        Some(task) => char::from(b'A' + task as u8).to_string(),
        None => "You".to_owned(),
    }
}

/// "takes" for a task, "take" for the player.
fn verb(task: Option<TaskId>, third: &'static str, second: &'static str) -> &'static str {
    if task.is_some() { third } else { second }
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The server refused a request.
    Refused,
    /// More permits are held than exist.
    TooMany,
    /// A later request got a permit that an earlier one could use.
    Overtaken,
    /// The semaphore counts other permits than there are.
    Miscounted,
    /// A request could be granted, and nothing wakes it.
    Idle,
    /// The same, left behind by a task that has just got its permit.
    TooFewWoken,
    /// A task wrote a value that it computed from an outdated one.
    LostUpdate,
    /// Every task that is left waits, for another task or for a permit that no task holds.
    Deadlock,
    /// A request timed out.
    TimedOut,
    /// A task got a permit of the pool, and the pool had no connection.
    NoConnection,
    /// A request got a permit from a closed semaphore.
    AfterClose,
    /// A permit is granted to a request that its task no longer polls, and everything waits.
    Unpolled,
    /// A task passed a barrier before all had arrived.
    TooEarly,
    /// A task read a value that was half written.
    TornRead,
    /// All permits are held by tasks that wait for an answer that never comes.
    Hung,
    /// As a goal: any of the others.
    Any,
}

impl Kind {
    /// A waiter that could have been woken was not.
    pub(crate) fn is_idle(self) -> bool {
        matches!(self, Self::Idle | Self::TooFewWoken)
    }

    /// Whether a violation of kind `other` is one of this kind, too.
    pub(crate) fn includes(self, other: Self) -> bool {
        self == other || self == Self::Any || self == Self::Idle && other == Self::TooFewWoken
    }
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Violation {
    /// What it is.
    pub kind: Kind,
    /// The sentence that says so, in the past tense: it stays on the page after its move.
    pub text: String,
    /// The number of the move that caused it, from 1.
    pub at: usize,
}

/// What a server, a timer or a pool said last to a task. It becomes the word for the end of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    Refused,
    TimedOut,
    NoConnection,
}

/// A flag that a waker sets.
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, value: bool) {
        self.0.store(value, Relaxed);
    }
}

/// Notes that a request was woken, then wakes its task.
pub(crate) struct RequestWaker {
    pub(crate) woken: Flag,
    task: Option<TaskId>,
    waker: Waker,
}

impl RequestWaker {
    pub(crate) fn new(task: Option<TaskId>, waker: &Waker) -> Arc<Self> {
        Arc::new(Self { woken: Flag::default(), task, waker: waker.clone() })
    }
}

impl Wake for RequestWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        inside::woken(self.task);
        self.woken.set(true);
        self.waker.wake_by_ref();
    }
}

/// A future that knows whether its permits are granted already.
pub(crate) trait Granted {
    fn is_granted(&self) -> bool;
}

pub(crate) struct GateRecord {
    pub(crate) name: &'static str,
    pub(crate) gate: Rc<dyn Gate>,
    pub(crate) is_lock: bool,
    /// Created, added, not taken away.
    pub(crate) capacity: usize,
    pub(crate) closed: bool,
    /// A request got its permits during the current move.
    acquired: bool,
}

pub(crate) struct Request {
    pub(crate) id: usize,
    pub(crate) gate: usize,
    pub(crate) task: Option<TaskId>,
    pub(crate) n: usize,
    /// Set at the first poll that returns `Pending`.
    arrived: bool,
    holding: bool,
    first_poll_closed: bool,
    /// Granted before the semaphore was made smaller.
    grant_stands: bool,
    overtaken: usize,
    pub(crate) waker: Option<Arc<RequestWaker>>,
    future: Option<Rc<dyn Granted>>,
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// In the queue.
    Waiting,
    /// Woken, but without permits.
    Woken,
    /// The permits belong to it; it was not polled since.
    Granted,
    /// Its task holds the permits.
    Holding,
}

impl Request {
    pub(crate) fn standing(&self) -> Standing {
        let woken = || self.waker.as_ref().is_some_and(|waker| waker.woken.is_set());
        let granted = || self.future.as_ref().is_some_and(|future| future.is_granted());
        match self {
            _ if self.holding => Standing::Holding,
            _ if granted() => Standing::Granted,
            _ if woken() => Standing::Woken,
            _ => Standing::Waiting,
        }
    }
}

struct Timer {
    id: usize,
    at: u64,
    task: Option<TaskId>,
    waker: Waker,
}

/// A place where tasks are inside for a while, such as a server.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) limit: Limit,
    pub(crate) inside: Vec<TaskId>,
    pub(crate) refused: Vec<TaskId>,
    sent: Vec<u64>,
    pub(crate) peak: usize,
}

/// How many requests a server accepts.
#[derive(Clone, Copy, Hash)]
pub(crate) enum Limit {
    None,
    /// At most this many at once.
    AtOnce(usize),
    /// At most this many in a second, which is [`SECOND`] ticks of the clock.
    PerSecond(usize),
}

/// A value worth showing.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// What happened to a task, for the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Happening {
    Waits,
    Acquired,
    Sent,
    Answered,
    Refused,
    TimedOut,
    Released,
}

pub(crate) struct Board {
    now: Cell<u64>,
    running: Cell<Option<TaskId>>,
    /// The lines of the awaits that returned `Pending` in the current poll, and whose futures were not dropped since.
    pending: RefCell<Vec<u32>>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) gates: Vec<GateRecord>,
    pub(crate) requests: Vec<Request>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) notes: Vec<(TaskId, String)>,
    verdicts: Vec<(TaskId, Verdict)>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) log: Vec<String>,
    /// What the semaphores did in the last move.
    pub(crate) steps: Vec<Step>,
    pub(crate) happenings: Option<Vec<(u64, TaskId, Happening)>>,
    timers: Vec<Timer>,
    next_id: usize,
    moves: usize,
}

impl Board {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(0),
            running: Cell::new(None),
            pending: RefCell::default(),
            inner: RefCell::default(),
        })
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn running(&self) -> Option<TaskId> {
        self.running.get()
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.borrow())
    }

    pub(crate) fn note<T>(&self, note: impl FnOnce(&mut Inner) -> T) -> T {
        note(&mut self.inner.borrow_mut())
    }

    /// Runs one poll or drop of a task; returns what it returned and where the task stands.
    pub(crate) fn run<T>(&self, task: Option<TaskId>, run: impl FnOnce() -> T) -> (T, Option<u32>) {
        self.running.set(task);
        self.pending.borrow_mut().clear();
        trace::start();
        let result = inside::record(task, run);
        let steps = trace::take();
        self.note(|inner| inner.steps.extend(steps));
        self.running.set(None);
        (result, self.pending.borrow().first().copied())
    }

    pub(crate) fn begin_move(&self) {
        inside::begin_move();
        self.note(|inner| {
            inner.moves += 1;
            inner.log.clear();
            inner.steps.clear();
            inner.gates.iter_mut().for_each(|gate| gate.acquired = false);
        });
    }

    pub(crate) fn say(&self, sentence: impl Into<String>) {
        self.note(|inner| inner.log.push(sentence.into()));
    }

    pub(crate) fn say_of_running(&self, what: impl FnOnce(String) -> String) {
        self.say(what(name(self.running())));
    }

    pub(crate) fn violated(&self, kind: Kind, text: impl Into<String>) {
        self.note(|inner| inner.violated(kind, text));
    }

    pub(crate) fn happened(&self, what: Happening) {
        let (now, task) = (self.now(), self.running());
        self.note(|inner| {
            if let (Some(list), Some(task)) = (&mut inner.happenings, task) {
                list.push((now, task, what));
            }
        });
    }

    /// A future of the kit returned `Pending` at this line.
    pub(crate) fn stands_at(&self, line: u32) {
        self.pending.borrow_mut().push(line);
    }

    /// How many awaits have returned `Pending` in the current poll.
    pub(crate) fn pending(&self) -> usize {
        self.pending.borrow().len()
    }

    /// The awaits since then are inside a future that has completed, so they are pending no more.
    pub(crate) fn only_pending(&self, before: usize) {
        self.pending.borrow_mut().truncate(before);
    }

    // Gates and requests.

    pub(crate) fn add_gate(&self, name: &'static str, gate: Rc<dyn Gate>, is_lock: bool) -> usize {
        let capacity = gate.available();
        self.note(|inner| {
            inner.gates.push(GateRecord { name, gate, is_lock, capacity, closed: false, acquired: false });
            inner.gates.len() - 1
        })
    }

    pub(crate) fn resized(&self, gate: usize, by: isize) {
        self.note(|inner| {
            let capacity = &mut inner.gates[gate].capacity;
            *capacity = capacity.saturating_add_signed(by);
            // A grant stands, whatever is taken away later.
            for request in inner.requests.iter_mut().filter(|request| request.gate == gate) {
                request.grant_stands |= by < 0 && request.standing() == Standing::Granted;
            }
        });
    }

    pub(crate) fn closed(&self, gate: usize) {
        self.note(|inner| inner.gates[gate].closed = true);
    }

    pub(crate) fn asks(
        &self,
        gate: usize,
        n: usize,
        future: Rc<dyn Granted>,
        waker: Arc<RequestWaker>,
    ) -> usize {
        let task = self.running();
        self.note(|inner| {
            inner.next_id += 1;
            inner.requests.push(Request {
                id: inner.next_id,
                gate,
                task,
                n,
                arrived: false,
                holding: false,
                first_poll_closed: inner.gates[gate].closed,
                grant_stands: false,
                overtaken: 0,
                waker: Some(waker),
                future: Some(future),
            });
            inner.next_id
        })
    }

    pub(crate) fn waits(&self, id: usize, was_woken: bool) {
        let first = self.note(|inner| {
            let Some(index) = inner.index(id) else { return false };
            let first = !inner.requests[index].arrived;
            if first {
                // The order of arrival is the order of the first `Pending`.
                let mut request = inner.requests.remove(index);
                request.arrived = true;
                inner.requests.push(request);
            }
            let request = inner.requests.last().filter(|_| first);
            let sentence = match (request, first) {
                (Some(request), true) => {
                    let what = inner.what(request.gate, request.n);
                    Some(format!("{} requests {what} and waits.", name(request.task)))
                }
                _ if was_woken => {
                    let task = inner.requests[index].task;
                    Some(format!("{} was woken, finds no permit, and waits again.", name(task)))
                }
                _ => None,
            };
            inner.log.extend(sentence);
            first
        });
        if first {
            self.happened(Happening::Waits);
        }
    }

    pub(crate) fn acquired(&self, id: usize) {
        self.note(|inner| inner.acquired(id));
        self.happened(Happening::Acquired);
    }

    pub(crate) fn released(&self, id: usize, forgotten: bool) {
        self.note(|inner| {
            let Some(index) = inner.index(id) else { return };
            let request = inner.requests.remove(index);
            let what = inner.what(request.gate, request.n);
            let actor = name(request.task);
            let sentence = if forgotten {
                inner.gates[request.gate].capacity -= request.n.min(inner.gates[request.gate].capacity);
                format!("{actor} {} up {what}.", verb(request.task, "uses", "use"))
            } else if inner.gates[request.gate].is_lock {
                format!("{actor} {} {what}.", verb(request.task, "unlocks", "unlock"))
            } else {
                format!("{actor} {} {what}.", verb(request.task, "releases", "release"))
            };
            match inner.log.last_mut() {
                // A task that ends may release several permits one by one.
                Some(last) if *last == sentence => *last = sentence.replacen("a permit", "2 permits", 1),
                _ => inner.log.push(sentence),
            }
        });
        self.happened(Happening::Released);
    }

    /// The request is dropped or refused without permits.
    pub(crate) fn withdrawn(&self, id: usize, closed: bool) {
        self.note(|inner| {
            let Some(index) = inner.index(id) else { return };
            let standing = inner.requests[index].standing();
            let request = inner.requests.remove(index);
            let (actor, what) = (name(request.task), inner.what(request.gate, request.n));
            let sentence = match standing {
                _ if closed => format!("{actor} requests {what}: closed."),
                Standing::Granted => {
                    format!("The request of {actor} is cancelled after it was granted {what}.")
                }
                Standing::Woken => format!("The request of {actor} is cancelled after it was woken."),
                _ if request.arrived => format!("The request of {actor} leaves the queue."),
                _ => return,
            };
            inner.log.push(sentence);
        });
    }

    // Time.

    pub(crate) fn set_timer(&self, at: u64, waker: &Waker) -> usize {
        let task = self.running();
        self.note(|inner| {
            inner.next_id += 1;
            inner.timers.push(Timer { id: inner.next_id, at, task, waker: waker.clone() });
            inner.next_id
        })
    }

    pub(crate) fn clear_timer(&self, id: usize) {
        self.note(|inner| inner.timers.retain(|timer| timer.id != id));
    }

    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.look(|inner| inner.timers.iter().map(|timer| timer.at).min())
    }

    /// The clock goes to the next deadline; all its timers fire.
    pub(crate) fn advance(&self) {
        let Some(at) = self.next_timer() else { return };
        self.now.set(at);
        let due = self.note(|inner| {
            let due = inner.timers.iter().filter(|timer| timer.at == at);
            due.map(|timer| timer.waker.clone()).collect::<Vec<_>>()
        });
        due.into_iter().for_each(Waker::wake);
        self.note(|inner| inner.timers.retain(|timer| timer.at != at));
    }

    // Rooms.

    pub(crate) fn add_room(&self, name: &'static str, limit: Limit) -> usize {
        self.note(|inner| {
            let room = Room { name, limit, inside: vec![], refused: vec![], sent: vec![], peak: 0 };
            inner.rooms.push(room);
            inner.rooms.len() - 1
        })
    }

    /// Whether the room lets the running task in.
    pub(crate) fn enters(&self, room: usize) -> bool {
        let (task, now) = (self.running().unwrap_or(0), self.now());
        let refused = self.note(|inner| {
            let Room { name: room_name, limit, inside, refused, sent, peak } = &mut inner.rooms[room];
            sent.retain(|then| now - then < SECOND);
            let why = match *limit {
                Limit::AtOnce(1) if !inside.is_empty() => Some("a request was in flight".to_owned()),
                Limit::AtOnce(most) if inside.len() >= most => {
                    Some(format!("{most} requests were in flight"))
                }
                Limit::PerSecond(most) if sent.len() >= most => {
                    Some(format!("it had {most} requests within that second"))
                }
                _ => None,
            };
            let actor = name(Some(task));
            match why {
                Some(why) => {
                    refused.push(task);
                    inner.verdicts.retain(|(other, _)| *other != task);
                    inner.verdicts.push((task, Verdict::Refused));
                    inner.verdicts.sort_unstable();
                    let text =
                        format!("The {room_name} refused the request of {actor} with 429: {why} already.");
                    inner
                        .log
                        .push(format!("{actor} sends a request, and the {room_name} refuses it: 429."));
                    inner.violated(Kind::Refused, text);
                    true
                }
                None => {
                    inside.push(task);
                    if matches!(limit, Limit::PerSecond(_)) {
                        sent.push(now);
                    }
                    *peak = inside.len().max(*peak);
                    inner.log.push(format!("{actor} sends a request to the {room_name}."));
                    false
                }
            }
        });
        self.happened(if refused { Happening::Refused } else { Happening::Sent });
        !refused
    }

    pub(crate) fn leaves(&self, room: usize, task: TaskId, answered: bool) {
        self.note(|inner| {
            let Room { inside, .. } = &mut inner.rooms[room];
            if let Some(index) = inside.iter().position(|other| *other == task) {
                inside.remove(index);
            }
            if answered {
                inner.judge(task, None);
            }
            let Room { name: room_name, .. } = &inner.rooms[room];
            let actor = name(Some(task));
            inner.log.push(match answered {
                true => format!("The {room_name} answers {actor}."),
                false => format!("The request of {actor} to the {room_name} is cut off."),
            });
        });
        if answered {
            self.happened(Happening::Answered);
        }
    }

    // Facts and notes.

    pub(crate) fn add_fact(&self, name: &'static str, value: impl Into<String>) -> usize {
        self.note(|inner| {
            inner.facts.push(Fact { name, value: value.into() });
            inner.facts.len() - 1
        })
    }

    pub(crate) fn set_fact(&self, fact: usize, value: impl Into<String>) {
        self.note(|inner| inner.facts[fact].value = value.into());
    }

    /// What the running task keeps in a local variable.
    pub(crate) fn set_note(&self, note: impl Into<String>) {
        let task = self.running().unwrap_or(0);
        self.note(|inner| {
            inner.notes.retain(|(other, _)| *other != task);
            inner.notes.push((task, note.into()));
            inner.notes.sort();
        });
    }

    /// A task that has ended has no local variables.
    pub(crate) fn clear_note(&self, task: TaskId) {
        self.note(|inner| inner.notes.retain(|(other, _)| *other != task));
    }

    /// What was said last to the running task. `None`: what it asked for was answered.
    pub(crate) fn judge(&self, verdict: Option<Verdict>) {
        let task = self.running().unwrap_or(0);
        self.note(|inner| inner.judge(task, verdict));
    }

    pub(crate) fn verdict(&self, task: TaskId) -> Option<Verdict> {
        self.look(|inner| {
            inner.verdicts.iter().find(|(other, _)| *other == task).map(|(_, verdict)| *verdict)
        })
    }

    // After each move.

    pub(crate) fn check_gates(&self) {
        self.note(Inner::check_gates);
    }

    /// Called when no task can run, and the clock and the player cannot change that.
    pub(crate) fn check_standstill(&self, unfinished: &[TaskId]) {
        self.note(|inner| inner.check_standstill(unfinished));
    }

    /// All that decides how the game goes on, for the search.
    pub(crate) fn hash_state(&self, state: &mut impl Hasher) {
        let now = self.now();
        self.look(|inner| {
            for gate in &inner.gates {
                (gate.capacity, gate.closed, gate.gate.available(), gate.gate.inside()).hash(state);
            }
            for request in &inner.requests {
                let Request { gate, task, n, arrived, overtaken, first_poll_closed, grant_stands, .. } =
                    request;
                (gate, task, n, arrived, overtaken, first_poll_closed, grant_stands, request.standing())
                    .hash(state);
            }
            for room in &inner.rooms {
                (&room.inside, room.refused.len()).hash(state);
                room.sent.iter().for_each(|then| (now - then).min(SECOND).hash(state));
            }
            (&inner.facts, &inner.notes, &inner.verdicts).hash(state);
            let mut timers: Vec<_> =
                inner.timers.iter().map(|timer| (timer.at - now, timer.task)).collect();
            timers.sort_unstable();
            timers.hash(state);
            for violation in &inner.violations {
                violation.kind.hash(state);
            }
        });
    }
}

impl Inner {
    fn violated(&mut self, kind: Kind, text: impl Into<String>) {
        self.violations.push(Violation { kind, text: text.into(), at: self.moves });
    }

    fn violated_once(&mut self, kind: Kind, text: String) {
        if !self.violations.iter().any(|other| other.kind == kind && other.text == text) {
            self.violated(kind, text);
        }
    }

    fn judge(&mut self, task: TaskId, verdict: Option<Verdict>) {
        self.verdicts.retain(|(other, _)| *other != task);
        self.verdicts.extend(verdict.map(|verdict| (task, verdict)));
        self.verdicts.sort_unstable();
    }

    fn index(&self, id: usize) -> Option<usize> {
        self.requests.iter().position(|request| request.id == id)
    }

    pub(crate) fn what(&self, gate: usize, n: usize) -> String {
        let gate = &self.gates[gate];
        match (gate.is_lock, n) {
            (true, _) if gate.name == "lock" => "the lock".to_owned(),
            (true, _) => format!("the lock `{}`", gate.name),
            (false, 1) => format!("a permit of `{}`", gate.name),
            (false, n) => format!("{n} permits of `{}`", gate.name),
        }
    }

    pub(crate) fn queue(&self, gate: usize) -> impl Iterator<Item = &Request> {
        self.requests
            .iter()
            .filter(move |request| request.gate == gate && request.arrived && !request.holding)
    }

    pub(crate) fn holders(&self, gate: usize) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(move |request| request.gate == gate && request.holding)
    }

    pub(crate) fn held(&self, gate: usize) -> usize {
        self.holders(gate).map(|request| request.n).sum()
    }

    pub(crate) fn granted(&self, gate: usize) -> usize {
        let granted = self.queue(gate).filter(|request| request.standing() == Standing::Granted);
        granted.map(|request| request.n).sum()
    }

    fn acquired(&mut self, id: usize) {
        let Some(index) = self.index(id) else { return };
        let request = &mut self.requests[index];
        let had_arrived = request.arrived;
        request.holding = true;
        request.future = None;
        request.waker = None;
        let (gate, task, n, late) = (request.gate, request.task, request.n, request.first_poll_closed);
        let grant_stands = request.grant_stands;
        let (actor, what) = (name(task), self.what(gate, n));
        self.gates[gate].acquired = true;
        self.log.push(format!("{actor} {} {what}.", verb(task, "gets", "get")));

        let (held, capacity) = (self.held(gate), self.gates[gate].capacity);
        if held > capacity && !grant_stands {
            let inside =
                self.holders(gate).map(|request| name(request.task)).collect::<Vec<_>>().join(" and ");
            let text = match self.gates[gate].is_lock {
                true => format!("{inside} held {} at the same time.", self.what(gate, 1)),
                false if held == 1 => format!("{inside} held a permit of a semaphore of {capacity}."),
                false => format!("{inside} held {held} permits of a semaphore of {capacity}."),
            };
            self.violated(Kind::TooMany, text);
        }
        if late && self.gates[gate].closed {
            self.violated(Kind::AfterClose, format!("{actor} got {what} after the semaphore was closed."));
        }
        let left = self.gates[gate].gate.available();
        let before = if had_arrived { index } else { self.requests.len() };
        let mut overtaken = Vec::new();
        for other in self.requests[..before].iter_mut() {
            let waits = other.gate == gate && other.arrived && !other.holding;
            if waits && other.n > left && other.standing() != Standing::Granted {
                other.overtaken += 1;
                overtaken.push(name(other.task));
            }
        }
        for victim in overtaken {
            self.violated(
                Kind::Overtaken,
                format!("{actor} asked later than {victim} and got {what} before it."),
            );
        }
    }

    fn check_gates(&mut self) {
        for gate in 0..self.gates.len() {
            self.check_count(gate);
            self.check_idle(gate);
        }
    }

    fn check_count(&mut self, gate: usize) {
        let GateRecord { name, capacity, gate: semaphore, .. } = &self.gates[gate];
        let capacity = *capacity;
        let (available, used) = (semaphore.available(), self.held(gate) + self.granted(gate));
        let (owed, expected) = (semaphore.owed(), capacity.saturating_sub(used));
        // A historic semaphore owes nothing, whatever is taken away.
        let owes_wrongly = owed > 0 && owed != used.saturating_sub(capacity);
        if available != expected || owes_wrongly {
            let held = match used {
                0 => "no permit was held".to_owned(),
                1 => "1 permit was held".to_owned(),
                _ => format!("{used} permits were held"),
            };
            let text = if owes_wrongly {
                format!("The limit of `{name}` was {capacity} and {held}, but it counted {owed} as owed.")
            } else {
                format!(
                    "The limit of `{name}` was {capacity} and {held}, so {expected} should have been available, but it counted {available}."
                )
            };
            self.violated_once(Kind::Miscounted, text);
        }
    }

    /// Whether the first waiter that was not woken fits into what the woken ones leave.
    fn check_idle(&mut self, gate: usize) {
        if self.gates[gate].closed {
            return;
        }
        let woken: usize = self
            .queue(gate)
            .filter(|request| request.standing() == Standing::Woken)
            .map(|request| request.n)
            .sum();
        // In some semaphores a waiter that was granted its permit wakes the next one, and has not run yet.
        let will_wake = self.gates[gate].gate.woken_wakes_next() && self.granted(gate) > 0;
        if will_wake && !self.gates[gate].acquired {
            return;
        }
        let left = self.gates[gate].gate.available().saturating_sub(woken);
        let first = self.queue(gate).find(|request| request.standing() == Standing::Waiting);
        let idle = first.filter(|request| request.n <= left);
        let idle = idle.map(|request| (name(request.task), self.what(gate, request.n)));
        let Some((actor, what)) = idle else { return };
        let available = match self.gates[gate].is_lock {
            true => capitalised(&format!("{} was unlocked", self.what(gate, 1))),
            false => format!("{} available", were(self.gates[gate].gate.available())),
        };
        let text = format!("{available} and {actor} waited for {what}, but {actor} was not woken.");
        if self.gates[gate].acquired {
            self.violated_once(Kind::TooFewWoken, text);
        } else if !self.violations.iter().any(|other| other.text == text) {
            self.violated(Kind::Idle, text);
        }
    }

    fn check_standstill(&mut self, unfinished: &[TaskId]) {
        let stuck = |request: &&Request| {
            request.arrived && matches!(request.standing(), Standing::Granted | Standing::Woken)
        };
        if let Some(request) = self.requests.iter().find(stuck) {
            let (actor, what) = (name(request.task), self.what(request.gate, request.n));
            let what = match request.standing() {
                Standing::Granted => format!("{what} was granted"),
                _ => format!("the wake-up for {what} went"),
            };
            let text = format!("{what} to a request that {actor} no longer polled, and every task waited.");
            return self.violated_once(Kind::Unpolled, capitalised(&text));
        }
        if self.violations.iter().any(|violation| violation.kind.is_idle()) {
            return;
        }
        let hung: Vec<_> =
            self.rooms.iter().flat_map(|room| &room.inside).map(|task| name(Some(*task))).collect();
        if !hung.is_empty() {
            if self.gates.iter().all(|gate| gate.gate.available() == 0) {
                let hung = hung.join(" and ");
                let text = format!(
                    "{hung} waited for an answer that never came, no permit was left, and no timer was set that could end it."
                );
                self.violated_once(Kind::Hung, text);
            }
            return;
        }
        let waits = |task: &TaskId| {
            let request =
                self.requests.iter().find(|r| r.task == Some(*task) && r.arrived && !r.holding)?;
            let holders = self.holders(request.gate).map(|request| name(request.task)).collect::<Vec<_>>();
            let holders = if holders.is_empty() {
                String::new()
            } else {
                format!(", held by {}", holders.join(" and "))
            };
            Some(format!(
                "{} waited for {}{holders}",
                name(Some(*task)),
                self.what(request.gate, request.n)
            ))
        };
        let chain = unfinished.iter().filter_map(waits).collect::<Vec<_>>();
        let is_held = self.requests.iter().any(|request| request.holding);
        let word = if is_held { "Deadlock" } else { "Standstill" };
        self.violated_once(Kind::Deadlock, format!("{word}: {}.", chain.join("; ")));
    }
}

fn were(n: usize) -> String {
    if n == 1 { "1 permit was".to_owned() } else { format!("{n} permits were") }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
