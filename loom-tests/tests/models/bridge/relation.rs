//! The protocol of one semaphore as a function from a state and an event to the next state, or to the rule that the event breaks.
//!
//! [`State::exec`] is `exec` of `proof/Protocol.v`, event by event, and the fields of [`State`] are those of the proof. They are
//! explained there; `scripts/proof` compares both functions. The rest of this file are the invariants that the bridge
//! checks as well. Numbers such as F3 are those of `src/raw/`.

use Change::*;
use Transition::*;

/// The number of a thread.
pub type Thread = usize;

/// The number of a waiter: how many were enqueued before it.
pub type Waiter = usize;

/// Which rule an event breaks.
pub type Broken = &'static str;

/// A value of the state word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    /// Negative for a deficit.
    pub permits: isize,
    pub queued: bool,
    pub locked: bool,
    pub recheck: bool,
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    Range { min: isize, max: isize },
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// In the queue, or claimed.
    Queued,
    /// The queue was unlocked, so these permits have left the word. The outcome is not stored.
    Won(isize),
    Lost,
    /// The outcome is stored: it owns these permits.
    Granted(isize),
    Failed,
    /// Cancelled: its owner must release these permits next.
    Dropping(isize),
    /// The owner has taken the outcome, or has removed the node.
    Done,
}

/// The edit for which a thread has locked the queue. `from` is the word that was locked. A try for all permits has found that
/// none is held, and takes this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    None,
    Push { from: Word },
    Remove,
    TakeAll(Option<isize>),
}

/// The lock holder, the word that it has seen last, and the waiter that it has claimed, if any, with a number of permits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    pub thread: Thread,
    pub seen: Word,
    pub claims: Vec<(Waiter, isize)>,
    pub edit: Edit,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ThreadState {
    /// The permits that its caller owns.
    pub hold: isize,
    /// By how many permits it has raised the limit and not yet the word, or lowered the word and not yet the limit.
    pub slack: isize,
    /// It has lowered the limit, and must make the front examined again.
    pub owes: bool,
    /// How many looks at the queue it owes.
    pub looks: usize,
    /// The waiters whose outcomes it must store.
    pub todo: Vec<Waiter>,
}

/// How many threads a state has.
pub const THREADS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub word: Word,
    pub limit: isize,
    pub holder: Option<Holder>,
    /// From front to back.
    pub queue: Vec<Waiter>,
    pub waiters: Vec<(Request, Status)>,
    pub threads: [ThreadState; THREADS],
}

/// What changes the word and may lock the queue in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Release(isize),
    /// Releases what was granted to a cancelled request.
    Drop(Waiter),
    Add(isize),
    Recheck,
    Close,
}

/// An event of the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    Acquire { min: isize, max: isize, n: isize },
    LockToEnqueue,
    LockForAll,
    LockForOwner,
    Push(Request),
    Remove(Waiter),
    EditNothing,
    FindAll,
    TakeAll,
    Update(Change),
    FetchAdd(Change),
    Lower { n: isize, forget: bool },
    Limit(isize),
    ForgetHeld(isize),
    Claim,
    UnlockFails,
    Unlock { again: bool },
    Publish,
    Look,
    Take(Waiter),
    TakeFailure(Waiter),
    Cancel(Waiter),
}

impl State {
    pub fn new(permits: isize) -> Self {
        Self {
            word: Word { permits, ..Word::default() },
            limit: permits,
            holder: None,
            queue: Vec::new(),
            waiters: Vec::new(),
            threads: Default::default(),
        }
    }

