//! The protocol of one semaphore as a transition relation: the state, the transitions, and when each is permitted.
//!
//! [`State::apply`] has the transitions, in the order of the table in `proof/README.md`, which says what each is called in the
//! proofs. A transition is one access to the word that changes it, one edit of the queue by the lock holder, or one
//! step of a node's owner. Loads are not transitions, except the one that ends a look at the queue. The invariants that hold
//! after each transition are in [`State::check_invariants`]. Numbers such as F3 are those of `src/raw/`.

use std::fmt;

use Transition::*;

/// The number of a thread.
pub type Thread = usize;

/// The number of a waiter: how many were enqueued before it.
pub type Waiter = usize;

/// Which rule a transition breaks.
pub type Broken = &'static str;

/// A value of the state word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Negative for a deficit.
    pub permits: isize,
    pub queued: bool,
    pub locked: bool,
    pub peeked: bool,
    pub closed: bool,
}

/// A request in the queue: the permits it needs, and the most it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub waiter: Waiter,
    pub min: isize,
    pub max: isize,
}

/// Where a waiter is. A new one has no number yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Queued,
    /// Taken from the front; the outcome is not stored.
    Claimed(isize),
    /// The outcome is stored: it owns these permits.
    Granted(isize),
    /// The outcome is stored: the semaphore was closed.
    Failed,
    /// The owner has taken the outcome, or has removed the node.
    Done,
    Freed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub waiter: Waiter,
    pub n: isize,
}

/// The edit for which a thread has locked the queue. It comes before the first claim. `from` is the word that was locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    None,
    Push { from: Word },
    Remove,
}

/// What a thread is in the middle of: it holds the queue lock, and has last seen the word `seen`; or it has unlocked the queue
/// with the word `unlocked`, and must store the outcomes of its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    Idle,
    Holding { seen: Word, claims: Vec<Claimed>, edit: Edit },
    Publishing { unlocked: Word, claims: Vec<Claimed> },
}

/// A thread. `looks` is how many looks at the queue it owes: more than one if a waker that it calls after a full batch releases
/// permits in turn.
#[derive(Clone, Debug)]
struct ThreadState {
    activity: Activity,
    looks: usize,
    peeks: bool,
}

/// What changes the word and may lock the queue in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Release(isize),
    Add(isize),
    Close,
}

/// One step of one thread. `Access` reads or writes the links of a node under the queue lock or for a claim; `AccessPeeking`
/// reads them under PEEKED. The last six are not in the proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Acquire { n: isize },
    LockToEnqueue,
    Push { waiter: Waiter, min: isize, max: isize },
    LockForOwner,
    Remove { waiter: Waiter },
    NoEdit,
    ReleaseFast { n: isize },
    UpdateAndLock { change: Change },
    Update { change: Change },
    Forget { n: isize },
    Reduce { n: isize },
    Claim { waiter: Waiter, n: isize },
    UnlockFails,
    Unlock,
    Publish { waiter: Waiter, failed: bool, peeked: bool },
    LookAndLock,
    LookAndLeave { seen: Word },
    TakeGranted { waiter: Waiter, n: isize },
    TakeFailed { waiter: Waiter },
    Peek,
    EndPeek,
    Access { waiter: Waiter },
    AccessPeeking { waiter: Waiter },
    Wake,
    Free { waiter: Waiter },
}

/// A semaphore, and what each thread is doing with it.
#[derive(Clone, Debug)]
pub struct State {
    pub word: Word,
    /// From front to back.
    pub queue: Vec<Request>,
    pub waiters: Vec<Status>,
    threads: Vec<ThreadState>,
    /// The permits that callers own.
    pub held: isize,
    /// The permits at the start, plus all added, minus all forgotten, minus all reduced.
    total: isize,
    /// The number of peeks that have begun.
    peeks: usize,
    /// The waiters whose outcome was stored while this peek went on.
    peeked: Vec<(Waiter, usize)>,
}

impl State {
    pub fn new(permits: isize) -> Self {
        Self {
            word: Word { permits, ..Word::default() },
            queue: Vec::new(),
            waiters: Vec::new(),
            threads: Vec::new(),
            held: 0,
            total: permits,
            peeks: 0,
            peeked: Vec::new(),
        }
    }

    /// Applies a transition of a thread and checks the invariants, or says which rule is broken.
    pub fn step(&mut self, thread: Thread, transition: Transition) -> Result<(), Broken> {
        while self.threads.len() <= thread {
            self.threads.push(ThreadState { activity: Activity::Idle, looks: 0, peeks: false });
        }
        self.apply(thread, transition)?;
        self.check_invariants()
    }

