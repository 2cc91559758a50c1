//! The bridge from the sources to the transition relation: each step of each execution is checked against it.
//!
//! The sources report what they do as [`Event`]s. This file finds the transition that an event stands for, applies it to
//! the [`State`] of that semaphore, and compares the word and the links with it. It decides nothing about the protocol: a
//! transition that is not permitted in that state is rejected by the relation.
//!
//! All of this is plain memory of the one real thread that runs a model. Loom does not know it, so it adds no execution.

mod relation;
mod tests;

use std::cell::RefCell;
use std::mem;

use fairgate_loom::{Event, Step, observe};
use loom::thread::{self, ThreadId};

use self::relation::{Broken, Change, State, Thread, Transition, Waiter, Word};

thread_local! {
    static BRIDGE: RefCell<Bridge> = const { RefCell::new(Bridge::new()) };
}

/// Starts to check the steps of one execution.
pub fn start() {
    BRIDGE.with_borrow_mut(Bridge::start);
    observe(Some(|event| act(|bridge, thread| bridge.observe(thread, event))));
}

/// Ends the checks of an execution. Panics if a step was rejected.
#[track_caller]
pub fn finish() {
    observe(None);
    let is_rejected = BRIDGE.with_borrow_mut(|bridge| {
        bridge.is_checking = false;
        bridge.is_rejected
    });
    assert!(!is_rejected, "the bridge rejects a step, see above");
}

/// The wakers of the models call this when they are called.
pub fn waker_is_called() {
    act(Bridge::wake);
}

/// Runs an operation that never waits for another thread. A wait is rejected, although the operation would end.
pub fn without_waiting<R>(operation: impl FnOnce() -> R) -> R {
    let never_waits = |value| {
        act(|bridge, thread| {
            bridge.reports[thread].never_waits = value;
            Ok(())
        });
    };
    never_waits(true);
    let result = operation();
    never_waits(false);
    result
}

/// Prints what is rejected, and then ignores the rest of the execution. It does not panic before the execution has ended: the
/// model may catch the panic, and a panic during unwinding would abort the process.
fn act(step: impl FnOnce(&mut Bridge, Thread) -> Result<(), Rejection>) {
    BRIDGE.with_borrow_mut(|bridge| {
        if !bridge.is_checking {
            return;
        }
        let thread = bridge.thread();
        if let Err(rejection) = step(bridge, thread) {
            (bridge.is_checking, bridge.is_rejected) = (false, true);
            eprintln!("{}", bridge.describe(thread, rejection));
        }
    });
}

/// A step that the relation, or the bridge itself, does not permit.
struct Rejection {
    semaphore: Option<usize>,
    broken: Broken,
}

fn rejected(broken: Broken) -> Result<(), Rejection> {
    Err(Rejection { semaphore: None, broken })
}

/// The semaphores of one execution, and what the threads have reported.
struct Bridge {
    threads: Vec<ThreadId>,
    reports: Vec<Reports>,
    semaphores: Vec<Semaphore>,
    created: usize,
    /// The semaphore, the thread and the transition of each step, without accesses to nodes.
    steps: Vec<(usize, Thread, Transition)>,
    is_checking: bool,
    is_rejected: bool,
}

/// What a thread has said about its next accesses to a word.
#[derive(Clone, Copy, Default)]
struct Reports {
    /// What the next compare-and-swap is.
    next: Option<Step>,
    /// Whether the next permits that it adds are new.
    adds: bool,
    looks: bool,
    /// Whether the model has said that its operation never waits.
    never_waits: bool,
}

struct Semaphore {
    /// How many were created before it in this execution.
    number: usize,
    word: usize,
    state: State,
    nodes: Vec<Node>,
    front: Option<Link>,
}

/// The address of a link, and what it holds.
#[derive(Clone, Copy)]
struct Link {
    address: usize,
    value: usize,
}

struct Node {
    waiter: Waiter,
    address: usize,
    prev: Link,
    next: Link,
}

impl Bridge {
    const fn new() -> Self {
        Self {
            threads: Vec::new(),
            reports: Vec::new(),
            semaphores: Vec::new(),
            created: 0,
            steps: Vec::new(),
            is_checking: false,
            is_rejected: false,
        }
    }

    fn start(&mut self) {
        self.threads.clear();
        self.reports.clear();
        self.semaphores.clear();
        self.steps.clear();
        self.created = 0;
        (self.is_checking, self.is_rejected) = (true, false);
    }

