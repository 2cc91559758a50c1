//! What fairgate does inside a move: the steps that its sources report, and the word and the queue after each of them.
//!
//! A world has one thread, so in a level the unlock never fails, the flag RECHECK is never set, and no claim is put back.
//! [`two_threads`] shows that.

use std::cell::RefCell;
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use fairgate::{Event, Semaphore, Step};
use serde::Serialize;

use crate::board::{TaskId, name};

/// The flags of the word are its lowest bits.
const LOCKED: usize = 0b0010;
const RECHECK: usize = 0b0100;
const CLOSED: usize = 0b1000;
const SHIFT: u32 = 4;

enum Entry {
    Core(Event),
    Woken(Option<TaskId>),
}

#[derive(Default)]
struct Record {
    /// All steps of a world, each with the task that ran.
    entries: Vec<(Option<TaskId>, Entry)>,
    /// The task that runs, while steps are recorded.
    running: Option<Option<TaskId>>,
    /// Where the last move begins.
    last_move: usize,
}

thread_local! {
    static RECORD: RefCell<Record> = RefCell::default();
}

/// Begins the record of a new world.
pub(crate) fn start() {
    RECORD.take();
    fairgate::observe(Some(enter));
}

fn enter(event: Event) {
    RECORD.with_borrow_mut(|record| {
        if record.running.is_some() || matches!(event, Event::Created { .. }) {
            record.entries.push((record.running.flatten(), Entry::Core(event)));
        }
    });
}

pub(crate) fn begin_move() {
    RECORD.with_borrow_mut(|record| record.last_move = record.entries.len());
}

/// Records the steps of `run`, in which this task runs.
pub(crate) fn record<T>(task: Option<TaskId>, run: impl FnOnce() -> T) -> T {
    with_running(Some(task), run)
}

/// Looks at a semaphore without a record of that.
pub(super) fn quietly<T>(look: impl FnOnce() -> T) -> T {
    with_running(None, look)
}

fn with_running<T>(running: Option<Option<TaskId>>, run: impl FnOnce() -> T) -> T {
    let swap = |running| RECORD.with_borrow_mut(|record| mem::replace(&mut record.running, running));
    let before = swap(running);
    let result = run();
    swap(before);
    result
}

pub(crate) fn woken(task: Option<TaskId>) {
    RECORD.with_borrow_mut(|record| {
        if let Some(running) = record.running {
            record.entries.push((running, Entry::Woken(task)));
        }
    });
}

thread_local! {
    /// What the other thread of [`two_threads`] will do, last action first.
    static OTHER: RefCell<Vec<Box<dyn FnOnce()>>> = RefCell::default();
}

