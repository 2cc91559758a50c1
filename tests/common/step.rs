//! The steps that test programs are made of.

/// A request, as it is configured before its first poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub permits: Permits,
    pub max_waiters: Option<usize>,
}

/// The permits that a future requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permits {
    /// `acquire_many(n)`
    Exactly(usize),
    /// `acquire_many(min).up_to(max)`
    UpTo(usize, usize),
    /// `acquire_all()`
    All,
}

impl Request {
    pub const ALL: Self = Self { permits: Permits::All, max_waiters: None };

    pub const fn exactly(n: usize) -> Self {
        Self { permits: Permits::Exactly(n), max_waiters: None }
    }

    pub const fn up_to(min: usize, max: usize) -> Self {
        Self { permits: Permits::UpTo(min, max), max_waiters: None }
    }

    pub const fn max_waiters(self, n: usize) -> Self {
        Self { max_waiters: Some(n), ..self }
    }
}

impl From<usize> for Request {
    fn from(n: usize) -> Self {
        Self::exactly(n)
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
    /// Tries to acquire, with the try form of the request.
    TryAcquire(Request),
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
    SetLimit(usize),
    /// `AddUpTo(n, most)`
    AddUpTo(usize, usize),
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
    /// The number of permits that `forget_permits` removed, or `add_permits_up_to` added.
    Changed(usize),
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
    pub limit: usize,
    pub held: usize,
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
            Self::Create(_) => Self::Create(Request::exactly(1)),
            Self::Acquire(_) => Self::Acquire(Request::exactly(1)),
            Self::TryAcquire(_) => Self::TryAcquire(Request::exactly(1)),
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
        use SemaphoreAction::{Close, Merge, Split};
        matches!(self, Self::Common(_) | Self::Semaphore(Close | Merge(..) | Split(..)))
    }

    /// Decodes a step from any three bytes: the action, the waiter, a number. Small bytes decode to simple steps, so
    /// that shrinking finds them. The committed fuzz corpus depends on this encoding.
    pub fn from_bytes([action, waiter, n]: [u8; 3]) -> Self {
        let (waiter, n) = (usize::from(waiter % 12), usize::from(n % 6));
        let other = (waiter + 1 + n) % 12;
        match action % 24 {
            0..4 => Self::Common(Action::Acquire(Request::exactly(n))),
            4 => Self::Common(Action::Acquire(Request::up_to(n, n + waiter % 4))),
            5 => Self::Common(Action::Acquire(Request::exactly(n).max_waiters(waiter % 4))),
            6 => Self::Common(Action::Create(Request::exactly(n))),
            7 | 8 => Self::Common(Action::Poll(waiter)),
            9 => Self::Common(Action::PollWithNewWaker(waiter)),
            10..13 => Self::Common(Action::Drop(waiter)),
            13 => Self::Common(Action::TryAcquire(match waiter % 4 {
                0 => Request::ALL,
                1 => Request::up_to(n, 2 * n),
                _ => Request::exactly(n),
            })),
            14 => Self::Semaphore(SemaphoreAction::Split(waiter, n)),
            15 => Self::Semaphore(SemaphoreAction::Merge(waiter, other)),
            16 => Self::Semaphore(SemaphoreAction::Add(n)),
            17 => Self::Semaphore(SemaphoreAction::Reduce(n)),
            18 => Self::Semaphore(match n % 3 {
                0 => SemaphoreAction::Forget(waiter),
                1 => SemaphoreAction::ForgetAvailable(n),
                _ => SemaphoreAction::SetLimit(waiter),
            }),
            19 => Self::Semaphore(if n == 5 { SemaphoreAction::Close } else { SemaphoreAction::Add(n) }),
            20 => Self::Semaphore(SemaphoreAction::AddUpTo(waiter, n)),
            21 => Self::Common(Action::Acquire(Request::up_to(n, n + 2).max_waiters(waiter % 4))),
            22 => Self::Common(Action::Acquire(Request::ALL)),
            _ if n == 0 => Self::Common(Action::Create(Request::ALL)),
            _ if n == 1 => Self::Common(Action::Acquire(Request::ALL.max_waiters(waiter % 3))),
            _ => Self::Semaphore(SemaphoreAction::SetLimit(n)),
        }
    }
}