    /// The number of the thread that runs.
    fn thread(&mut self) -> Thread {
        let id = thread::current().id();
        self.threads.iter().position(|&known| known == id).unwrap_or_else(|| {
            self.threads.push(id);
            self.reports.push(Reports::default());
            self.threads.len() - 1
        })
    }

    fn observe(&mut self, thread: Thread, event: Event) -> Result<(), Rejection> {
        match event {
            Event::Created { word, value } => {
                let state = State::new(decode(value).permits);
                let number = self.created;
                self.created += 1;
                self.semaphores.push(Semaphore { number, word, state, nodes: Vec::new(), front: None });
                Ok(())
            }
            Event::Dropped { word } => {
                let at = self.find(word);
                let ended = self.semaphores[at].state.check_end();
                ended.map_err(|broken| Rejection { semaphore: Some(at), broken })?;
                self.semaphores.remove(at);
                Ok(())
            }
            Event::Loaded { word, value } if self.reports[thread].looks => {
                self.end_look(thread, self.find(word), decode(value))
            }
            Event::Loaded { .. } => Ok(()),
            Event::Failed { word, actual } => {
                self.reports[thread].next = None;
                let at = self.find(word);
                if self.semaphores[at].state.holds(thread) {
                    self.leave_edit_out(thread, at)?;
                    self.step(thread, at, Transition::UnlockFails)?;
                    return self.check_word(at, actual);
                }
                match self.reports[thread].looks {
                    true => self.end_look(thread, at, decode(actual)),
                    false => Ok(()),
                }
            }
            Event::Changed { word, old, new, by_addition } => {
                let at = self.find(word);
                let transition = self.transition(thread, decode(old), decode(new), by_addition);
                if transition == Transition::Unlock {
                    self.leave_edit_out(thread, at)?;
                }
                self.step(thread, at, transition)?;
                self.check_word(at, new)?;
                match transition {
                    Transition::Unlock => self.check_links(at),
                    _ => Ok(()),
                }
            }
            Event::LinkRead { link } => self.access(thread, link, None),
            Event::LinkWritten { link, value } => self.access(thread, link, Some(value)),
            Event::LinkPeeked { link } => match self.find_link(link) {
                Some((at, node)) => {
                    let waiter = self.semaphores[at].nodes[node].waiter;
                    self.step(thread, at, Transition::AccessPeeking { waiter })
                }
                None => match self.semaphores.iter().position(|semaphore| semaphore.state.peeks(thread)) {
                    Some(at) => self.check_front(at, link),
                    None => rejected("Q2: a link is read without the queue lock and without PEEKED"),
                },
            },
            Event::Freed { link } => {
                let Some((at, node)) = self.find_link(link) else { return Ok(()) };
                let waiter = self.semaphores[at].nodes[node].waiter;
                self.step(thread, at, Transition::Free { waiter })?;
                self.semaphores[at].nodes.remove(node);
                Ok(())
            }
            Event::Waiting => self.wait(thread),
            Event::Unparked => self.wake(thread),
            Event::Reported(step) => self.report(thread, step),
        }
    }

    /// A report: of what the next accesses are, or of a step that no access shows.
    fn report(&mut self, thread: Thread, step: Step) -> Result<(), Rejection> {
        match step {
            Step::Forget | Step::Reduce | Step::LockToEnqueue | Step::LockForOwner => {
                self.reports[thread].next = Some(step);
                Ok(())
            }
            Step::Release | Step::Add => {
                self.reports[thread].adds = matches!(step, Step::Add);
                Ok(())
            }
            Step::Look => {
                self.reports[thread].looks = true;
                Ok(())
            }
            Step::Push { node, prev, next, min, max } => {
                let at = self.find_locked(thread)?;
                let waiter = self.semaphores[at].state.waiters.len();
                let (min, max) = (signed(min), signed(max));
                self.step(thread, at, Transition::Push { waiter, min, max })?;
                if self.find_link(prev.0).is_some() {
                    return rejected("a node is enqueued twice");
                }
                let link = |(address, value)| Link { address, value };
                let node = Node { waiter, address: node, prev: link(prev), next: link(next) };
                self.semaphores[at].nodes.push(node);
                Ok(())
            }
            Step::Remove { prev } => {
                let (at, waiter) = self.find_waiter(prev)?;
                self.step(thread, at, Transition::Remove { waiter })
            }
            Step::Claim { prev, n } => {
                let (at, waiter) = self.find_waiter(prev)?;
                self.leave_edit_out(thread, at)?;
                self.step(thread, at, Transition::Claim { waiter, n: signed(n) })
            }
            Step::Take { prev, granted } => {
                let (at, waiter) = self.find_waiter(prev)?;
                self.step(
                    thread,
                    at,
                    match granted {
                        Some(n) => Transition::TakeGranted { waiter, n: signed(n) },
                        None => Transition::TakeFailed { waiter },
                    },
                )
            }
        }
    }

