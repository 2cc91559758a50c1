//! What fairgate does inside a move: the steps that its sources report, and the word and the queue after each of them.
//!
//! A world has one thread, so a step that only another thread causes never happens: no other thread locks the queue, the
//! flag RECHECK is never set, and no claim is put back.

use std::cell::RefCell;

use fairgate::{Event, Step};
use serde::Serialize;

use crate::board::{TaskId, name};

/// The flags of the word are its lowest bits.
const LOCKED: usize = 0b0010;
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
    running: Option<TaskId>,
    is_on: bool,
    /// Where the last move begins.
    last_move: usize,
}

thread_local! {
    static RECORD: RefCell<Record> = RefCell::default();
}

/// Begins the record of a new world.
pub(crate) fn start() {
    RECORD.take();
    fairgate::observe(Some(|event| {
        RECORD.with_borrow_mut(|record| {
            if record.is_on || matches!(event, Event::Created { .. }) {
                record.entries.push((record.running, Entry::Core(event)));
            }
        });
    }));
}

pub(crate) fn begin_move() {
    RECORD.with_borrow_mut(|record| record.last_move = record.entries.len());
}

/// Records the steps of `run`, in which this task runs.
pub(crate) fn record<T>(task: Option<TaskId>, run: impl FnOnce() -> T) -> T {
    RECORD.with_borrow_mut(|record| (record.running, record.is_on) = (task, true));
    let result = run();
    RECORD.with_borrow_mut(|record| record.is_on = false);
    result
}

/// Looks at a semaphore without a record of that.
pub(super) fn quietly<T>(look: impl FnOnce() -> T) -> T {
    let was_on = RECORD.with_borrow_mut(|record| std::mem::take(&mut record.is_on));
    let result = look();
    RECORD.with_borrow_mut(|record| record.is_on = was_on);
    result
}

pub(crate) fn woken(task: Option<TaskId>) {
    RECORD.with_borrow_mut(|record| {
        if record.is_on {
            record.entries.push((record.running, Entry::Woken(task)));
        }
    });
}

/// A step, and the semaphore after it.
#[derive(Serialize)]
pub(crate) struct Inside {
    /// The index of the semaphore in its world.
    gate: usize,
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
                steps.push(Inside {
                    what: "before",
                    with: None,
                    of: None,
                    n: 0,
                    gate,
                    after: before[gate].clone(),
                });
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
            Entry::Core(Event::Reported(step)) => self.report(running, *step)?,
            Entry::Core(_) => return None,
        };
        Some(Inside { gate: self.at, what, with, of, n, after: self.queues.get(self.at)?.clone() })
    }

    fn change(&mut self, word: usize, old: usize, new: usize) -> Option<Shown> {
        self.at = self.queues.iter().position(|queue| queue.word == word)?;
        self.queues[self.at].set(new);
        let (set, cleared) = (new & !old, old & !new);
        let more = (new as isize >> SHIFT) - (old as isize >> SHIFT);
        let reason = std::mem::take(&mut self.reason);
        let cause = match reason {
            _ if set & CLOSED != 0 => "close",
            "" if more < 0 => "take",
            _ => reason,
        };
        let (what, with) = match () {
            () if set & LOCKED != 0 => ("lock", Some(cause).filter(|cause| !cause.is_empty())),
            () if cleared & LOCKED != 0 => ("unlock", None),
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
