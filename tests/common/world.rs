//! A semaphore or mutex and the futures on it, polled by hand. Records which waiter is woken and which holds permits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::source::{NewSource, PermitSource, SemaphoreSource};
use super::step::{Action, Observation, Outcome, PermitCounts, Request, SemaphoreAction, State, Step};
use super::waker::WakeLog;

pub struct World<S: PermitSource> {
    pub source: S,
    pub wake_log: WakeLog,
    waiters: Vec<Waiter<S>>,
}

/// A future, then the permits it acquired, then nothing.
struct Waiter<S: PermitSource> {
    future: Option<S::Future>,
    permits: Option<S::Permits>,
    waker_version: usize,
}

impl<S: NewSource> World<S> {
    /// Creates a source with `available` permits.
    pub fn new(available: usize) -> Self {
        Self::over(S::with_permits(available))
    }
}

/// Waiters are named by their index, in order of creation.
impl<S: PermitSource> World<S> {
    pub fn over(source: S) -> Self {
        Self { source, wake_log: WakeLog::default(), waiters: Vec::new() }
    }

    fn push(&mut self, future: Option<S::Future>, permits: Option<S::Permits>) -> usize {
        self.waiters.push(Waiter { future, permits, waker_version: 0 });
        self.waiters.len() - 1
    }

    /// Creates a future without polling it.
    pub fn create(&mut self, request: impl Into<Request>) -> usize {
        let future = self.source.acquire(request.into());
        self.push(Some(future), None)
    }

    /// Creates a future and polls it once.
    pub fn acquire(&mut self, request: impl Into<Request>) -> usize {
        let waiter = self.create(request);
        self.poll(waiter);
        waiter
    }

    /// Like `acquire`, with the test's own waker.
    pub fn acquire_with(&mut self, request: impl Into<Request>, waker: &Waker) -> usize {
        let waiter = self.create(request);
        self.poll_with(waiter, waker);
        waiter
    }

    pub fn poll(&mut self, waiter: usize) -> Outcome {
        let waker = self.wake_log.waker(waiter, self.waiters[waiter].waker_version);
        self.poll_with(waiter, &waker)
    }

    /// Polls with a new waker, which later polls use too.
    pub fn poll_with_new_waker(&mut self, waiter: usize) -> Outcome {
        self.waiters[waiter].waker_version += 1;
        self.poll(waiter)
    }

    pub fn poll_with(&mut self, waiter: usize, waker: &Waker) -> Outcome {
        let waiter = &mut self.waiters[waiter];
        let future = waiter.future.as_mut().expect("an incomplete future");
        match Pin::new(future).poll(&mut Context::from_waker(waker)) {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(permits) => {
                waiter.future = None;
                waiter.permits = permits;
                waiter.permits.as_ref().map_or(Outcome::Failed, |held| Outcome::Acquired(S::count(held)))
            }
        }
    }

    pub fn try_acquire(&mut self, request: impl Into<Request>) -> Outcome {
        let permits = self.source.try_acquire(request);
        let outcome = permits.as_ref().map_or(Outcome::Failed, |held| Outcome::Acquired(S::count(held)));
        self.push(None, permits);
        outcome
    }

    /// Drops an incomplete future, pending or granted.
    pub fn cancel(&mut self, waiter: usize) {
        drop(self.take_future(waiter));
    }

    /// Drops the permits of a waiter.
    pub fn release(&mut self, waiter: usize) {
        drop(self.take_permits(waiter));
    }

    /// Drops the future or the permits of a waiter, if it has any.
    pub fn drop_waiter(&mut self, waiter: usize) {
        self.waiters[waiter].future = None;
        self.waiters[waiter].permits = None;
    }

    pub fn drop_all_waiters(&mut self) {
        (0..self.waiters.len()).for_each(|waiter| self.drop_waiter(waiter));
    }

    /// Moves an incomplete future out of the world.
    pub fn take_future(&mut self, waiter: usize) -> S::Future {
        self.waiters[waiter].future.take().expect("an incomplete future")
    }

    fn take_permits(&mut self, waiter: usize) -> S::Permits {
        self.waiters[waiter].permits.take().expect("permits")
    }

    /// The waiters woken since the last call, in order.
    pub fn woken(&self) -> Vec<usize> {
        self.wake_log.take().into_iter().map(|(waiter, _)| waiter).collect()
    }

    pub fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Create(request) => {
                self.create(request);
                Outcome::Done
            }
            Action::Acquire(request) => {
                let waiter = self.create(request);
                self.poll(waiter)
            }
            Action::Poll(waiter) => self.poll(waiter),
            Action::PollWithNewWaker(waiter) => self.poll_with_new_waker(waiter),
            Action::Drop(waiter) => {
                self.drop_waiter(waiter);
                Outcome::Done
            }
            Action::TryAcquire(request) => self.try_acquire(request),
        }
    }

    /// The number of permits that waiters hold.
    pub fn held(&self) -> usize {
        self.waiters.iter().filter_map(|waiter| waiter.permits.as_ref()).map(S::count).sum()
    }

    /// Whether the action is possible now.
    pub fn allows(&self, action: Action) -> bool {
        match action {
            Action::Poll(waiter) | Action::PollWithNewWaker(waiter) => {
                self.waiters[waiter].future.is_some()
            }
            _ => true,
        }
    }
}

impl<S: SemaphoreSource> World<S> {
    /// The number of permits granted to futures that have not completed yet.
    pub fn granted(&self) -> usize {
        self.waiters.iter().filter_map(|waiter| waiter.future.as_ref()).map(S::granted).sum()
    }

    fn act_on_semaphore(&mut self, action: SemaphoreAction) -> Outcome {
        match action {
            SemaphoreAction::Forget(waiter) => self.take_permits(waiter).forget(),
            SemaphoreAction::Split(waiter, n) => return self.split(waiter, n),
            SemaphoreAction::Merge(into, from) => {
                let from = self.take_permits(from);
                self.waiters[into].permits.as_mut().expect("permits").merge(from);
            }
            SemaphoreAction::Add(n) => self.source.add_permits(n),
            SemaphoreAction::Reduce(n) => self.source.reduce_permits(n),
            SemaphoreAction::ForgetAvailable(n) => {
                return Outcome::Changed(self.source.forget_permits(n));
            }
            SemaphoreAction::SetLimit(n) => self.source.set_limit(n),
            SemaphoreAction::AddUpTo(n, most) => {
                return Outcome::Changed(self.source.add_permits_up_to(n, most));
            }
            SemaphoreAction::Close => self.source.close(),
        }
        Outcome::Done
    }

    fn split(&mut self, waiter: usize, n: usize) -> Outcome {
        let Some(part) = self.waiters[waiter].permits.as_mut().expect("permits").split(n) else {
            return Outcome::Failed;
        };
        let n = S::count(&part);
        self.push(None, Some(part));
        Outcome::Acquired(n)
    }

    pub fn state(&self) -> State {
        State {
            available: self.source.available_permits(),
            waiters: self.source.waiters(),
            closed: self.source.is_closed(),
        }
    }

    pub fn step(&mut self, step: Step) -> Observation {
        let outcome = match step {
            Step::Common(action) => self.act(action),
            Step::Semaphore(action) => self.act_on_semaphore(action),
        };
        let permits = PermitCounts {
            limit: self.source.limit(),
            held: self.source.held(),
            owed: self.source.owed(),
            needed: self.source.needed(),
        };
        Observation {
            outcome,
            woken: self.wake_log.take(),
            state: Some(self.state()),
            permits: Some(permits),
        }
    }
}