    /// The transition that a change of the word stands for. Whether it is permitted, and whether it has this effect, is for
    /// the relation to say.
    fn transition(&mut self, thread: Thread, old: Word, new: Word, by_addition: bool) -> Transition {
        let reports = &mut self.reports[thread];
        let next = reports.next.take();
        let n = new.permits - old.permits;
        let change = match reports.adds {
            _ if n == 0 => Change::Close,
            true => Change::Add(n),
            false => Change::Release(n),
        };
        match (old.locked, new.locked) {
            (true, false) => return Transition::Unlock,
            (false, true) if matches!(next, Some(Step::LockToEnqueue)) => return Transition::LockToEnqueue,
            (false, true) if matches!(next, Some(Step::LockForOwner)) => return Transition::LockForOwner,
            (false, true) if mem::take(&mut reports.looks) => return Transition::LookAndLock,
            (false, true) => return Transition::UpdateAndLock { change },
            _ => {}
        }
        match next {
            _ if old.peeked != new.peeked && new.peeked => Transition::Peek,
            _ if old.peeked != new.peeked => Transition::EndPeek,
            _ if by_addition => Transition::ReleaseFast { n },
            Some(Step::Forget) => Transition::Forget { n: -n },
            Some(Step::Reduce) => Transition::Reduce { n: -n },
            _ if n < 0 || (n == 0 && !new.closed) => Transition::Acquire { n: -n },
            _ => Transition::Update { change },
        }
    }

    /// Ends a look at the queue if the thread has seen that there is nothing to serve.
    fn end_look(&mut self, thread: Thread, at: usize, seen: Word) -> Result<(), Rejection> {
        if seen.queued && !seen.locked {
            return Ok(());
        }
        self.reports[thread].looks = false;
        self.step(thread, at, Transition::LookAndLeave { seen })
    }

    /// A thread that claims or unlocks makes no edit any more.
    fn leave_edit_out(&mut self, thread: Thread, at: usize) -> Result<(), Rejection> {
        match self.semaphores[at].state.may_edit(thread) {
            true => self.step(thread, at, Transition::NoEdit),
            false => Ok(()),
        }
    }

    /// An access to a link under the queue lock, or by the thread that has claimed the node.
    fn access(&mut self, thread: Thread, link: usize, value: Option<usize>) -> Result<(), Rejection> {
        let Some((at, node)) = self.find_link(link) else {
            let at = self.find_locked(thread)?;
            self.check_front(at, link)?;
            if let (Some(front), Some(value)) = (&mut self.semaphores[at].front, value) {
                front.value = value;
            }
            return Ok(());
        };
        let node = &mut self.semaphores[at].nodes[node];
        let (waiter, is_prev) = (node.waiter, node.prev.address == link);
        if let Some(value) = value {
            let link = if is_prev { &mut node.prev } else { &mut node.next };
            link.value = value;
        }
        self.step(
            thread,
            at,
            match value {
                Some(value) if is_prev && is_outcome(value) => {
                    Transition::Publish { waiter, failed: value & CLOSED != 0, peeked: value & PEEKED != 0 }
                }
                _ => Transition::Access { waiter },
            },
        )
    }

    /// A thread waits for another thread.
    fn wait(&self, thread: Thread) -> Result<(), Rejection> {
        let mut states = self.semaphores.iter().map(|semaphore| &semaphore.state);
        if states.any(|state| state.holds(thread) || state.peeks(thread)) {
            return rejected("a thread waits while it holds the queue lock or peeks");
        }
        match self.reports[thread].never_waits {
            true => rejected("an operation waits that never waits"),
            false => Ok(()),
        }
    }

    /// A waker is called.
    fn wake(&mut self, thread: Thread) -> Result<(), Rejection> {
        (0..self.semaphores.len()).try_for_each(|at| self.step(thread, at, Transition::Wake))
    }

    fn step(&mut self, thread: Thread, at: usize, transition: Transition) -> Result<(), Rejection> {
        let semaphore = &mut self.semaphores[at];
        let done = semaphore.state.step(thread, transition);
        if done.is_err() || !matches!(transition, Transition::Access { .. }) {
            self.steps.push((semaphore.number, thread, transition));
        }
        done.map_err(|broken| Rejection { semaphore: Some(at), broken })
    }

