//! The specification: a strictly FIFO semaphore as a number and a queue. Every semaphore and mutex of the crate must
//! behave like it, step by step.

use std::collections::VecDeque;

use super::step::{
    Action, Observation, Outcome, PermitCounts, Permits, Request, SemaphoreAction, State, Step,
};
use super::waker::WakeUp;

#[derive(Clone)]
pub struct Model {
    /// Negative while permits are owed.
    available: isize,
    closed: bool,
    queue: VecDeque<usize>,
    waiters: Vec<Waiter>,
    woken: Vec<WakeUp>,
}

#[derive(Clone)]
struct Waiter {
    request: Request,
    waker_version: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Never polled.
    Created,
    Queued,
    /// Granted this many permits, not polled since.
    Granted(usize),
    /// Woken by `close`, not polled since.
    Closed,
    Holding(usize),
    Finished,
}

/// The semaphore.
impl Model {
    pub fn new(available: usize) -> Self {
        let (queue, waiters, woken) = Default::default();
        Self { available: available as isize, closed: false, queue, waiters, woken }
    }

    /// How many permits the request gets now, if there are enough for it.
    fn fitting(&self, request: Request) -> Option<usize> {
        let (min, max) = match request.permits {
            Permits::Exactly(n) => (n as isize, n),
            Permits::UpTo(min, max) => (min as isize, max),
            Permits::All => (self.total(), usize::MAX),
        };
        (self.available >= min).then(|| max.min(self.available.max(0) as usize))
    }

    fn first_poll(&mut self, request: Request) -> Phase {
        match self.fitting(request) {
            _ if self.closed => Phase::Closed,
            Some(n) if self.queue.is_empty() => {
                self.available -= n as isize;
                Phase::Holding(n)
            }
            _ if matches!(request.permits, Permits::Exactly(0) | Permits::UpTo(0, _)) => Phase::Holding(0),
            _ if request.max_waiters.is_some_and(|n| self.queue.len() >= n) => Phase::Closed,
            _ => Phase::Queued,
        }
    }

    fn serve_queue(&mut self) {
        while let Some(&front) = self.queue.front() {
            let phase = match self.fitting(self.waiters[front].request) {
                _ if self.closed => Phase::Closed,
                Some(n) => Phase::Granted(n),
                None => return,
            };
            if let Phase::Granted(n) = phase {
                self.available -= n as isize;
            }
            self.queue.pop_front();
            self.waiters[front].phase = phase;
            self.woken.push((front, self.waiters[front].waker_version));
        }
    }
}

/// The waiters.
impl Model {
    pub fn phase(&self, waiter: usize) -> Phase {
        self.waiters.get(waiter).map_or(Phase::Finished, |waiter| waiter.phase)
    }

    /// What the request at the front of the queue needs.
    pub fn needed(&self) -> Option<usize> {
        let &front = self.queue.front()?;
        Some(match self.waiters[front].request.permits {
            Permits::Exactly(n) | Permits::UpTo(n, _) => n,
            Permits::All => self.total().max(0) as usize,
        })
    }

    /// The number of waiters created so far.
    pub fn created(&self) -> usize {
        self.waiters.len()
    }

    fn push(&mut self, request: Request, phase: Phase) -> usize {
        self.waiters.push(Waiter { request, waker_version: 0, phase });
        self.waiters.len() - 1
    }

    fn poll(&mut self, waiter: usize) -> Outcome {
        let Waiter { request, phase, .. } = self.waiters[waiter];
        self.waiters[waiter].phase = match phase {
            Phase::Created => self.first_poll(request),
            Phase::Granted(n) => Phase::Holding(n),
            other => other,
        };
        match (phase, self.waiters[waiter].phase) {
            (_, Phase::Holding(n)) => return Outcome::Acquired(n),
            (_, Phase::Closed) => self.waiters[waiter].phase = Phase::Finished,
            (Phase::Created, _) => self.queue.push_back(waiter),
            _ => {}
        }
        if self.waiters[waiter].phase == Phase::Finished { Outcome::Failed } else { Outcome::Pending }
    }

    fn drop_waiter(&mut self, waiter: usize) {
        match std::mem::replace(&mut self.waiters[waiter].phase, Phase::Finished) {
            Phase::Queued => self.queue.retain(|&other| other != waiter),
            Phase::Granted(n) | Phase::Holding(n) => self.available += n as isize,
            _ => {}
        }
        self.serve_queue();
    }
}

