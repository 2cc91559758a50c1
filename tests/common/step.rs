//! The steps that test programs are made of.

/// The permits that a future requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `acquire_many(n)`
    Exactly(usize),
    /// `acquire_many(min).up_to(max)`
    UpTo(usize, usize),
    /// `acquire_many(n).bounded(max_waiters)`, as `Bounded(max_waiters, n)`
    Bounded(usize, usize),
}

impl Request {
    pub fn min(self) -> usize {
        match self {
            Self::Exactly(n) | Self::UpTo(n, _) | Self::Bounded(_, n) => n,
        }
    }

    pub fn max(self) -> usize {
        match self {
            Self::Exactly(n) | Self::UpTo(_, n) | Self::Bounded(_, n) => n,
        }
    }

    pub fn max_waiters(self) -> usize {
        match self {
            Self::Bounded(max_waiters, _) => max_waiters,
            _ => usize::MAX,
        }
    }
}

impl From<usize> for Request {
    fn from(n: usize) -> Self {
        Self::Exactly(n)
    }
}

/// An action that semaphores and mutexes support. A waiter is a future or the permits it acquired; waiters are
/// numbered in order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Creates a future without polling it.
    Create(Request),
    /// Creates a future and polls it once.
    Acquire(Request),
    Poll(usize),
    /// Polls with a waker that differs from the last one.
    PollWithNewWaker(usize),
    /// Drops the future or the permits of a waiter.
    Drop(usize),
    TryAcquire(usize),
}

/// An action that only semaphores support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SemaphoreAction {
    /// Forgets the permits of a waiter.
    Forget(usize),
    /// `Split(waiter, n)`: moves `n` permits of the waiter to a new one.
    Split(usize, usize),
    /// `Merge(into, from)`: moves all permits of `from` to `into`.
    Merge(usize, usize),
    Add(usize),
    Reduce(usize),
    ForgetAvailable(usize),
    /// `Resize(from, to)`
    Resize(usize, usize),
    /// `TryAcquireUpTo(min, max)`: releases at once what it acquires.
    TryAcquireUpTo(usize, usize),
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Common(Action),
    Semaphore(SemaphoreAction),
}

/// What a step returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Pending,
    Acquired(usize),
    Failed,
    /// The number of permits that `forget_permits` removed.
    Forgotten(usize),
}

/// What can be observed after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub outcome: Outcome,
    pub woken: Vec<super::waker::WakeUp>,
    /// `None` for a mutex.
    pub state: Option<State>,
    /// `None` for a mutex.
    pub permits: Option<PermitCounts>,
}

/// What only a semaphore reports about its permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitCounts {
    pub owed: usize,
    pub needed: Option<usize>,
}

/// The public state of a semaphore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub available: usize,
    pub waiters: usize,
    pub closed: bool,
}

impl Action {
    /// The same action with a request that a mutex supports.
    pub fn for_mutex(self) -> Self {
        match self {
            Self::Create(_) => Self::Create(Request::Exactly(1)),
            Self::Acquire(_) => Self::Acquire(Request::Exactly(1)),
            Self::TryAcquire(_) => Self::TryAcquire(1),
            other => other,
        }
    }
}

impl Step {
    pub fn common(self) -> Option<Action> {
        match self {
            Self::Common(action) => Some(action),
            Self::Semaphore(_) => None,
        }
    }

    /// Whether the step leaves the total number of permits unchanged.
    pub fn keeps_total(self) -> bool {
        use SemaphoreAction::{Add, Forget, ForgetAvailable, Reduce, Resize};
        !matches!(self, Self::Semaphore(Add(_) | Forget(_) | ForgetAvailable(_) | Reduce(_) | Resize(..)))
    }

    /// Decodes a step from any three bytes: the action, the waiter, a number. Small bytes decode to simple steps, so
    /// that shrinking finds them. The committed fuzz corpus depends on this encoding.
    pub fn from_bytes([action, waiter, n]: [u8; 3]) -> Self {
        let (waiter, n) = (usize::from(waiter % 12), usize::from(n % 6));
        let other = (waiter + 1 + n) % 12;
        match action % 20 {
            0..4 => Self::Common(Action::Acquire(Request::Exactly(n))),
            4 => Self::Common(Action::Acquire(Request::UpTo(n, n + waiter % 4))),
            5 => Self::Common(Action::Acquire(Request::Bounded(waiter % 4, n))),
            6 => Self::Common(Action::Create(Request::Exactly(n))),
            7 | 8 => Self::Common(Action::Poll(waiter)),
            9 => Self::Common(Action::PollWithNewWaker(waiter)),
            10..13 => Self::Common(Action::Drop(waiter)),
            13 => Self::Common(Action::TryAcquire(n)),
            14 => Self::Semaphore(SemaphoreAction::Split(waiter, n)),
            15 => Self::Semaphore(SemaphoreAction::Merge(waiter, other)),
            16 => Self::Semaphore(SemaphoreAction::Add(n)),
            17 => Self::Semaphore(SemaphoreAction::Reduce(n)),
            18 => Self::Semaphore(match n % 3 {
                0 => SemaphoreAction::Forget(waiter),
                1 => SemaphoreAction::ForgetAvailable(n),
                _ => SemaphoreAction::Resize(waiter % 6, n),
            }),
            _ => Self::Semaphore(if n == 5 { SemaphoreAction::Close } else { SemaphoreAction::Add(n) }),
        }
    }
}