    /// Applies an event, or says which rule it breaks. Then the state may have changed in part.
    pub fn exec(&mut self, thread: Thread, event: Transition) -> Result<(), Broken> {
        let word = self.word;
        match event {
            Acquire { min, max, n } => {
                self.check_idle(thread)?;
                check(!word.queued, "F1: a new request takes permits although a request is queued")?;
                check(!word.closed, "a new request takes permits of a closed semaphore")?;
                check(0 <= min && min <= max, "a request needs less than nothing, or more than it takes")?;
                check(min <= word.permits, "more permits are acquired than are available")?;
                check(n == word.permits.min(max), "a new request does not take what there is")?;
                self.word.permits -= n;
                self.threads[thread].hold += n;
            }
            LockToEnqueue => {
                self.check_idle(thread)?;
                check(!word.locked, "the queue is locked twice")?;
                check(!word.closed, "a request is enqueued in a closed semaphore")?;
                self.lock(thread, Edit::Push { from: word });
            }
            LockForAll => {
                self.check_idle(thread)?;
                check(!word.queued, "F1: all permits are taken although a request is queued")?;
                check(!word.locked, "the queue is locked twice")?;
                check(!word.closed, "a new request takes permits of a closed semaphore")?;
                self.lock(thread, Edit::TakeAll(None));
            }
            LockForOwner => {
                self.check_idle(thread)?;
                check(!word.locked, "the queue is locked twice")?;
                check(word.queued, "the queue is locked for the owner of a node, and is empty")?;
                self.lock(thread, Edit::Remove);
            }
            Push(request) => {
                let holder = self.holding(thread)?;
                let Edit::Push { from } = holder.edit else {
                    return Err("a node is added by a thread that has not locked the queue for it");
                };
                holder.edit = Edit::None;
                if let Request::Range { min, max } = request {
                    check(
                        1 <= min && min <= max,
                        "a request needs less than one permit, or more than it takes",
                    )?;
                    check(
                        from.queued || from.permits < min,
                        "a request is enqueued that can complete at once",
                    )?;
                }
                self.queue.push(self.waiters.len());
                self.waiters.push((request, Status::Queued));
            }
            Remove(waiter) => {
                let holder = self.holding(thread)?;
                check(
                    holder.edit == Edit::Remove,
                    "a node is removed by a thread that has not locked the queue for it",
                )?;
                holder.edit = Edit::None;
                check(self.queue.contains(&waiter), "a node is removed that is not queued")?;
                self.status(waiter)?;
                self.queue.retain(|&queued| queued != waiter);
                self.waiters[waiter].1 = Status::Done;
            }
            EditNothing => {
                let holder = self.holding(thread)?;
                check(holder.edit != Edit::None, "there is no edit to leave out")?;
                holder.edit = Edit::None;
            }
            FindAll => {
                let limit = self.limit;
                let holder = self.holding(thread)?;
                let seen = holder.seen;
                check(
                    holder.edit == Edit::TakeAll(None),
                    "all permits are taken by a thread that has not locked the queue for it",
                )?;
                check(!seen.closed, "a new request takes permits of a closed semaphore")?;
                check(limit <= seen.permits, "F7: all permits are taken although some are held")?;
                holder.edit = Edit::TakeAll(Some(available(seen.permits)));
            }
            Transition::TakeAll => {
                let holder = self.holding(thread)?;
                let Edit::TakeAll(Some(n)) = holder.edit else {
                    return Err("all permits are taken by a thread that has not found that none is held");
                };
                check(word == holder.seen, "F6: the queue is unlocked although the word has changed")?;
                let this = self.threads.get_mut(thread).ok_or("there is no such thread")?;
                this.hold += n;
                self.unlock(n);
            }
            Update(change) => {
                self.check_idle(thread)?;
                self.apply(thread, change)?;
                if word.must_serve() {
                    self.lock(thread, Edit::None);
                }
            }
            FetchAdd(change) => {
                self.check_idle(thread)?;
                check(matches!(change, Release(_) | Drop(_)), "only a release is an addition to the word")?;
                self.apply(thread, change)?;
                self.threads[thread].looks += usize::from(word.queued);
            }
            Lower { n, forget } => {
                self.check_idle(thread)?;
                check(0 <= n, "a reduction adds permits")?;
                check(!forget || n <= word.permits, "more permits are forgotten than are available")?;
                self.word.permits -= n;
                self.word.recheck |= word.locked;
                self.threads[thread].slack += n;
            }
            Limit(change) => {
                self.check_idle(thread)?;
                let this = &mut self.threads[thread];
                check(0 <= this.slack + change, "F7: the limit is lowered before the word")?;
                this.slack += change;
                this.owes |= change < 0;
                self.limit += change;
            }
            ForgetHeld(n) => {
                self.check_idle(thread)?;
                let this = &mut self.threads[thread];
                check(0 <= n && n <= this.hold, "permits are released that no caller owns")?;
                this.hold -= n;
                this.owes = true;
                self.limit -= n;
            }
            Claim => {
                let (seen, _) = self.claiming(thread)?;
                check(
                    self.holding(thread)?.claims.is_empty(),
                    "two requests are claimed in one critical section",
                )?;
                let claim = self.front_share(seen, 0).ok_or("the front is claimed and cannot complete")?;
                self.queue.remove(0);
                self.holding(thread)?.claims.push(claim);
            }
            UnlockFails => {
                let holder = self.holding(thread)?;
                check(word != holder.seen, "the unlock fails although the word has not changed")?;
                let seen = Word { recheck: false, ..word };
                holder.seen = seen;
                let claims = std::mem::take(&mut holder.claims);
                match holder.edit {
                    Edit::None => {
                        self.queue.splice(0..0, claims.iter().map(|claim| claim.0)).for_each(drop)
                    }
                    Edit::TakeAll(_) => holder.edit = Edit::TakeAll(None),
                    _ => {
                        return Err(
                            "a thread claims or unlocks before the edit for which it holds the lock",
                        );
                    }
                }
                self.word = seen;
            }
            Unlock { again } => {
                let (seen, claimed) = self.claiming(thread)?;
                check(thread < THREADS, "there is no such thread")?;
                check(word == seen, "F6: the queue is unlocked although the word has changed")?;
                let claims = std::mem::take(&mut self.holding(thread)?.claims);
                if again {
                    check(!claims.is_empty(), "a thread looks again although it has granted nothing")?;
                } else {
                    check(
                        self.front_share(seen, claimed).is_none() || self.may_not_know(),
                        "F3: the queue is unlocked although the front can complete",
                    )?;
                }
                for &(waiter, n) in &claims {
                    if let Some(waiter) = self.waiters.get_mut(waiter) {
                        waiter.1 = if word.closed { Status::Lost } else { Status::Won(n) };
                    }
                }
                let this = &mut self.threads[thread];
                this.looks += usize::from(again);
                this.todo.extend(claims.iter().map(|claim| claim.0));
                self.unlock(claimed);
            }
            Publish => {
                let this = self.threads.get_mut(thread).ok_or("there is no such thread")?;
                check(
                    !this.todo.is_empty(),
                    "F5: an outcome is stored by a thread that has not unlocked the queue",
                )?;
                let waiter = this.todo.remove(0);
                self.waiters[waiter].1 = match self.status(waiter)? {
                    Status::Won(n) => Status::Granted(n),
                    Status::Lost => Status::Failed,
                    _ => return Err("F5: an outcome is stored that no unlock has decided"),
                };
            }
            Look => {
                self.check_idle(thread)?;
                let this = &mut self.threads[thread];
                this.looks =
                    this.looks.checked_sub(1).ok_or("a thread looks at the queue without a reason")?;
                if word.must_serve() {
                    self.lock(thread, Edit::None);
                }
            }
            Take(waiter) => {
                self.check_idle(thread)?;
                let n = self.granted(waiter)?;
                self.waiters[waiter].1 = Status::Done;
                self.threads[thread].hold += n;
            }
            TakeFailure(waiter) => {
                self.check_idle(thread)?;
                check(
                    self.status(waiter)? == Status::Failed,
                    "the owner takes a failure that it does not have",
                )?;
                self.waiters[waiter].1 = Status::Done;
            }
            Cancel(waiter) => {
                self.check_idle(thread)?;
                self.waiters[waiter].1 = Status::Dropping(self.granted(waiter)?);
            }
        }
        Ok(())
    }

