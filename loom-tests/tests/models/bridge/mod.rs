//! The bridge from the sources to the transition relation: each step of each execution is checked against it.
//!
//! The sources report what they do as [`Event`]s. This file finds the transition that an event stands for, applies it to
//! the [`State`] of that semaphore, and compares the word and the limit with it. It decides nothing about the protocol: a
//! transition that is not permitted in that state is rejected by the relation.
//!
//! All of this is plain memory of the one real thread that runs a model. Loom does not know it, so it adds no execution.

mod relation;
mod tests;

use std::cell::RefCell;
use std::mem;

use fairgate_loom::{Event, Step, observe};
use loom::thread::{self, ThreadId};

use self::relation::{Broken, Change, Edit, Needs, State, Thread, Transition, Waiter, Word};

/// The minimum of a request for all permits.
const ALL: usize = usize::MAX >> 3;

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
    /// The semaphore, the thread and the transition of each step.
    steps: Vec<(usize, Thread, Transition)>,
    is_checking: bool,
    is_rejected: bool,
}

/// What a thread has said about its next accesses to a word.
#[derive(Clone, Copy, Default)]
struct Reports {
    /// What the next compare-and-swap is.
    next: Option<Step>,
    /// What the next change of the word is that is no compare-and-swap of its own.
    change: Option<Step>,
    looks: bool,
    /// Whether the model has said that its operation never waits.
    never_waits: bool,
}