/// The steps in which the word changes while the queue is locked. On thread A a request waits for the only permit. Thread B
/// releases the permit when the request is in the queue, and forgets it when the request has claimed it. B's actions run
/// within the report of A's step, which is a moment at which a second thread could run them.
pub(crate) fn two_threads() -> Vec<Inside> {
    const A: Option<TaskId> = Some(0);
    const B: Option<TaskId> = Some(1);
    start();
    let semaphore = Rc::new(Semaphore::new(1));
    let permit = record(B, || Semaphore::acquire_from(semaphore.clone(), 1).try_wait());
    let shared = semaphore.clone();
    let forget = move || assert_eq!(shared.forget_permits(1), 1);
    OTHER.set(vec![Box::new(forget), Box::new(|| drop(permit))]);
    fairgate::observe(Some(|event| {
        enter(event);
        if let Event::Reported(Step::Push { .. } | Step::Claim { .. }) = event {
            let act = OTHER.with_borrow_mut(Vec::pop).expect("A enqueues once and claims once");
            record(B, act);
        }
    }));
    begin_move();
    let mut request = pin!(semaphore.acquire());
    let polled = record(A, || request.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    assert!(polled.is_pending());
    last_move()
}

/// A step, and the semaphore after it.
#[derive(Serialize)]
pub(crate) struct Inside {
    /// The index of the semaphore in its world.
    gate: usize,
    /// The task that ran.
    by: String,
    what: &'static str,
    /// What the same access to the word did beside it.
    with: Option<&'static str>,
    /// The task whose request it is about.
    of: Option<String>,
    /// The number of permits.
    n: usize,
    after: Queue,
}

/// The word, and the requests that are or were in the queue.
#[derive(Clone, Serialize)]
struct Queue {
    #[serde(skip)]
    word: usize,
    permits: isize,
    flags: usize,
    nodes: Vec<Node>,
}

#[derive(Clone, Serialize)]
struct Node {
    #[serde(skip)]
    address: usize,
    task: String,
    n: usize,
    place: &'static str,
}

impl Queue {
    fn set(&mut self, value: usize) {
        (self.permits, self.flags) = (value as isize >> SHIFT, value & ((1 << SHIFT) - 1));
    }
}

/// The steps of the last move. The first step of each semaphore shows it before the move.
pub(crate) fn last_move() -> Vec<Inside> {
    RECORD.with_borrow(|record| {
        let mut model = Model::default();
        let mut steps: Vec<Inside> = Vec::new();
        for (index, (running, entry)) in record.entries.iter().enumerate() {
            model.forget_the_gone();
            let before = model.queues.clone();
            let Some(step) = model.apply(*running, entry) else { continue };
            if index < record.last_move {
                continue;
            }
            let gate = step.gate;
            if !steps.iter().any(|step| step.gate == gate) {
                let after = before[gate].clone();
                let by = step.by.clone();
                steps.push(Inside { what: "before", with: None, of: None, n: 0, gate, by, after });
            }
            steps.push(step);
        }
        steps
    })
}

#[derive(Default)]
struct Model {
    queues: Vec<Queue>,
    /// The one that the last step was about.
    at: usize,
    /// Why the word changes next.
    reason: &'static str,
}

impl Model {
    /// Requests that took their outcome or left the queue are shown in that step alone.
    fn forget_the_gone(&mut self) {
        for queue in &mut self.queues {
            queue.nodes.retain(|node| !matches!(node.place, "taken" | "removed"));
        }
    }

    /// Applies an entry. Returns the step, if there is something to show.
    fn apply(&mut self, running: Option<TaskId>, entry: &Entry) -> Option<Inside> {
        let (what, with, of, n) = match entry {
            Entry::Woken(task) => ("wake", None, Some(name(*task)), 0),
            Entry::Core(Event::Created { word, value }) => {
                let mut queue = Queue { word: *word, permits: 0, flags: 0, nodes: Vec::new() };
                queue.set(*value);
                self.queues.push(queue);
                return None;
            }
            Entry::Core(Event::Changed { word, old, new, .. }) => self.change(*word, *old, *new)?,
            // The unlock: no other change of a word can fail here.
            Entry::Core(Event::Failed { .. }) => ("retry", None, None, 0),
            Entry::Core(Event::Reported(step)) => self.report(running, *step)?,
            Entry::Core(_) => return None,
        };
        let by = name(running);
        Some(Inside { gate: self.at, by, what, with, of, n, after: self.queues.get(self.at)?.clone() })
    }

    fn change(&mut self, word: usize, old: usize, new: usize) -> Option<Shown> {
        self.at = self.queues.iter().position(|queue| queue.word == word)?;
        self.queues[self.at].set(new);
        let (set, cleared) = (new & !old, old & !new);
        let more = (new as isize >> SHIFT) - (old as isize >> SHIFT);
        let reason = mem::take(&mut self.reason);
        let cause = match reason {
            _ if set & CLOSED != 0 => "close",
            "" if more < 0 => "take",
            _ => reason,
        };
        let (what, with) = match () {
            () if set & LOCKED != 0 => ("lock", Some(cause).filter(|cause| !cause.is_empty())),
            () if cleared & LOCKED != 0 => ("unlock", None),
            () if cleared & RECHECK != 0 => ("examine", None),
            () => (cause, None),
        };
        (!what.is_empty()).then_some((what, with, None, more.unsigned_abs()))
    }

    fn report(&mut self, running: Option<TaskId>, step: Step) -> Option<Shown> {
        let cause = match step {
            Step::Release => "release",
            Step::Add => "add",
            Step::Forget => "forget",
            Step::Reduce => "reduce",
            Step::Recheck => "recheck",
            _ => "",
        };
        if !cause.is_empty() {
            self.reason = cause;
            return None;
        }
        let (what, address, place, n) = match step {
            Step::Push { node, min, .. } => {
                let task = name(running);
                self.queues[self.at].nodes.push(Node { address: node, task, n: min, place: "queued" });
                ("push", node, "queued", min)
            }
            Step::Remove { node } => ("remove", node, "removed", 0),
            Step::Claim { node, n } => ("claim", node, "claimed", n),
            Step::PutBack { node } => ("put-back", node, "queued", 0),
            Step::Publish { node, granted: Some(n) } => ("store", node, "granted", n),
            Step::Publish { node, granted: None } => ("fail", node, "failed", 0),
            Step::Take { node, granted } => ("outcome", node, "taken", granted.unwrap_or(0)),
            _ => return None,
        };
        let nodes = |queue: &Queue| queue.nodes.iter().position(|node| node.address == address);
        let (at, index) =
            self.queues.iter().enumerate().find_map(|(at, queue)| Some((at, nodes(queue)?)))?;
        self.at = at;
        let nodes = &mut self.queues[at].nodes;
        nodes[index].place = place;
        let of = Some(nodes[index].task.clone());
        Some((what, None, of, n))
    }
}

/// What, what else, of which task, and how many permits.
type Shown = (&'static str, Option<&'static str>, Option<String>, usize);