    fn apply(&mut self, thread: Thread, change: Change) -> Result<(), Broken> {
        let this = &mut self.threads[thread];
        match change {
            Release(n) => {
                check(0 <= n && n <= this.hold, "permits are released that no caller owns")?;
                this.hold -= n;
                self.word.permits += n;
            }
            Drop(waiter) => {
                let Status::Dropping(n) = self.status(waiter)? else {
                    return Err("the grant of a request is released that was not cancelled");
                };
                self.waiters[waiter].1 = Status::Done;
                self.word.permits += n;
            }
            Add(n) => {
                check(1 <= n && n <= this.slack, "F7: permits are added before the limit is raised")?;
                this.slack -= n;
                this.owes = false;
                self.word.permits += n;
            }
            Recheck => {
                this.owes = false;
                self.word.recheck |= self.word.locked;
            }
            Close => self.word.closed = true,
        }
        Ok(())
    }

    /// The front and what it takes besides the claims, unless it must wait.
    pub fn front_share(&self, word: Word, claimed: isize) -> Option<(Waiter, isize)> {
        let front = *self.queue.first()?;
        let (request, _) = *self.waiters.get(front)?;
        let left = word.permits - claimed;
        let n = match request {
            _ if word.closed => 0,
            Request::Range { min, max } if min <= left => available(left).min(max),
            Request::All if self.limit <= left => available(left),
            _ => return None,
        };
        Some((front, n))
    }

