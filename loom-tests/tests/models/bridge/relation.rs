//! The protocol of one semaphore as a transition relation: the state, the transitions, and when each is permitted.
//!
//! [`State::apply`] has the transitions, in the order of the table in `proof/README.md`, which says what each is called in the
//! proofs. A transition is one change of the word or of the limit, one edit of the queue by the lock holder, or one step of a
//! node's owner. Loads are not transitions, except the one that ends a look at the queue. The invariants that hold
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// Negative for a deficit.
    pub permits: isize,
    pub queued: bool,
    pub locked: bool,
    pub recheck: bool,
    pub closed: bool,
}

/// What a request needs, and how many permits it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    Range { min: isize, max: isize },
    All,
}

/// A request in the queue, or a claimed one. A claim has a number of permits, which is provisional until the queue is unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub waiter: Waiter,
    pub needs: Needs,
    pub n: isize,
}

/// Where a waiter is. A new one has no number yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Queued,
    /// Taken from the front; the outcome is not stored.
    Claimed,
    /// The outcome is stored: it owns these permits.
    Granted(isize),
    /// The outcome is stored: the semaphore was closed.
    Failed,
    /// The owner has taken the outcome, or has removed the node.
    Done,
    Freed,
}

/// What a thread that has locked the queue does before its first claim. `from` is the word that was locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    None,
    Push { from: Word },
    Remove,
    TakeAll,
}

/// What a thread is in the middle of: it holds the queue lock, and has last seen the word `seen`; or it has unlocked the queue,
/// and must store the outcomes of its claims, which are failures if the semaphore was `closed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    Idle,
    Holding { seen: Word, claims: Vec<Request>, edit: Edit },
    Publishing { closed: bool, claims: Vec<Request> },
}

#[derive(Clone, Debug)]
struct ThreadState {
    activity: Activity,
    /// How many looks at the queue it owes: more than one if a waker that it calls before it looks at the next request releases permits in turn.
    looks: usize,
    /// It looks at the queue once more if it has seen an old limit.
    may_look: bool,
    /// How many wakers it has to call.
    wakes: usize,
    /// By how many permits it has raised the limit and not yet the word, or lowered the word and not yet the limit.
    ahead: isize,
    /// It has lowered the limit, and must make the front examined again.
    rechecks: bool,
}

const NEW_THREAD: ThreadState = ThreadState {
    activity: Activity::Idle,
    looks: 0,
    may_look: false,
    wakes: 0,
    ahead: 0,
    rechecks: false,
};

/// What changes the word and may lock the queue in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Release(isize),
    Add(isize),
    Close,
    /// Only makes sure that the front is examined.
    Recheck,
}

/// One step of one thread. The last two are not in the proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Acquire { n: isize },
    LockToEnqueue,
    Push { waiter: Waiter, needs: Needs },
    LockForOwner,
    Remove { waiter: Waiter },
    LockForAll,
    TakeAll { n: isize },
    NoEdit,
    ReleaseFast { n: isize },
    UpdateAndLock { change: Change },
    Update { change: Change },
    Forget { n: isize },
    Reduce { n: isize },
    ChangeLimit { by: isize },
    Claim { waiter: Waiter, n: isize },
    UnlockFails,
    BeginRecheck,
    PutBack { waiter: Waiter },
    Unlock,
    Publish { waiter: Waiter, granted: Option<isize> },
    LookAndLock,
    LookAndLeave { seen: Word },
    TakeGranted { waiter: Waiter, n: isize },
    TakeFailed { waiter: Waiter },
    Wake,
    Free { waiter: Waiter },
}

/// A semaphore, and what each thread is doing with it.
#[derive(Clone, Debug)]
pub struct State {
    pub word: Word,
    pub limit: isize,
    /// From front to back.
    pub queue: Vec<Request>,
    pub waiters: Vec<Status>,
    threads: Vec<ThreadState>,
    /// The permits that callers own.
    pub held: isize,
    /// The permits at the start, plus all added, minus all forgotten, minus all reduced.
    total: isize,
    /// A blocked thread was woken, which does not show how often its waker was called.
    has_unparked: bool,
}