/// The steps.
impl Model {
    /// Whether the step is possible now.
    pub fn allows(&self, step: Step) -> bool {
        let incomplete = |waiter| {
            matches!(self.phase(waiter), Phase::Created | Phase::Queued | Phase::Granted(_) | Phase::Closed)
        };
        let holding = |waiter| matches!(self.phase(waiter), Phase::Holding(_));
        match step {
            Step::Common(Action::Poll(waiter) | Action::PollWithNewWaker(waiter)) => incomplete(waiter),
            Step::Common(Action::Drop(waiter)) => incomplete(waiter) || holding(waiter),
            Step::Semaphore(SemaphoreAction::Forget(waiter) | SemaphoreAction::Split(waiter, _)) => {
                holding(waiter)
            }
            Step::Semaphore(SemaphoreAction::Merge(into, from)) => {
                into != from && holding(into) && holding(from)
            }
            _ => true,
        }
    }

    pub fn step(&mut self, step: Step) -> Observation {
        let outcome = match step {
            Step::Common(action) => self.act(action),
            Step::Semaphore(action) => self.act_on_semaphore(action),
        };
        let (available, waiters) = (self.available.max(0) as usize, self.queue.len());
        let state = Some(State { available, waiters, closed: self.closed });
        let permits = PermitCounts {
            limit: self.total().max(0) as usize,
            held: self.taken() as usize,
            owed: (-self.available).max(0) as usize,
            needed: self.needed(),
        };
        Observation { outcome, woken: std::mem::take(&mut self.woken), state, permits: Some(permits) }
    }

    fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Create(request) => {
                self.push(request, Phase::Created);
                return Outcome::Done;
            }
            Action::Acquire(request) => {
                let waiter = self.push(request, Phase::Created);
                return self.poll(waiter);
            }
            Action::Poll(waiter) => return self.poll(waiter),
            Action::PollWithNewWaker(waiter) => {
                self.waiters[waiter].waker_version += 1;
                return self.poll(waiter);
            }
            Action::Drop(waiter) => self.drop_waiter(waiter),
            Action::TryAcquire(request) => {
                // A request that may never wait.
                let waiter = self.push(request.max_waiters(0), Phase::Created);
                return self.poll(waiter);
            }
        }
        Outcome::Done
    }

    fn act_on_semaphore(&mut self, action: SemaphoreAction) -> Outcome {
        match action {
            SemaphoreAction::Forget(waiter) => self.waiters[waiter].phase = Phase::Finished,
            SemaphoreAction::Split(waiter, n) => return self.split(waiter, n),
            SemaphoreAction::Merge(into, from) => self.merge(into, from),
            SemaphoreAction::Add(n) => self.available += n as isize,
            SemaphoreAction::Reduce(n) => self.available -= n as isize,
            SemaphoreAction::ForgetAvailable(n) => {
                let forgotten = n.min(self.available.max(0) as usize);
                self.available -= forgotten as isize;
                self.serve_queue();
                return Outcome::Changed(forgotten);
            }
            SemaphoreAction::SetLimit(n) => self.available += n as isize - self.total(),
            SemaphoreAction::AddUpTo(n, most) => {
                let added = n.min((most as isize - self.available).max(0) as usize);
                self.available += added as isize;
                self.serve_queue();
                return Outcome::Changed(added);
            }
            SemaphoreAction::Close => self.closed = true,
        }
        self.serve_queue();
        Outcome::Done
    }

    fn split(&mut self, waiter: usize, n: usize) -> Outcome {
        let Phase::Holding(all) = self.waiters[waiter].phase else { return Outcome::Failed };
        if n > all {
            return Outcome::Failed;
        }
        self.waiters[waiter].phase = Phase::Holding(all - n);
        self.push(Request::exactly(n), Phase::Holding(n));
        Outcome::Acquired(n)
    }

    fn merge(&mut self, into: usize, from: usize) {
        let (Phase::Holding(a), Phase::Holding(b)) = (self.phase(into), self.phase(from)) else { return };
        self.waiters[into].phase = Phase::Holding(a + b);
        self.waiters[from].phase = Phase::Finished;
    }
}

impl Model {
    /// The permits that are held or granted.
    fn taken(&self) -> isize {
        let taken = |waiter: &Waiter| match waiter.phase {
            Phase::Granted(n) | Phase::Holding(n) => n as isize,
            _ => 0,
        };
        self.waiters.iter().map(taken).sum()
    }

    /// The permits that exist: those available, held and granted, less those owed. Only steps that do not `keep_total`
    /// change it.
    pub fn total(&self) -> isize {
        self.available + self.taken()
    }
}