    /// Whether the front is a request for all permits, and a thread has lowered the limit and not yet made sure that the front is
    /// examined: the lock holder may have read the limit before that.
    fn may_not_know(&self) -> bool {
        let front = self.queue.first().and_then(|&front| self.waiters.get(front));
        let is_all = front.is_some_and(|front| front.0 == Request::All);
        is_all && !self.word.closed && self.threads.iter().any(|thread| thread.owes)
    }

    fn lock(&mut self, thread: Thread, edit: Edit) {
        (self.word.locked, self.word.queued) = (true, true);
        self.holder = Some(Holder { thread, seen: self.word, claims: Vec::new(), edit });
    }

    fn unlock(&mut self, n: isize) {
        self.word.permits -= if self.word.closed { 0 } else { n };
        self.word.queued &= !self.queue.is_empty();
        self.word.locked = false;
        self.holder = None;
    }

    fn check_idle(&self, thread: Thread) -> Result<(), Broken> {
        check(thread < THREADS, "there is no such thread")?;
        check(
            self.is_idle(thread),
            "a thread starts another operation while it holds the lock, or before it has stored its outcomes",
        )
    }

    fn holding(&mut self, thread: Thread) -> Result<&mut Holder, Broken> {
        let holder = self.holder.as_mut().filter(|holder| holder.thread == thread);
        holder.ok_or("Q2: the queue is edited or unlocked without its lock")
    }

    /// The word that the lock holder has seen, and the permits of its claims. It makes no edit any more.
    fn claiming(&mut self, thread: Thread) -> Result<(Word, isize), Broken> {
        let holder = self.holding(thread)?;
        check(
            holder.edit == Edit::None,
            "a thread claims or unlocks before the edit for which it holds the lock",
        )?;
        Ok((holder.seen, sum(&holder.claims)))
    }

    fn status(&self, waiter: Waiter) -> Result<Status, Broken> {
        self.waiters.get(waiter).map(|waiter| waiter.1).ok_or("there is no such waiter")
    }

    fn granted(&self, waiter: Waiter) -> Result<isize, Broken> {
        match self.status(waiter)? {
            Status::Granted(n) => Ok(n),
            _ => Err("the owner takes a grant that it does not have"),
        }
    }
}