impl State {
    pub fn new(permits: isize) -> Self {
        Self {
            word: Word { permits, ..Word::default() },
            limit: permits,
            queue: Vec::new(),
            waiters: Vec::new(),
            threads: Vec::new(),
            held: 0,
            total: permits,
            has_unparked: false,
        }
    }

    /// Applies a transition of a thread and checks the invariants, or says which rule is broken.
    pub fn step(&mut self, thread: Thread, transition: Transition) -> Result<(), Broken> {
        while self.threads.len() <= thread {
            self.threads.push(NEW_THREAD);
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
                self.lock(thread, Edit::Push { from: word })?;
            }
            Push { waiter, needs } => {
                let Edit::Push { from } = *self.edit(thread)? else {
                    return Err("a node is added by a thread that has not locked the queue for it");
                };
                if let Needs::Range { min, max } = needs {
                    check(
                        from.queued || from.permits < min,
                        "a request is enqueued that can complete at once",
                    )?;
                    check(
                        1 <= min && min <= max,
                        "a request needs less than one permit, or more than it takes",
                    )?;
                }
                check(waiter == self.waiters.len(), "a node is enqueued twice")?;
                *self.edit(thread)? = Edit::None;
                self.waiters.push(Status::Queued);
                self.queue.push(Request { waiter, needs, n: 0 });
            }
            LockForOwner => {
                check(word.queued, "the queue is locked for the owner of a node, and is empty")?;
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
            LockForAll => {
                check(!word.queued, "F1: all permits are taken although a request is queued")?;
                check(!word.closed, "a new request takes permits of a closed semaphore")?;
                self.lock(thread, Edit::TakeAll)?;
            }
            TakeAll { n } => {
                check(
                    *self.edit(thread)? == Edit::TakeAll,
                    "all permits are taken by a thread that has not locked the queue for it",
                )?;
                *self.edit(thread)? = Edit::None;
                let (seen, _) = self.holding(thread)?;
                check(seen == word, "F6: the queue is unlocked although the word has changed")?;
                check(
                    !word.recheck,
                    "F6: the queue is unlocked although a thread has asked for another look",
                )?;
                check(!word.closed, "a new request takes permits of a closed semaphore")?;
                check(n == word.permits, "a request for all permits takes some")?;
                check(self.owned() == 0, "F7: all permits are taken although some are held")?;
                self.word = Word { permits: 0, queued: false, locked: false, ..word };
                self.held += n;
                self.threads[thread].activity = Activity::Idle;
            }
            NoEdit => {
                let edit = self.edit(thread)?;
                check(*edit != Edit::None, "there is no edit to leave out")?;
                *edit = Edit::None;
            }
            ReleaseFast { n } => {
                self.check_idle(thread)?;
                self.change(thread, Change::Release(n))?;
                self.threads[thread].looks += usize::from(word.queued);
            }
            UpdateAndLock { change } => {
                check(word.queued, "an empty queue is locked to serve it")?;
                check(!word.locked, "the queue is locked twice")?;
                self.change(thread, change)?;
                self.lock(thread, Edit::None)?;
            }
            Update { change } => {
                self.check_idle(thread)?;
                check(
                    !word.queued || word.locked,
                    "F3: the word changes, and no thread looks at the queue",
                )?;
                self.change(thread, change)?;
                self.word.recheck |= word.locked && change == Change::Recheck;
            }
            Forget { n } => {
                check(0 <= n && n <= word.permits, "more permits are forgotten than are available")?;
                self.take_away(thread, n)?;
            }
            Reduce { n } => {
                check(0 <= n, "a reduction adds permits")?;
                self.take_away(thread, n)?;
            }
            ChangeLimit { by } => {
                self.check_idle(thread)?;
                self.limit += by;
                let this = &mut self.threads[thread];
                this.rechecks |= by < 0;
                if by < 0 && this.ahead == 0 {
                    // Permits that a caller owned are forgotten.
                    (self.held, self.total) = (self.held + by, self.total + by);
                } else {
                    this.ahead += by;
                    check(this.ahead >= 0, "F7: the limit is lowered before the word")?;
                }
            }
            Claim { waiter, n } => {
                let (seen, claims) = self.holding(thread)?;
                check(claims.is_empty(), "two requests are claimed in one critical section")?;
                let left = seen.permits;
                let front = *self.queue.first().ok_or("a node is claimed that is not queued")?;
                check(front.waiter == waiter, "F1: a node is claimed that is not the front")?;
                let share = share(seen, left, front.needs);
                check(share.is_some(), "the front is claimed and cannot complete")?;
                check(share == Some(n), "a claim is not the front's share of the permits")?;
                self.holding(thread)?.1.push(Request { n, ..front });
                self.queue.remove(0);
                self.waiters[waiter] = Status::Claimed;
            }
            UnlockFails => {
                let (seen, _) = self.holding(thread)?;
                check(seen != word, "the unlock fails although the word has not changed")?;
                self.see(thread);
            }
            BeginRecheck => {
                self.holding(thread)?;
                check(word.recheck, "a look begins that no thread has asked for")?;
                self.word.recheck = false;
                self.see(thread);
            }
            PutBack { waiter } => {
                let (_, claims) = self.holding(thread)?;
                let claim = claims.pop().ok_or("a request is put back that was not claimed")?;
                check(claim.waiter == waiter, "F6: another request is put back than the claimed one")?;
                self.waiters[waiter] = Status::Queued;
                self.queue.insert(0, Request { n: 0, ..claim });
            }
            Unlock => {
                let (seen, claims) = self.holding(thread)?;
                let mut claims = std::mem::take(claims);
                check(seen == word, "F6: the queue is unlocked although the word has changed")?;
                check(
                    !word.recheck,
                    "F6: the queue is unlocked although a thread has asked for another look",
                )?;
                // What each request gets is decided now (F5).
                let mut left = word.permits;
                for claim in &mut claims {
                    let taken = word.permits - left;
                    claim.n = share(word, left, claim.needs).ok_or("F5: a grant exceeds the permits")?;
                    left -= claim.n;
                    check(
                        word.closed || claim.needs != Needs::All || self.owned() + taken == 0,
                        "F7: all permits are granted although some are held",
                    )?;
                }
                let front = self.queue.first().map(|front| front.needs);
                let is_front_servable = front.is_some_and(|needs| self.is_servable(left, needs));
                check(
                    !is_front_servable || !claims.is_empty() || self.limit_moves(front),
                    "F3: the queue is unlocked although the front can complete",
                )?;
                self.word.permits = left;
                self.word.queued &= !self.queue.is_empty();
                self.word.locked = false;
                let limit_moves = self.limit_moves(front);
                let this = &mut self.threads[thread];
                // The next request can complete, too: the thread looks at the queue again once it has called the waker.
                match limit_moves {
                    true => this.may_look = true,
                    false => this.looks += usize::from(is_front_servable),
                }
                this.activity = match claims.is_empty() {
                    true => Activity::Idle,
                    false => Activity::Publishing { closed: word.closed, claims },
                };
            }
            Publish { waiter, granted } => {
                let Activity::Publishing { closed, claims } = &mut self.threads[thread].activity else {
                    return Err("F5: an outcome is stored by a thread that has not unlocked the queue");
                };
                let claim = claims.remove(0);
                check(
                    claim.waiter == waiter,
                    "the outcome of another request is stored than that of the claimed one",
                )?;
                let decided = (!*closed).then_some(claim.n);
                check(granted == decided, "F5: an outcome is not what the unlock has decided")?;
                if claims.is_empty() {
                    self.threads[thread].activity = Activity::Idle;
                }
                self.threads[thread].wakes += 1;
                self.waiters[waiter] = granted.map_or(Status::Failed, Status::Granted);
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
            Wake => {
                let this = &mut self.threads[thread];
                check(
                    this.activity == Activity::Idle,
                    "F4: a waker is called under the queue lock, or before all outcomes are stored",
                )?;
                this.wakes = this.wakes.saturating_sub(1);
            }
            Free { waiter } => {
                check(
                    self.waiters[waiter] == Status::Done,
                    "Q1: a node is freed that is queued, or has an outcome",
                )?;
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
        check(word.permits + self.owned() == self.total, "permits appear or are lost")?;
        let ahead = self.threads.iter().map(|thread| thread.ahead).sum::<isize>();
        check(
            self.limit - self.total == ahead,
            "F7: the limit and the word differ by more than threads are changing",
        )?;
        if !word.locked {
            check(
                word.queued != self.queue.is_empty(),
                "F2: QUEUED is set exactly if the queue is not empty",
            )?;
            check(!word.recheck, "RECHECK is set although the queue is not locked")?;
            let front = self.queue.first().map(|front| front.needs);
            let servable = front.is_some_and(|needs| self.is_servable(word.permits, needs));
            let is_on_its_way = self
                .threads
                .iter()
                .any(|thread| thread.looks > 0 || (thread.rechecks && front == Some(Needs::All)));
            check(!servable || is_on_its_way, "F3: the front can complete, and no thread is on its way")?;
        }
        Ok(())
    }

    /// What holds when the semaphore is dropped.
    pub fn check_end(&self) -> Result<(), Broken> {
        for thread in &self.threads {
            check(
                thread.activity == Activity::Idle,
                "Q4: a thread leaves the queue locked, or an outcome unstored",
            )?;
            check(thread.looks == 0, "F3: a thread does not look at the queue, and should")?;
            check(thread.ahead == 0, "F7: a thread changes the word or the limit, and not the other one")?;
            check(
                !thread.rechecks,
                "F7: a thread lowers the limit, and does not make the front examined again",
            )?;
            check(
                thread.wakes == 0 || self.has_unparked,
                "a request completed, and its waker was not called",
            )?;
        }
        check(self.queue.is_empty(), "Q1: a node is still queued")
    }

    /// A blocked thread was woken.
    pub fn unpark(&mut self) {
        self.has_unparked = true;
    }

    /// Whether the thread holds the queue lock.
    pub fn holds(&self, thread: Thread) -> bool {
        self.threads.get(thread).is_some_and(|thread| matches!(thread.activity, Activity::Holding { .. }))
    }

    /// Whether the thread has an outcome to store.
    pub fn publishes(&self, thread: Thread) -> bool {
        let is_publishing = |thread: &ThreadState| matches!(thread.activity, Activity::Publishing { .. });
        self.threads.get(thread).is_some_and(is_publishing)
    }

    /// What the lock holder does before its first claim.
    pub fn edits(&self, thread: Thread) -> Edit {
        match self.threads.get(thread).map(|thread| &thread.activity) {
            Some(Activity::Holding { edit, .. }) => *edit,
            _ => Edit::None,
        }
    }

    /// The permits that callers and requests own.
    fn owned(&self) -> isize {
        let granted =
            self.waiters.iter().map(|status| if let Status::Granted(n) = status { *n } else { 0 });
        let decided = self.threads.iter().map(|thread| match &thread.activity {
            Activity::Publishing { closed: false, claims } => sum(claims),
            _ => 0,
        });
        self.held + granted.sum::<isize>() + decided.sum::<isize>()
    }

    /// Whether the front can complete with `left` permits in the word.
    fn is_servable(&self, left: isize, needs: Needs) -> bool {
        match needs {
            _ if self.word.closed => true,
            Needs::Range { min, .. } => left >= min,
            Needs::All => left >= self.limit,
        }
    }

    /// Whether the lock holder may have seen another limit: then it is not known whether it takes a [`Needs::All`] at the
    /// front for one that can complete.
    fn limit_moves(&self, front: Option<Needs>) -> bool {
        let moves = self.threads.iter().any(|thread| thread.rechecks || thread.ahead > 0);
        moves && front == Some(Needs::All) && !self.word.closed
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

    fn change(&mut self, thread: Thread, change: Change) -> Result<(), Broken> {
        let this = &mut self.threads[thread];
        match change {
            Change::Release(n) | Change::Add(n) if n < 0 => return Err("a release takes permits away"),
            Change::Release(n) => self.held -= n,
            Change::Add(n) => {
                self.total += n;
                this.ahead -= n;
                check(this.ahead >= 0, "F7: permits are added before the limit is raised")?;
            }
            Change::Close => self.word.closed = true,
            Change::Recheck => {}
        }
        if let Change::Release(n) | Change::Add(n) = change {
            self.word.permits += n;
        }
        this.rechecks &= matches!(change, Change::Release(_));
        Ok(())
    }

    /// Permits leave the word, and the limit is lowered next.
    fn take_away(&mut self, thread: Thread, n: isize) -> Result<(), Broken> {
        self.check_idle(thread)?;
        self.word.permits -= n;
        self.word.recheck |= self.word.locked;
        self.total -= n;
        self.threads[thread].ahead += n;
        Ok(())
    }

    fn end_look(&mut self, thread: Thread) -> Result<(), Broken> {
        let this = &mut self.threads[thread];
        match this.looks.checked_sub(1) {
            Some(looks) => this.looks = looks,
            None if this.may_look => this.may_look = false,
            None => return Err("a thread looks at the queue without a reason"),
        }
        Ok(())
    }

    /// The lock holder sees the word as it is.
    fn see(&mut self, thread: Thread) {
        if let Activity::Holding { seen, .. } = &mut self.threads[thread].activity {
            *seen = self.word;
        }
    }

    /// The edit for which the thread holds the lock.
    fn edit(&mut self, thread: Thread) -> Result<&mut Edit, Broken> {
        match &mut self.threads[thread].activity {
            Activity::Holding { edit, .. } => Ok(edit),
            _ => Err("Q2: the queue is edited without its lock"),
        }
    }

    /// What the lock holder has seen and claimed. It makes no further edit, and may still take all permits.
    fn holding(&mut self, thread: Thread) -> Result<(Word, &mut Vec<Request>), Broken> {
        match &mut self.threads[thread].activity {
            Activity::Holding { seen, claims, edit: Edit::None | Edit::TakeAll } => Ok((*seen, claims)),
            Activity::Holding { .. } => {
                Err("a thread claims or unlocks before the edit for which it holds the lock")
            }
            _ => Err("Q2: a thread claims or unlocks without the queue lock"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:?}, limit {}", self.word, self.limit)?;
        writeln!(f, "  queue: {:?}", self.queue)?;
        writeln!(f, "  waiters: {:?}", self.waiters)?;
        writeln!(f, "  held by callers: {}", self.held)?;
        self.threads.iter().enumerate().try_for_each(|(i, thread)| writeln!(f, "  thread {i}: {thread:?}"))
    }
}

fn check(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn sum(claims: &[Request]) -> isize {
    claims.iter().map(|claim| claim.n).sum()
}

/// How many permits a request takes from the `left` ones, or `None` if they are too few. A request for all permits takes what
/// there is: that none is held is checked when the queue is unlocked, because the lock holder may have seen an old limit.
fn share(word: Word, left: isize, needs: Needs) -> Option<isize> {
    match needs {
        _ if word.closed => Some(0),
        Needs::Range { min, max } => (left >= min).then_some(max.min(left)),
        Needs::All => Some(left.max(0)),
    }
}
