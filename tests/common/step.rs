//! The steps of which test programs are made.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    For(usize),
    /// At least, and at most.
    UpTo(usize, usize),
    /// Not behind a line of this length or longer; so many permits.
    Behind(usize, usize),
}

impl Ask {
    pub fn least(self) -> usize {
        match self {
            Self::For(n) | Self::UpTo(n, _) | Self::Behind(_, n) => n,
        }
    }

    pub fn most(self) -> usize {
        match self {
            Self::For(n) | Self::UpTo(_, n) | Self::Behind(_, n) => n,
        }
    }

    pub fn room(self) -> usize {
        match self {
            Self::Behind(length, _) => length,
            _ => usize::MAX,
        }
    }
}

impl From<usize> for Ask {
    fn from(n: usize) -> Self {
        Self::For(n)
    }
}

/// What can be done with a semaphore and with a mutex. Whoever takes part has a number, in order of appearance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Makes a request and does not poll it.
    Make(Ask),
    /// Makes a request and polls it once.
    Ask(Ask),
    Poll(usize),
    /// Polls with a waker of another voice.
    PollAnew(usize),
    /// Drops the request, or what it got.
    Leave(usize),
    Try(usize),
}

/// What can be done with a semaphore alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Forget(usize),
    /// Parts so many permits from what he holds.
    Split(usize, usize),
    /// The first takes in what the second holds.
    Merge(usize, usize),
    Add(usize),
    Reduce(usize),
    ForgetFree(usize),
    /// Moves the limit from, to.
    Resize(usize, usize),
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Turn(Turn),
    Change(Change),
}

/// What a step tells the one who takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    Waits,
    Got(usize),
    Refused,
    Count(usize),
}

/// What can be seen after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub answer: Answer,
    pub woken: Vec<super::log::Ring>,
    /// A mutex does not tell.
    pub word: Option<Word>,
}

/// What a semaphore tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub free: usize,
    pub waiters: usize,
    pub closed: bool,
}

impl Turn {
    /// The same turn, as it can be done with a mutex.
    pub fn for_one(self) -> Self {
        match self {
            Self::Make(_) => Self::Make(Ask::For(1)),
            Self::Ask(_) => Self::Ask(Ask::For(1)),
            Self::Try(_) => Self::Try(1),
            other => other,
        }
    }
}

impl Step {
    pub fn turn(self) -> Option<Turn> {
        match self {
            Self::Turn(turn) => Some(turn),
            Self::Change(_) => None,
        }
    }

    /// Whether it leaves as many permits as there were.
    pub fn keeps_total(self) -> bool {
        use Change::{Add, Forget, ForgetFree, Reduce, Resize};
        !matches!(self, Self::Change(Add(_) | Forget(_) | ForgetFree(_) | Reduce(_) | Resize(..)))
    }

    /// Any three bytes are a step: what, who, how many. Small numbers first, so that shrinking leads to them.
    pub fn from_bytes([what, who, n]: [u8; 3]) -> Self {
        let (who, n) = (usize::from(who % 12), usize::from(n % 6));
        let other = (who + 1 + n) % 12;
        match what % 20 {
            0..4 => Self::Turn(Turn::Ask(Ask::For(n))),
            4 => Self::Turn(Turn::Ask(Ask::UpTo(n, n + who % 4))),
            5 => Self::Turn(Turn::Ask(Ask::Behind(who % 4, n))),
            6 => Self::Turn(Turn::Make(Ask::For(n))),
            7 | 8 => Self::Turn(Turn::Poll(who)),
            9 => Self::Turn(Turn::PollAnew(who)),
            10..13 => Self::Turn(Turn::Leave(who)),
            13 => Self::Turn(Turn::Try(n)),
            14 => Self::Change(Change::Split(who, n)),
            15 => Self::Change(Change::Merge(who, other)),
            16 => Self::Change(Change::Add(n)),
            17 => Self::Change(Change::Reduce(n)),
            18 => Self::Change(
                [Change::Forget(who), Change::ForgetFree(n), Change::Resize(who % 6, n)][n % 3],
            ),
            _ => Self::Change(if n == 5 { Change::Close } else { Change::Add(n) }),
        }
    }
}