struct Semaphore {
    /// How many were created before it in this execution.
    number: usize,
    word: usize,
    state: State,
    /// The address of each enqueued node, and its waiter.
    nodes: Vec<(usize, Waiter)>,
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
                self.semaphores.push(Semaphore { number, word, state, nodes: Vec::new() });
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
                    if self.semaphores[at].state.edits(thread) != Edit::TakeAll {
                        self.leave_edit_out(thread, at)?;
                    }
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
                let transition = self.transition(thread, at, decode(old), decode(new), by_addition);
                if transition == Transition::Unlock {
                    self.leave_edit_out(thread, at)?;
                }
                self.step(thread, at, transition)?;
                self.check_word(at, new)
            }
            // Below the limit is a count of the calls that set it.
            Event::LimitChanged { old, new, .. } if old >> 4 == new >> 4 => Ok(()),
            Event::LimitChanged { word, old, new } => {
                let (at, old, new) = (self.find(word), old >> 4, new >> 4);
                self.step(thread, at, Transition::ChangeLimit { by: new - old })?;
                match self.semaphores[at].state.limit == new {
                    true => Ok(()),
                    false => Err(Rejection {
                        semaphore: Some(at),
                        broken: "the limit is not what this step makes of it",
                    }),
                }
            }
            Event::Waiting => self.wait(thread),
            Event::Unparked => {
                self.semaphores.iter_mut().for_each(|semaphore| semaphore.state.unpark());
                self.wake(thread)
            }
            Event::Reported(step) => self.report(thread, step),
        }
    }

    /// A report: of what the next accesses are, or of a step that no access shows.
    fn report(&mut self, thread: Thread, step: Step) -> Result<(), Rejection> {
        match step {
            Step::Forget | Step::Reduce | Step::LockToEnqueue | Step::LockForAll | Step::LockForOwner => {
                self.reports[thread].next = Some(step);
                Ok(())
            }
            Step::Release | Step::Add | Step::Recheck => {
                self.reports[thread].change = Some(step);
                Ok(())
            }
            Step::Look => {
                self.reports[thread].looks = true;
                Ok(())
            }
            Step::Push { node, min, max } => {
                let at = self.find_locked(thread)?;
                let waiter = self.semaphores[at].state.waiters.len();
                let needs = match min {
                    ALL => Needs::All,
                    _ => Needs::Range { min: signed(min), max: signed(max) },
                };
                self.step(thread, at, Transition::Push { waiter, needs })?;
                if self.find_waiter(node).is_ok() {
                    return rejected("a node is enqueued twice");
                }
                self.semaphores[at].nodes.push((node, waiter));
                Ok(())
            }
            Step::Remove { node } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(thread, at, Transition::Remove { waiter })
            }
            Step::Claim { node, n } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.leave_edit_out(thread, at)?;
                self.step(thread, at, Transition::Claim { waiter, n: signed(n) })
            }
            Step::PutBack { node } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(thread, at, Transition::PutBack { waiter })
            }
            Step::Publish { node, granted } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(thread, at, Transition::Publish { waiter, granted: granted.map(signed) })
            }
            Step::Take { node, granted } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(
                    thread,
                    at,
                    match granted {
                        Some(n) => Transition::TakeGranted { waiter, n: signed(n) },
                        None => Transition::TakeFailed { waiter },
                    },
                )
            }
            Step::Free { node } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(thread, at, Transition::Free { waiter })?;
                self.semaphores[at].nodes.retain(|&(address, _)| address != node);
                Ok(())
            }
        }
    }

    /// The transition that a change of the word stands for. Whether it is permitted, and whether it has this effect, is for
    /// the relation to say.
    fn transition(
        &mut self,
        thread: Thread,
        at: usize,
        old: Word,
        new: Word,
        by_addition: bool,
    ) -> Transition {
        let state = &self.semaphores[at].state;
        let reports = &mut self.reports[thread];
        let next = reports.next.take();
        let n = new.permits - old.permits;
        let change = match reports.change {
            Some(Step::Recheck) if n == 0 && old.closed == new.closed => Change::Recheck,
            _ if n == 0 => Change::Close,
            Some(Step::Add) => Change::Add(n),
            _ => Change::Release(n),
        };
        if change == Change::Recheck {
            reports.change = None;
        }
        match (old.locked, new.locked, next) {
            (true, false, _) if state.edits(thread) == Edit::TakeAll && n != 0 => {
                Transition::TakeAll { n: -n }
            }
            (true, false, _) => Transition::Unlock,
            (true, true, _) if state.holds(thread) => Transition::BeginRecheck,
            (false, true, Some(Step::LockToEnqueue)) => Transition::LockToEnqueue,
            (false, true, Some(Step::LockForOwner)) => Transition::LockForOwner,
            (false, true, Some(Step::LockForAll)) => Transition::LockForAll,
            (false, true, _) if mem::take(&mut reports.looks) => Transition::LookAndLock,
            (false, true, _) => Transition::UpdateAndLock { change },
            _ if by_addition => Transition::ReleaseFast { n },
            (_, _, Some(Step::Forget)) => Transition::Forget { n: -n },
            (_, _, Some(Step::Reduce)) => Transition::Reduce { n: -n },
            // A request for no permits takes none. No request takes permits of a closed semaphore, which may be closed again.
            _ if n < 0 || (old == new && !old.closed && change != Change::Recheck) => {
                Transition::Acquire { n: -n }
            }
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
        match self.semaphores[at].state.edits(thread) {
            Edit::None => Ok(()),
            _ => self.step(thread, at, Transition::NoEdit),
        }
    }

    /// A thread waits for another thread.
    fn wait(&self, thread: Thread) -> Result<(), Rejection> {
        let mut states = self.semaphores.iter().map(|semaphore| &semaphore.state);
        if states.any(|state| state.holds(thread) || state.publishes(thread)) {
            return rejected("a thread waits while it holds the queue lock, or has outcomes to store");
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
        self.steps.push((semaphore.number, thread, transition));
        let done = semaphore.state.step(thread, transition);
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

    fn find(&self, word: usize) -> usize {
        self.semaphores.iter().position(|semaphore| semaphore.word == word).expect("a known word")
    }

    /// The semaphore whose queue the thread has locked.
    fn find_locked(&self, thread: Thread) -> Result<usize, Rejection> {
        let locked = self.semaphores.iter().position(|semaphore| semaphore.state.holds(thread));
        locked.ok_or(Rejection { semaphore: None, broken: "Q2: the queue is accessed without its lock" })
    }

    /// The semaphore and the waiter of an enqueued node.
    fn find_waiter(&self, node: usize) -> Result<(usize, Waiter), Rejection> {
        let found = self.semaphores.iter().enumerate().find_map(|(at, semaphore)| {
            let (_, waiter) = semaphore.nodes.iter().find(|&&(address, _)| address == node)?;
            Some((at, *waiter))
        });
        found.ok_or(Rejection { semaphore: None, broken: "Q1: an unknown node is used" })
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
const RECHECK: usize = 0b0100;
const CLOSED: usize = 0b1000;
const SHIFT: u32 = 4;

fn decode(word: usize) -> Word {
    Word {
        permits: word as isize >> SHIFT,
        queued: word & QUEUED != 0,
        locked: word & LOCKED != 0,
        recheck: word & RECHECK != 0,
        closed: word & CLOSED != 0,
    }
}

fn signed(n: usize) -> isize {
    isize::try_from(n).expect("a number of permits fits")
}
