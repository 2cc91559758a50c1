//! The bridge from the sources to the protocol: each step of each execution is checked against it, and recorded if
//! `FAIRGATE_TRACES` names a folder.
//!
//! The sources report what they do as [`Event`]s. This file finds the [`Transition`] that an event stands for, applies it to
//! the [`State`] of that semaphore, and compares the word, the limit, claims and outcomes with it. It decides nothing about the
//! protocol: a transition that is not permitted in that state is rejected by the relation.
//!
//! A thread may load an old value of the limit, or of the word when it looks at the queue. Such a step is applied to the state
//! with the value that the thread has loaded: it reads nothing else that other threads write, so it could have been made at
//! the moment when the value was the newest.
//!
//! All of this is plain memory of the one real thread that runs a model. Loom does not know it, so it adds no execution.

mod relation;
mod tests;
mod trace;

use std::cell::RefCell;
use std::mem;

use fairgate_loom::{Event, Step, observe};
use loom::thread::{self, ThreadId};

use self::relation::{
    Broken, Change, Edit, Holder, Request, State, Status, THREADS, Thread, Transition, Waiter, Word,
};

/// The minimum of a request for all permits.
const ALL: usize = usize::MAX >> 3;

pub use self::trace::flush;

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

fn reject(semaphore: usize, broken: Broken) -> Rejection {
    Rejection { semaphore: Some(semaphore), broken }
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
    /// What the next change of the word is, other than a close, that is no compare-and-swap of its own.
    change: Option<Step>,
    looks: bool,
    /// It takes the outcome of a cancelled request next.
    cancels: bool,
    /// The cancelled request whose permits it releases next.
    drops: Option<Waiter>,
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
    /// The limit that the lock holder has loaded.
    loaded: Option<isize>,
    /// The claim that the failed unlock has put back. The lock holder reports it next.
    put_back: Option<Waiter>,
    /// How many wakers each thread has to call.
    wakes: [usize; THREADS],
    /// A blocked thread was woken, which does not show how often its waker was called.
    has_unparked: bool,
}

impl Semaphore {
    fn new(number: usize, word: usize, permits: isize) -> Self {
        Self {
            number,
            word,
            state: State::new(permits),
            nodes: Vec::new(),
            loaded: None,
            put_back: None,
            wakes: [0; THREADS],
            has_unparked: false,
        }
    }

    /// The state with the limit that the lock holder has loaded.
    fn as_seen(&self) -> State {
        State { limit: self.loaded.unwrap_or(self.state.limit), ..self.state.clone() }
    }

    /// Applies a transition, of which a look may have seen an old `word`.
    fn step(
        &mut self,
        thread: Thread,
        transition: Transition,
        word: Option<Word>,
        is_recorded: bool,
    ) -> Result<(), Broken> {
        if self.put_back.is_some() && self.state.holds(thread) {
            return Err("F6: a claim is not put back although the word has changed");
        }
        self.state.send_permits(thread, transition);
        let (newest_word, newest_limit) = (self.state.word, self.state.limit);
        let reads_limit = matches!(transition, Transition::Claim | Transition::FindAll);
        if let Some(loaded) = self.loaded.filter(|_| reads_limit) {
            self.state.limit = loaded;
        }
        if let Some(word) = word {
            self.state.word = word;
        }
        if is_recorded {
            trace::record(&self.state, thread, transition);
        }
        self.state.check_exclusive(transition)?;
        self.state.exec(thread, transition)?;
        if reads_limit {
            self.state.limit = newest_limit;
        }
        if word.is_some() {
            self.state.word = newest_word;
        }
        if self.state.holder.is_none() {
            self.loaded = None;
        }
        self.state.check_invariants()
    }