    fn apply(&mut self, thread: Thread, transition: Transition) -> Result<(), Broken> {
        let word = self.word;
        match transition {
            Acquire { n } => {
                self.check_idle(thread)?;
                check(!word.queued, "F1: a new request takes permits although a request is queued")?;
                check(!word.closed, "a new request takes permits of a closed semaphore")?;
                check(0 <= n && n <= word.permits, "more permits are acquired than are available")?;
                self.word.permits -= n;
                self.held += n;
            }
            LockToEnqueue => {
                check(!word.closed, "a request is enqueued in a closed semaphore")?;
                check(!word.peeked, "Q4: a node is added while a thread peeks")?;
                self.lock(thread, Edit::Push { from: word })?;
            }
            Push { waiter, min, max } => {
                let Edit::Push { from } = *self.edit(thread)? else {
                    return Err("a node is added by a thread that has not locked the queue for it");
                };
                check(
                    from.queued || from.permits < min,
                    "a request is enqueued that can complete at once",
                )?;
                check(
                    1 <= min && min <= max,
                    "a request needs less than one permit, or more than it takes",
                )?;
                check(waiter == self.waiters.len(), "a node is enqueued twice")?;
                *self.edit(thread)? = Edit::None;
                self.waiters.push(Status::Queued);
                self.queue.push(Request { waiter, min, max });
            }
            LockForOwner => {
                check(word.queued, "the queue is locked for the owner of a node, and is empty")?;
                check(!word.peeked, "Q4: a node is removed by its owner while a thread peeks")?;
                self.lock(thread, Edit::Remove)?;
            }
            Remove { waiter } => {
                let edit = self.edit(thread)?;
                check(
                    *edit == Edit::Remove,
                    "a node is removed by a thread that has not locked the queue for it",
                )?;
                *edit = Edit::None;
                let at = self.queue.iter().position(|request| request.waiter == waiter);
                self.queue.remove(at.ok_or("a node is removed that is not queued")?);
                self.waiters[waiter] = Status::Done;
            }
            NoEdit => {
                let edit = self.edit(thread)?;
                check(*edit != Edit::None, "there is no edit to leave out")?;
                *edit = Edit::None;
            }
            ReleaseFast { n } => {
                self.check_idle(thread)?;
                self.change(Change::Release(n))?;
                self.threads[thread].looks += usize::from(word.queued);
            }
            UpdateAndLock { change } => {
                check(word.queued, "an empty queue is locked to serve it")?;
                check(!word.locked, "the queue is locked twice")?;
                self.change(change)?;
                self.lock(thread, Edit::None)?;
            }
            Update { change } => {
                self.check_idle(thread)?;
                check(
                    !word.queued || word.locked,
                    "F3: the word changes, and no thread looks at the queue",
                )?;
                self.change(change)?;
            }
            Forget { n } => {
                self.check_idle(thread)?;
                check(!word.locked, "F6: permits are taken away while the queue is locked")?;
                check(0 <= n && n <= word.permits, "more permits are forgotten than are available")?;
                self.word.permits -= n;
                self.total -= n;
            }
            Reduce { n } => {
                self.check_idle(thread)?;
                check(!word.locked, "F6: permits are taken away while the queue is locked")?;
                check(0 <= n, "a reduction adds permits")?;
                self.word.permits -= n;
                self.total -= n;
            }
            Claim { waiter, n } => {
                let (seen, claims) = self.holding(thread)?;
                let claimed = sum(claims);
                let front = *self.queue.first().ok_or("a node is claimed that is not queued")?;
                check(front.waiter == waiter, "F1: a node is claimed that is not the front")?;
                check(servable(seen, claimed, front), "the front is claimed and cannot complete")?;
                check(n == share(seen, claimed, front), "a claim is not the front's share of the permits")?;
                self.holding(thread)?.1.push(Claimed { waiter, n });
                self.queue.remove(0);
                self.waiters[waiter] = Status::Claimed(n);
            }
            UnlockFails => {
                self.holding(thread)?;
                let Activity::Holding { seen, .. } = &mut self.threads[thread].activity else {
                    unreachable!()
                };
                check(*seen != word, "the unlock fails although the word has not changed")?;
                *seen = word;
            }
            Unlock => {
                let (seen, claims) = self.holding(thread)?;
                let claims = std::mem::take(claims);
                check(seen == word, "F6: the queue is unlocked although the word has changed")?;
                let is_front_servable =
                    self.queue.first().is_some_and(|&front| servable(seen, sum(&claims), front));
                check(
                    !is_front_servable || !claims.is_empty(),
                    "F3: the queue is unlocked although the front can complete",
                )?;
                self.word.permits -= if word.closed { 0 } else { sum(&claims) };
                self.word.queued &= !self.queue.is_empty();
                self.word.locked = false;
                if word.peeked {
                    self.peeked.extend(claims.iter().map(|claim| (claim.waiter, self.peeks)));
                }
                // A full batch: the thread looks at the queue again once it has called the wakers.
                self.threads[thread].looks += usize::from(is_front_servable);
                self.threads[thread].activity = match claims.is_empty() {
                    true => Activity::Idle,
                    false => Activity::Publishing { unlocked: self.word, claims },
                };
            }
            Publish { waiter, failed, peeked } => {
                let Activity::Publishing { unlocked, claims } = &mut self.threads[thread].activity else {
                    return Err("F5: an outcome is stored by a thread that has not unlocked the queue");
                };
                let claim = claims.remove(0);
                check(
                    claim.waiter == waiter,
                    "outcomes are stored in another order than that of the claims",
                )?;
                check(failed == unlocked.closed, "F5: an outcome is not what the unlock has decided")?;
                check(peeked == unlocked.peeked, "N6: an outcome does not say whether a thread peeked")?;
                if claims.is_empty() {
                    self.threads[thread].activity = Activity::Idle;
                }
                self.waiters[waiter] = if failed { Status::Failed } else { Status::Granted(claim.n) };
            }
            LookAndLock => {
                self.end_look(thread)?;
                check(word.queued, "an empty queue is locked to serve it")?;
                self.lock(thread, Edit::None)?;
            }
            LookAndLeave { seen } => {
                self.end_look(thread)?;
                check(!seen.queued || seen.locked, "F3: the thread leaves a queue that it should serve")?;
            }
            TakeGranted { waiter, n } => {
                self.check_idle(thread)?;
                check(
                    self.waiters[waiter] == Status::Granted(n),
                    "the owner takes a grant that it does not have",
                )?;
                self.waiters[waiter] = Status::Done;
                self.held += n;
            }
            TakeFailed { waiter } => {
                self.check_idle(thread)?;
                check(
                    self.waiters[waiter] == Status::Failed,
                    "the owner takes a failure that it does not have",
                )?;
                self.waiters[waiter] = Status::Done;
            }
            Peek => {
                self.check_idle(thread)?;
                check(!word.locked && !word.peeked, "a thread peeks while another one edits or peeks")?;
                check(word.queued, "a thread peeks into an empty queue")?;
                self.word.peeked = true;
                self.peeks += 1;
                self.threads[thread].peeks = true;
            }
            EndPeek => {
                check(self.threads[thread].peeks, "a thread ends the peek of another one")?;
                self.word.peeked = false;
                self.threads[thread].peeks = false;
            }
            Access { waiter } => {
                let may = match (&self.threads[thread].activity, self.waiters[waiter]) {
                    (Activity::Holding { .. }, Status::Queued) => true,
                    (Activity::Holding { claims, .. }, Status::Claimed(_))
                    | (Activity::Publishing { claims, .. }, Status::Claimed(_)) => {
                        claims.iter().any(|claim| claim.waiter == waiter)
                    }
                    _ => false,
                };
                check(
                    may,
                    "Q2, N3: a node is accessed without the queue lock, and not by the thread that claimed it",
                )?;
            }
            AccessPeeking { waiter } => {
                check(
                    self.threads[thread].peeks,
                    "Q2: a node is read without the queue lock and without PEEKED",
                )?;
                check(self.waiters[waiter] != Status::Freed, "N6: a node is read that was freed")?;
            }
            Wake => {
                let is_idle = self.threads[thread].activity == Activity::Idle;
                check(
                    is_idle,
                    "F4: a waker is called under the queue lock, or before all outcomes are stored",
                )?;
            }
            Free { waiter } => {
                check(
                    self.waiters[waiter] == Status::Done,
                    "N1: a node is freed that is queued, or has an outcome",
                )?;
                let is_read = word.peeked && self.peeked.contains(&(waiter, self.peeks));
                check(!is_read, "N6: a node is freed while a thread peeks")?;
                self.waiters[waiter] = Status::Freed;
            }
        }
        Ok(())
    }

