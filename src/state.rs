#![forbid(unsafe_code)]
//! The word: the free permits and three flags in one atomic, and all the policy that one look at it
//! can decide.
//!
//! ```text
//!    bit  63 ........................... 3     2        1        0
//!        ┌─────────────────────────────────┬────────┬────────┬────────┐
//!        │ free permits, signed: < 0: debt │ CLOSED │ LOCKED │ QUEUED │
//!        └─────────────────────────────────┴────────┴────────┴────────┘
//! ```
//!
//! * QUEUED: the line is not empty. Newcomers must not take permits, however many lie free.
//! * LOCKED: one thread edits the line. Permits may still be added and taken away meanwhile.
//! * CLOSED: every request is refused, now and for ever.
//!
//! LOCKED is only ever set together with QUEUED or on top of it.

use crate::sync::{AtomicUsize, Ordering, const_fn};

const QUEUED: usize = 0b001;
const LOCKED: usize = 0b010;
const CLOSED: usize = 0b100;
const SHIFT: u32 = 3;

/// The most permits there may be: half of what a signed field above three flags can hold, so that a release
/// past it is seen for what it is before it is taken back.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> (SHIFT + 2);

pub(crate) const TOO_MANY: &str = "a semaphore holds at most MAX_PERMITS permits";
pub(crate) const TOO_MUCH_OWED: &str = "a semaphore owes at most MAX_PERMITS permits";

/// How many permits a request wants: at least so many, and up to so many if they lie free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Ask {
    pub(crate) const fn exactly(n: usize) -> Self {
        Self { least: n, most: n }
    }
}

/// What ends a waiter's time in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// So many permits are its own, whatever happens to the semaphore from now on.
    Granted(usize),
    /// The semaphore is closed.
    Refused,
}

/// What the word said at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(usize);

impl State {
    const fn new(permits: usize) -> Self {
        Self(permits << SHIFT)
    }

    pub(crate) const fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    pub(crate) const fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    pub(crate) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// The free permits; below zero: so many that come back are owed.
    pub(crate) const fn permits(self) -> isize {
        self.0 as isize >> SHIFT
    }

    /// The permits that somebody could be given.
    pub(crate) const fn free(self) -> usize {
        if self.permits() < 0 { 0 } else { self.permits() as usize }
    }

    /// The word after a newcomer has taken `n`, or `None` if it must stand in line or is refused.
    // FAIRNESS: with QUEUED set nobody takes permits past the line, however many lie free (F1).
    #[inline]
    pub(crate) const fn take(self, n: usize) -> Option<Self> {
        if self.0 & (QUEUED | CLOSED) == 0 && self.permits() >= n as isize {
            Some(self.minus(n))
        } else {
            None
        }
    }

    /// The word after `n` permits were added, or `None` if that is more than there may be.
    pub(crate) const fn add(self, n: usize) -> Option<Self> {
        if n <= MAX_PERMITS && self.permits() <= (MAX_PERMITS - n) as isize {
            Some(self.plus(n))
        } else {
            None
        }
    }

    /// The word after `n` permits were taken away, into debt if need be, or `None` if the debt would
    /// be more than there may be permits.
    pub(crate) const fn reduce(self, n: usize) -> Option<Self> {
        if n <= MAX_PERMITS && self.permits() >= n as isize - MAX_PERMITS as isize {
            Some(self.minus(n))
        } else {
            None
        }
    }

    /// How many permits one who asks gets, if it is his turn; `None` if too few lie free.
    const fn share(self, ask: Ask) -> Option<usize> {
        if self.permits() < ask.least as isize {
            None
        } else if self.permits() < ask.most as isize {
            Some(self.permits() as usize)
        } else {
            Some(ask.most)
        }
    }

    /// How many permits a newcomer gets at once, or `None` if it must stand in line or is refused.
    // FAIRNESS: as in `take`.
    pub(crate) const fn share_at_once(self, ask: Ask) -> Option<usize> {
        if self.0 & (QUEUED | CLOSED) == 0 { self.share(ask) } else { None }
    }

    /// Whether a newcomer can neither be met nor refused.
    // FAIRNESS: as in `take`.
    pub(crate) const fn must_wait(self, ask: Ask) -> bool {
        ask.least > 0 && !self.is_closed() && (self.is_queued() || self.permits() < ask.least as isize)
    }

    /// Whether anybody in line could be told anything, whatever he asks for: all in line need at least one permit.
    /// Saves the look at the front, which may be far away, when there is nothing to give.
    pub(crate) const fn can_serve(self) -> bool {
        self.permits() > 0 || self.is_closed()
    }

    /// What the front of the line is to be told now; `None` if it must wait on.
    pub(crate) const fn verdict(self, ask: Ask) -> Option<Verdict> {
        if self.is_closed() {
            return Some(Verdict::Refused);
        }
        match self.share(ask) {
            Some(n) => Some(Verdict::Granted(n)),
            None => None,
        }
    }

    pub(crate) const fn plus(self, n: usize) -> Self {
        Self(self.0.wrapping_add(n << SHIFT))
    }

    pub(crate) const fn minus(self, n: usize) -> Self {
        Self(self.0.wrapping_sub(n << SHIFT))
    }