    fn check_end(&self) -> Result<(), Broken> {
        self.state.check_end()?;
        match self.has_unparked || self.wakes == [0; THREADS] {
            true => Ok(()),
            false => Err("a request completed, and its waker was not called"),
        }
    }
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
            assert!(self.threads.len() < THREADS, "a model has at most {THREADS} threads");
            self.threads.push(id);
            self.reports.push(Reports::default());
            self.threads.len() - 1
        })
    }

    fn observe(&mut self, thread: Thread, event: Event) -> Result<(), Rejection> {
        match event {
            Event::Created { word, value } => {
                self.semaphores.push(Semaphore::new(self.created, word, decode(value).permits));
                self.created += 1;
                Ok(())
            }
            Event::Dropped { word } => {
                let at = self.find(word);
                self.semaphores[at].check_end().map_err(|broken| reject(at, broken))?;
                self.semaphores.remove(at);
                Ok(())
            }
            Event::Loaded { word, value } if self.reports[thread].looks => {
                self.end_look(thread, self.find(word), decode(value))
            }
            Event::Loaded { .. } => Ok(()),
            Event::LimitLoaded { word, value } => {
                let at = self.find(word);
                if self.semaphores[at].state.holds(thread) {
                    self.semaphores[at].loaded = Some(value >> SHIFT);
                }
                Ok(())
            }
            Event::Failed { word, actual } => {
                self.reports[thread].next = None;
                let at = self.find(word);
                if self.semaphores[at].state.holds(thread) {
                    // Where another look was requested, the unlock ends when the thread clears the flag.
                    return match decode(actual).recheck {
                        true => self.check_word(at, actual),
                        false => self.unlock_fails(thread, at, actual),
                    };
                }
                match self.reports[thread].looks {
                    true => self.end_look(thread, at, decode(actual)),
                    false => Ok(()),
                }
            }
            Event::Changed { word, old, new, by_addition } => {
                let (at, old_word, new_word) = (self.find(word), decode(old), decode(new));
                if self.semaphores[at].state.holds(thread) && new_word.locked {
                    return self.unlock_fails(thread, at, new);
                }
                if old_word.locked && !new_word.locked {
                    self.end_edit(thread, at, old_word.permits != new_word.permits)?;
                }
                let transition = self.transition(thread, at, old_word, new_word, by_addition);
                self.step(thread, at, transition)?;
                self.check_word(at, new)
            }
            // Below the limit are bits that say whether it was set since it was raised.
            Event::LimitChanged { old, new, .. } if old >> SHIFT == new >> SHIFT => Ok(()),
            Event::LimitChanged { word, old, new } => {
                let (at, by) = (self.find(word), (new >> SHIFT) - (old >> SHIFT));
                let is_held = by < 0 && self.semaphores[at].state.threads[thread].slack == 0;
                let transition = if is_held { Transition::ForgetHeld(-by) } else { Transition::Limit(by) };
                self.step(thread, at, transition)?;
                match self.semaphores[at].state.limit == new >> SHIFT {
                    true => Ok(()),
                    false => Err(reject(at, "the limit is not what this step makes of it")),
                }
            }
            Event::Waiting => self.wait(thread),
            Event::Unparked => {
                self.semaphores.iter_mut().for_each(|semaphore| semaphore.has_unparked = true);
                self.wake(thread)
            }
            Event::Reported(step) => self.report(thread, step),
        }
    }

    /// A report: of what the next accesses are, or of a step that no access shows.
    fn report(&mut self, thread: Thread, step: Step) -> Result<(), Rejection> {
        let reports = &mut self.reports[thread];
        match step {
            Step::Acquire { .. } | Step::Forget | Step::Reduce => reports.next = Some(step),
            Step::LockToEnqueue | Step::LockForAll | Step::LockForOwner => reports.next = Some(step),
            Step::Release | Step::Add | Step::Recheck => reports.change = Some(step),
            Step::Look => reports.looks = true,
            Step::Cancel => reports.cancels = true,
            Step::Push { node, min, max } => {
                let at = self.find_locked(thread)?;
                let waiter = self.semaphores[at].state.waiters.len();
                let request = match min {
                    ALL => Request::All,
                    _ => Request::Range { min: signed(min), max: signed(max) },
                };
                self.step(thread, at, Transition::Push(request))?;
                if self.find_waiter(node).is_ok() {
                    return Err(reject(at, "a node is enqueued twice"));
                }
                self.semaphores[at].nodes.push((node, waiter));
            }
            Step::Remove { node } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(thread, at, Transition::Remove(waiter))?;
            }
            Step::Claim { node, n } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.leave_edit_out(thread, at)?;
                self.step(thread, at, Transition::Claim)?;
                let holder = self.semaphores[at].state.holder.as_ref();
                if holder.and_then(|holder| holder.claims.last()) != Some(&(waiter, signed(n))) {
                    return Err(reject(at, "a claim is not that of the front, or not its share"));
                }
            }
            Step::PutBack { node } => {
                let (at, waiter) = self.find_waiter(node)?;
                if self.semaphores[at].put_back.take() != Some(waiter) {
                    return Err(reject(at, "F6: a request is put back that was not claimed"));
                }
            }
            Step::Publish { node, granted } => {
                let (at, waiter) = self.find_waiter(node)?;
                self.step(thread, at, Transition::Publish)?;
                let semaphore = &mut self.semaphores[at];
                semaphore.wakes[thread] += 1;
                let outcome = granted.map_or(Status::Failed, |n| Status::Granted(signed(n)));
                if semaphore.state.waiters[waiter].1 != outcome {
                    return Err(reject(
                        at,
                        "F5: an outcome is not the next one that the unlock has decided",
                    ));
                }
            }
            Step::Take { node, granted } => {
                let (at, waiter) = self.find_waiter(node)?;
                let cancels = mem::take(&mut self.reports[thread].cancels);
                let transition = match granted {
                    None => Transition::TakeFailure(waiter),
                    Some(_) if cancels => Transition::Cancel(waiter),
                    Some(_) => Transition::Take(waiter),
                };
                self.reports[thread].drops = (cancels && granted.is_some()).then_some(waiter);
                let stored = self.semaphores[at].state.waiters[waiter].1;
                self.step(thread, at, transition)?;
                if granted.is_some_and(|n| stored != Status::Granted(signed(n))) {
                    return Err(reject(at, "the owner takes a grant of another number of permits"));
                }
            }
            Step::Free { node } => {
                let (at, waiter) = self.find_waiter(node)?;
                if self.semaphores[at].state.waiters[waiter].1 != Status::Done {
                    return Err(reject(at, "Q1: a node is freed that is queued, or has an outcome"));
                }
                self.semaphores[at].nodes.retain(|&(address, _)| address != node);
            }
        }
        Ok(())
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
        let reports = &mut self.reports[thread];
        let next = reports.next.take();
        let n = new.permits - old.permits;
        let locks = match next {
            Some(Step::LockToEnqueue) => Transition::LockToEnqueue,
            Some(Step::LockForOwner) => Transition::LockForOwner,
            Some(Step::LockForAll) => Transition::LockForAll,
            _ => Transition::Look,
        };
        if old.locked && !new.locked {
            let seen = self.semaphores[at].as_seen();
            return match seen.holder {
                Some(Holder { edit: Edit::TakeAll(_), .. }) => Transition::TakeAll,
                // If the next request can complete, too, the thread must look again.
                Some(Holder { seen: word, ref claims, .. }) => {
                    let claimed = claims.iter().map(|claim| claim.1).sum();
                    let again = !claims.is_empty() && seen.front_share(word, claimed).is_some();
                    Transition::Unlock { again }
                }
                None => Transition::Unlock { again: false },
            };
        }
        if !old.locked && new.locked && (locks != Transition::Look || mem::take(&mut reports.looks)) {
            return locks;
        }
        if let Some(Step::Forget | Step::Reduce) = next {
            return Transition::Lower { n: -n, forget: matches!(next, Some(Step::Forget)) };
        }
        if let Some(Step::Acquire { min, max }) = next {
            return Transition::Acquire { min: signed(min), max: signed(max), n: -n };
        }
        let change = match reports.change.take() {
            Some(Step::Release) => match reports.drops.take() {
                Some(waiter) => Change::Drop(waiter),
                None => Change::Release(n),
            },
            Some(Step::Add) => Change::Add(n),
            Some(_) => Change::Recheck,
            None if by_addition => Change::Release(n),
            None if old.closed || new.closed => Change::Close,
            // A request for exactly what it takes, which may be nothing.
            None => return Transition::Acquire { min: -n, max: -n, n: -n },
        };
        if by_addition { Transition::FetchAdd(change) } else { Transition::Update(change) }
    }

    /// Ends a look at the queue if the thread has seen that there is nothing to serve.
    fn end_look(&mut self, thread: Thread, at: usize, seen: Word) -> Result<(), Rejection> {
        if seen.queued && !seen.locked {
            return Ok(());
        }
        self.reports[thread].looks = false;
        self.step_with(thread, at, Transition::Look, Some(seen))
    }

    /// The lock holder sees a word that has changed.
    fn unlock_fails(&mut self, thread: Thread, at: usize, word: usize) -> Result<(), Rejection> {
        self.end_edit(thread, at, false)?;
        let holder = self.semaphores[at].state.holder.as_ref();
        let claimed = holder.and_then(|holder| holder.claims.first()).map(|claim| claim.0);
        self.step(thread, at, Transition::UnlockFails)?;
        self.semaphores[at].put_back = claimed;
        // A try for all permits unlocks the queue before it tries again.
        self.leave_edit_out(thread, at)?;
        self.check_word(at, word)
    }

    /// A thread tries to unlock the queue; `takes` if it has taken permits out of the word. A try for all permits has given up
    /// unless it has found that none is held.
    fn end_edit(&mut self, thread: Thread, at: usize, takes: bool) -> Result<(), Rejection> {
        let seen = self.semaphores[at].as_seen();
        match seen.holder {
            Some(Holder { edit: Edit::TakeAll(_), seen: word, .. })
                if takes || !word.closed && seen.limit <= word.permits =>
            {
                self.step(thread, at, Transition::FindAll)
            }
            _ => self.leave_edit_out(thread, at),
        }
    }

    /// A thread that claims or unlocks makes no edit any more.
    fn leave_edit_out(&mut self, thread: Thread, at: usize) -> Result<(), Rejection> {
        match &self.semaphores[at].state.holder {
            Some(holder) if holder.edit != Edit::None => self.step(thread, at, Transition::EditNothing),
            _ => Ok(()),
        }
    }

    /// A thread waits for another thread.
    fn wait(&self, thread: Thread) -> Result<(), Rejection> {
        if self.semaphores.iter().any(|semaphore| !semaphore.state.is_idle(thread)) {
            return rejected("a thread waits while it holds the queue lock, or has outcomes to store");
        }
        match self.reports[thread].never_waits {
            true => rejected("an operation waits that never waits"),
            false => Ok(()),
        }
    }

    /// A waker is called.
    fn wake(&mut self, thread: Thread) -> Result<(), Rejection> {
        for (at, semaphore) in self.semaphores.iter_mut().enumerate() {
            if !semaphore.state.is_idle(thread) {
                let broken =
                    "F4: a waker is called under the queue lock, or before all outcomes are stored";
                return Err(reject(at, broken));
            }
            semaphore.wakes[thread] = semaphore.wakes[thread].saturating_sub(1);
        }
        Ok(())
    }

    fn step(&mut self, thread: Thread, at: usize, transition: Transition) -> Result<(), Rejection> {
        self.step_with(thread, at, transition, None)
    }

    /// A step of a thread that has seen this word, which may be old.
    fn step_with(
        &mut self,
        thread: Thread,
        at: usize,
        transition: Transition,
        word: Option<Word>,
    ) -> Result<(), Rejection> {
        let semaphore = &mut self.semaphores[at];
        self.steps.push((semaphore.number, thread, transition));
        semaphore.step(thread, transition, word, self.is_checking).map_err(|broken| reject(at, broken))
    }

    fn check_word(&self, at: usize, actual: usize) -> Result<(), Rejection> {
        match decode(actual) == self.semaphores[at].state.word {
            true => Ok(()),
            false => Err(reject(at, "the word is not what this step makes of it")),
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
            text += &format!("  semaphore {number}, thread {thread}: {transition}\n");
        }
        if let Some(at) = semaphore {
            let Semaphore { number, state, .. } = &self.semaphores[at];
            text += &format!("semaphore {number} now: {state}\n{state:?}\n");
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