    /// What holds after each transition.
    fn check_invariants(&self) -> Result<(), Broken> {
        let word = self.word;
        let holders =
            self.threads.iter().filter(|thread| matches!(thread.activity, Activity::Holding { .. }));
        check(
            holders.count() == usize::from(word.locked),
            "Q2: LOCKED is set exactly while one thread holds the lock",
        )?;
        check(self.held >= 0, "permits are released that no caller owns")?;
        let waiting =
            self.waiters.iter().map(|status| if let Status::Granted(n) = status { *n } else { 0 });
        let left = self.threads.iter().map(|thread| match &thread.activity {
            Activity::Publishing { unlocked, claims } if !unlocked.closed => sum(claims),
            _ => 0,
        });
        let all = word.permits + self.held + waiting.sum::<isize>() + left.sum::<isize>();
        check(all == self.total, "permits appear or are lost")?;
        if !word.locked {
            check(
                word.queued != self.queue.is_empty(),
                "F2: QUEUED is set exactly if the queue is not empty",
            )?;
            let servable = self.queue.first().is_some_and(|&front| servable(word, 0, front));
            let is_on_its_way = self.threads.iter().any(|thread| thread.looks > 0);
            check(!servable || is_on_its_way, "F3: the front can complete, and no thread is on its way")?;
        }
        Ok(())
    }