    pub(crate) const fn close(self) -> Self {
        Self(self.0 | CLOSED)
    }

    /// The word once the lock is taken, by one who leaves at least one node in the line.
    pub(crate) const fn lock(self) -> Self {
        Self(self.0 | LOCKED | QUEUED)
    }

    /// The word once the lock is given back over a line that is empty or not.
    pub(crate) const fn unlock(self, empty: bool) -> Self {
        Self(self.0 & if empty { !(LOCKED | QUEUED) } else { !LOCKED })
    }
}

/// The atomic cell that holds a [`State`].
#[derive(Debug)]
pub(crate) struct Word(AtomicUsize);

impl Word {
    /// The bit a thread waits for at the gate.
    pub(crate) const HELD: usize = LOCKED;

    const_fn! {
        pub(crate) const fn new(permits: usize) -> Self {
            Self(AtomicUsize::new(State::new(permits).0))
        }
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> State {
        State(self.0.load(order))
    }

    #[inline]
    pub(crate) fn compare_exchange(
        &self,
        seen: State,
        next: State,
        success: Ordering,
        failure: Ordering,
    ) -> Result<(), State> {
        match self.0.compare_exchange(seen.0, next.0, success, failure) {
            Ok(_) => Ok(()),
            Err(now) => Err(State(now)),
        }
    }

    /// Adds permits without a look; returns what the word was.
    #[inline]
    pub(crate) fn add(&self, n: usize, order: Ordering) -> State {
        State(self.0.fetch_add(n << SHIFT, order))
    }

    pub(crate) fn atomic(&self) -> &AtomicUsize {
        &self.0
    }
}

// The truth table, checked by the compiler.
const _: () = {
    const fn word(permits: isize, flags: usize) -> State {
        State(((permits as usize) << SHIFT) | flags)
    }
    const MAX: isize = MAX_PERMITS as isize;

    assert!(word(2, 0).take(2).is_some());
    assert!(word(1, 0).take(2).is_none()); // too few
    assert!(word(9, QUEUED).take(1).is_none()); // plenty, but somebody is already waiting
    assert!(word(9, QUEUED | LOCKED).take(1).is_none());
    assert!(word(9, CLOSED).take(1).is_none());
    assert!(word(-1, 0).take(1).is_none()); // in debt
    assert!(word(MAX, 0).take(MAX_PERMITS).is_some());

    const TWO: Ask = Ask::exactly(2);
    const SOME: Ask = Ask { least: 2, most: 4 };
    assert!(matches!(word(3, QUEUED).verdict(TWO), Some(Verdict::Granted(2))));
    assert!(matches!(word(3, QUEUED).verdict(SOME), Some(Verdict::Granted(3)))); // all there are
    assert!(matches!(word(9, QUEUED).verdict(SOME), Some(Verdict::Granted(4)))); // all it may
    assert!(word(1, QUEUED).verdict(TWO).is_none()); // and those behind it wait, too
    assert!(word(1, QUEUED).can_serve() && word(0, QUEUED | CLOSED).can_serve());
    assert!(!word(0, QUEUED).can_serve() && !word(-1, QUEUED).can_serve());
    assert!(matches!(word(9, QUEUED | CLOSED).verdict(TWO), Some(Verdict::Refused)));
    assert!(matches!(word(3, 0).share_at_once(SOME), Some(3)));
    assert!(word(3, QUEUED).share_at_once(SOME).is_none());
    assert!(word(3, CLOSED).share_at_once(SOME).is_none());
    assert!(word(3, QUEUED).must_wait(SOME) && word(1, 0).must_wait(SOME));
    assert!(!word(3, 0).must_wait(SOME) && !word(3, QUEUED | CLOSED).must_wait(SOME));
    assert!(!word(-1, QUEUED).must_wait(Ask::exactly(0))); // who wants none never waits

    assert!(word(MAX, 0).permits() == MAX);
    assert!(word(-MAX, LOCKED | QUEUED | CLOSED).permits() == -MAX);
    assert!(word(-3, 0).free() == 0);
    assert!(word(MAX - 1, 0).add(1).is_some());
    assert!(word(MAX, 0).add(1).is_none());
    assert!(word(2 * MAX, 0).add(1).is_none()); // seen for too many, not for a debt
    assert!(word(0, 0).add(MAX_PERMITS + 1).is_none());
    assert!(word(0, 0).add(usize::MAX).is_none());
    assert!(word(-1, 0).add(MAX_PERMITS).is_some()); // the debt is paid first
    assert!(word(0, 0).reduce(MAX_PERMITS).is_some());
    assert!(word(-1, 0).reduce(MAX_PERMITS).is_none());
    assert!(word(5, 0).reduce(usize::MAX).is_none());
    assert!(word(MAX, CLOSED).plus(1).minus(1).0 == word(MAX, CLOSED).0); // flags stay clean

    assert!(word(3, CLOSED).lock().is_closed() && word(3, CLOSED).lock().is_queued());
    assert!(word(3, QUEUED | LOCKED | CLOSED).unlock(true).0 == word(3, CLOSED).0);
};