/// What the bridge asks, and checks beside the events.
impl State {
    /// Whether the thread holds the queue lock.
    pub fn holds(&self, thread: Thread) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.thread == thread)
    }

    /// Whether the thread neither holds the queue lock nor has outcomes to store.
    pub fn is_idle(&self, thread: Thread) -> bool {
        !self.holds(thread) && self.threads[thread].todo.is_empty()
    }

    /// Permits may be sent to another thread, which then releases or forgets them. No event shows that.
    pub fn send_permits(&mut self, thread: Thread, event: Transition) {
        let (Update(Release(n)) | FetchAdd(Release(n)) | ForgetHeld(n)) = event else { return };
        let mut missing = (n - self.threads[thread].hold).max(0);
        for other in (0..THREADS).filter(|&other| other != thread) {
            let sent = missing.min(self.threads[other].hold);
            missing -= sent;
            self.threads[other].hold -= sent;
            self.threads[thread].hold += sent;
        }
    }

    /// A request for all permits is granted only while none is held (F7), even if the lock holder has loaded an old limit.
    pub fn check_exclusive(&self, event: Transition) -> Result<(), Broken> {
        let Some(holder) = self.holder.as_ref().filter(|_| !self.word.closed) else { return Ok(()) };
        let mut owned = self.owned();
        let claims = match event {
            Unlock { .. } => holder.claims.as_slice(),
            Transition::TakeAll => {
                return check(owned == 0, "F7: all permits are taken although some are held");
            }
            _ => &[],
        };
        for &(waiter, n) in claims {
            check(
                self.waiters[waiter].0 != Request::All || owned == 0,
                "F7: all permits are granted although some are held",
            )?;
            owned += n;
        }
        Ok(())
    }

    /// What holds after each event. `Invariant.v` proves it for threads that load the newest values.
    pub fn check_invariants(&self) -> Result<(), Broken> {
        let word = self.word;
        check(
            self.holder.is_some() == word.locked,
            "Q2: LOCKED is set exactly while one thread holds the lock",
        )?;
        let slack = self.threads.iter().map(|thread| thread.slack).sum::<isize>();
        check(word.permits + self.owned() + slack == self.limit, "permits appear or are lost")?;
        if word.locked {
            return Ok(());
        }
        check(word.queued != self.queue.is_empty(), "F2: QUEUED is set exactly if the queue is not empty")?;
        check(!word.recheck, "RECHECK is set although the queue is not locked")?;
        let front = self.front_share(word, 0);
        let is_all = front.is_some_and(|(front, _)| self.waiters[front].0 == Request::All);
        let is_on_its_way =
            self.threads.iter().any(|thread| thread.looks > 0 || (thread.owes && is_all && !word.closed));
        check(front.is_none() || is_on_its_way, "F3: the front can complete, and no thread is on its way")
    }

    /// What holds when the semaphore is dropped.
    pub fn check_end(&self) -> Result<(), Broken> {
        check(self.holder.is_none(), "a thread leaves the queue locked")?;
        for thread in &self.threads {
            check(thread.todo.is_empty(), "Q4: a thread leaves an outcome unstored")?;
            check(thread.looks == 0, "F3: a thread does not look at the queue, and should")?;
            check(thread.slack == 0, "F7: a thread changes the word or the limit, and not the other one")?;
            check(
                !thread.owes,
                "F7: a thread lowers the limit, and does not make the front examined again",
            )?;
        }
        let is_dropping = |waiter: &(Request, Status)| matches!(waiter.1, Status::Dropping(_));
        check(!self.waiters.iter().any(is_dropping), "the grant of a cancelled request is not released")?;
        check(self.queue.is_empty(), "Q1: a node is still queued")
    }

    /// The permits that callers and requests own.
    fn owned(&self) -> isize {
        let of_request = |status| match status {
            Status::Won(n) | Status::Granted(n) | Status::Dropping(n) => n,
            _ => 0,
        };
        let held = self.threads.iter().map(|thread| thread.hold).sum::<isize>();
        held + self.waiters.iter().map(|waiter| of_request(waiter.1)).sum::<isize>()
    }
}

impl Word {
    fn must_serve(self) -> bool {
        self.queued && !self.locked
    }
}

fn available(permits: isize) -> isize {
    permits.max(0)
}

fn sum(claims: &[(Waiter, isize)]) -> isize {
    claims.iter().map(|claim| claim.1).sum()
}

fn check(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}