    /// What holds when the semaphore is dropped.
    pub fn check_end(&self) -> Result<(), Broken> {
        for thread in &self.threads {
            check(
                thread.activity == Activity::Idle,
                "N3: a thread leaves the queue locked, or an outcome unstored",
            )?;
            check(thread.looks == 0, "F3: a thread does not look at the queue, and should")?;
            check(!thread.peeks, "a thread does not end its peek")?;
        }
        check(self.queue.is_empty(), "N1: a node is still queued")
    }

    /// Whether the thread holds the queue lock.
    pub fn holds(&self, thread: Thread) -> bool {
        self.threads.get(thread).is_some_and(|thread| matches!(thread.activity, Activity::Holding { .. }))
    }

    /// Whether the thread has set PEEKED.
    pub fn peeks(&self, thread: Thread) -> bool {
        self.threads.get(thread).is_some_and(|thread| thread.peeks)
    }

    /// Whether the thread holds the queue lock and may still edit the queue.
    pub fn may_edit(&self, thread: Thread) -> bool {
        let activity = self.threads.get(thread).map(|thread| &thread.activity);
        matches!(activity, Some(Activity::Holding { edit: Edit::Push { .. } | Edit::Remove, .. }))
    }

    fn check_idle(&self, thread: Thread) -> Result<(), Broken> {
        check(
            self.threads[thread].activity == Activity::Idle,
            "a thread starts another operation while it holds the lock, or before it has stored its outcomes",
        )
    }

    fn lock(&mut self, thread: Thread, edit: Edit) -> Result<(), Broken> {
        self.check_idle(thread)?;
        check(!self.word.locked, "the queue is locked twice")?;
        (self.word.locked, self.word.queued) = (true, true);
        self.threads[thread].activity = Activity::Holding { seen: self.word, claims: Vec::new(), edit };
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), Broken> {
        match change {
            Change::Release(n) | Change::Add(n) if n < 0 => return Err("a release takes permits away"),
            Change::Release(n) => (self.word.permits, self.held) = (self.word.permits + n, self.held - n),
            Change::Add(n) => (self.word.permits, self.total) = (self.word.permits + n, self.total + n),
            Change::Close => self.word.closed = true,
        }
        Ok(())
    }

    fn end_look(&mut self, thread: Thread) -> Result<(), Broken> {
        let looks = &mut self.threads[thread].looks;
        *looks = looks.checked_sub(1).ok_or("a thread looks at the queue without a reason")?;
        Ok(())
    }

    /// The edit for which the thread holds the lock.
    fn edit(&mut self, thread: Thread) -> Result<&mut Edit, Broken> {
        match &mut self.threads[thread].activity {
            Activity::Holding { edit, .. } => Ok(edit),
            _ => Err("Q2: the queue is edited without its lock"),
        }
    }

    /// What the lock holder has seen and claimed. It makes no further edit.
    fn holding(&mut self, thread: Thread) -> Result<(Word, &mut Vec<Claimed>), Broken> {
        match &mut self.threads[thread].activity {
            Activity::Holding { seen, claims, edit: Edit::None } => Ok((*seen, claims)),
            Activity::Holding { .. } => {
                Err("a thread claims or unlocks before the edit for which it holds the lock")
            }
            _ => Err("Q2: a thread claims or unlocks without the queue lock"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}", self.word)?;
        writeln!(f, "  queue: {:?}", self.queue)?;
        writeln!(f, "  waiters: {:?}", self.waiters)?;
        writeln!(f, "  held by callers: {}", self.held)?;
        self.threads.iter().enumerate().try_for_each(|(i, thread)| writeln!(f, "  thread {i}: {thread:?}"))
    }
}

fn check(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn sum(claims: &[Claimed]) -> isize {
    claims.iter().map(|claim| claim.n).sum()
}

/// Whether the front can complete with what the word holds besides the permits of the claims.
fn servable(word: Word, claimed: isize, front: Request) -> bool {
    word.closed || word.permits - claimed >= front.min
}

/// How many permits the front takes then.
fn share(word: Word, claimed: isize, front: Request) -> isize {
    if word.closed { 0 } else { front.max.min(word.permits - claimed) }
}