    fn check_word(&self, at: usize, actual: usize) -> Result<(), Rejection> {
        match decode(actual) == self.semaphores[at].state.word {
            true => Ok(()),
            false => {
                Err(Rejection { semaphore: Some(at), broken: "the word is not what this step makes of it" })
            }
        }
    }

    /// Compares the links with the queue (Q3).
    fn check_links(&self, at: usize) -> Result<(), Rejection> {
        let Semaphore { state, nodes, front, .. } = &self.semaphores[at];
        let queue = || {
            state.queue.iter().map(|request| {
                let node = nodes.iter().find(|node| node.waiter == request.waiter);
                node.expect("a queued waiter has a node")
            })
        };
        let first = queue().next().map_or(0, |node| node.address);
        let mut is_linked = front.is_none_or(|front| front.value == first);
        let mut prev = queue().next_back().map_or(0, |node| node.address);
        for (i, node) in queue().enumerate() {
            let next = queue().nth(i + 1).map_or(state.queue.len(), |node| node.address);
            is_linked &= (node.prev.value, node.next.value) == (prev, next);
            prev = node.address;
        }
        match is_linked {
            true => Ok(()),
            false => Err(Rejection { semaphore: Some(at), broken: "Q3: the links do not form the queue" }),
        }
    }

    /// An unknown link is the front of the queue, which is always at the same address.
    fn check_front(&mut self, at: usize, link: usize) -> Result<(), Rejection> {
        let front = self.semaphores[at].front.get_or_insert(Link { address: link, value: 0 });
        match front.address == link {
            true => Ok(()),
            false => Err(Rejection {
                semaphore: Some(at),
                broken: "Q1: the links of an unknown node are accessed",
            }),
        }
    }

    fn find(&self, word: usize) -> usize {
        self.semaphores.iter().position(|semaphore| semaphore.word == word).expect("a known word")
    }

    /// The semaphore whose queue the thread has locked.
    fn find_locked(&self, thread: Thread) -> Result<usize, Rejection> {
        let locked = self.semaphores.iter().position(|semaphore| semaphore.state.holds(thread));
        locked.ok_or(Rejection { semaphore: None, broken: "Q2: the queue is accessed without its lock" })
    }

    /// The semaphore and the node to which a link belongs.
    fn find_link(&self, link: usize) -> Option<(usize, usize)> {
        self.semaphores.iter().enumerate().find_map(|(at, semaphore)| {
            let mut nodes = semaphore.nodes.iter();
            let node = nodes.position(|node| node.prev.address == link || node.next.address == link)?;
            Some((at, node))
        })
    }

    fn find_waiter(&self, prev: usize) -> Result<(usize, Waiter), Rejection> {
        match self.find_link(prev) {
            Some((at, node)) => Ok((at, self.semaphores[at].nodes[node].waiter)),
            None => Err(Rejection { semaphore: None, broken: "Q1: an unknown node is used" }),
        }
    }

    /// What was rejected, and all steps up to it.
    fn describe(&self, thread: Thread, Rejection { semaphore, broken }: Rejection) -> String {
        let mut text =
            format!("the bridge rejects a step of thread {thread}: {broken}\nsteps of this execution:\n");
        for (number, thread, transition) in &self.steps {
            text += &format!("  semaphore {number}, thread {thread}: {transition:?}\n");
        }
        if let Some(at) = semaphore {
            let Semaphore { number, state, .. } = &self.semaphores[at];
            text += &format!("semaphore {number} now:\n{state}");
        }
        text
    }
}

// The layout of the word, as in `state.rs`.
const QUEUED: usize = 0b0001;
const LOCKED: usize = 0b0010;
const PEEKED: usize = 0b0100;
const CLOSED: usize = 0b1000;
const SHIFT: u32 = 4;

/// What `prev` holds of a claimed node, as in `node.rs`.
const CLAIMED: usize = 1;

fn decode(word: usize) -> Word {
    Word {
        permits: word as isize >> SHIFT,
        queued: word & QUEUED != 0,
        locked: word & LOCKED != 0,
        peeked: word & PEEKED != 0,
        closed: word & CLOSED != 0,
    }
}

/// Whether `prev` holds an outcome.
fn is_outcome(prev: usize) -> bool {
    prev != CLAIMED && prev <= PEEKED | CLOSED
}

fn signed(n: usize) -> isize {
    isize::try_from(n).expect("a number of permits fits")
}
