#![forbid(unsafe_code)]
//! The state word: the permits and four flags in one atomic, and every decision that depends on one value of it.
//!
//! ```text
//!    bit  63 .............................. 4     3        2        1        0
//!        ┌────────────────────────────────────┬────────┬─────────┬────────┬────────┐
//!        │ available permits; < 0: a deficit  │ CLOSED │ RECHECK │ LOCKED │ QUEUED │
//!        └────────────────────────────────────┴────────┴─────────┴────────┴────────┘
//! ```
//!
//! * QUEUED: the queue is not empty, or a thread that may add a node holds the queue lock. New requests must not take
//!   permits.
//! * LOCKED: the queue lock. A thread edits the queue.
//! * RECHECK: the lock holder must examine the front again before it unlocks. Set only while LOCKED is set.
//! * CLOSED: every acquire fails. Never cleared.
//!
//! Each change of the word is one atomic step. The flags that a row does not name may be set or clear, and stay as they are.
//!
//! | change | before | after |
//! |---|---|---|
//! | a new request takes permits | QUEUED and CLOSED clear, enough permits | fewer permits |
//! | permits are released or added | | more permits |
//! | permits are forgotten, or owed | | fewer permits, and RECHECK set if LOCKED is |
//! | close | | CLOSED set |
//! | request another look at the front | LOCKED set | RECHECK set |
//! | lock the queue | LOCKED clear | LOCKED and QUEUED set |
//! | begin the look that was requested | LOCKED and RECHECK set | RECHECK clear |
//! | unlock the queue | LOCKED and QUEUED set, RECHECK clear | LOCKED clear, QUEUED clear if the queue is empty, fewer permits if requests are granted (F5) |
//!
//! A thread that adds permits or closes the semaphore, and finds the queue unlocked and not empty, locks it in the same step.

const QUEUED: usize = 0b0001;
const LOCKED: usize = 0b0010;
const RECHECK: usize = 0b0100;
const CLOSED: usize = 0b1000;
const SHIFT: u32 = 4;

/// The maximum number of permits that can exist, and the maximum number that can be owed. A quarter of the numbers that the
/// signed field above the flags can hold: if [`MAX_PERMITS`] permits are held and as many are owed, the field is at its
/// minimum of minus two times [`MAX_PERMITS`].
pub(crate) const MAX_PERMITS: usize = usize::MAX >> (SHIFT + 2);

/// Why a request gets no permits.
// As wide as the number of permits, so that a result is returned in two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Refused {
    /// The semaphore is closed.
    Closed,
    /// Too few permits are available, or another request is queued.
    NoPermits,
    /// The request would have to wait, and as many requests are queued as it permits.
    QueueFull,
}

/// How many permits a request needs, and how many it takes if they are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Request {
    /// All permits that exist. The minimum is more than any number of permits; the limit decides instead.
    pub(crate) const ALL: Self = Self::exactly(usize::MAX >> 3);

    pub(crate) const fn exactly(n: usize) -> Self {
        Self { min: n, max: n }
    }

    pub(crate) const fn is_all(self) -> bool {
        self.min == Self::ALL.min
    }
}

/// A value of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(pub(super) usize);

impl State {
    /// The state with `permits` permits and no flag. Adding it to another state adds the permits.
    #[inline]
    pub(super) const fn new(permits: usize) -> Self {
        Self(permits << SHIFT)
    }

    #[inline]
    pub(crate) const fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    #[inline]
    pub(super) const fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    /// Whether a thread that has added permits, or closed the semaphore, must lock the queue to serve it.
    #[inline]
    pub(super) const fn must_serve(self) -> bool {
        self.0 & (QUEUED | LOCKED) == QUEUED
    }

    pub(super) const fn is_recheck(self) -> bool {
        self.0 & RECHECK != 0
    }

    #[inline]
    pub(crate) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// The available permits, or, as a negative number, the owed permits.
    #[inline]
    pub(crate) const fn permits(self) -> isize {
        self.0 as isize >> SHIFT
    }

    /// The permits that no thread or task holds.
    pub(crate) const fn available(self) -> usize {
        if self.permits() < 0 { 0 } else { self.permits() as usize }
    }

    /// The owed permits: as many must be released before the next one becomes available.
    pub(crate) const fn owed(self) -> usize {
        if self.permits() < 0 { self.permits().unsigned_abs() } else { 0 }
    }

    /// The state after a new request has taken `n` permits, or `None` if it must wait or fail.
    // FAIRNESS: while QUEUED is set, a new request takes no permit, however many are available (F1).
    #[inline]
    pub(super) const fn try_take(self, n: usize) -> Option<Self> {
        if self.0 & (QUEUED | CLOSED) == 0 && self.permits() >= n as isize {
            Some(self.minus(n))
        } else {
            None
        }
    }

    /// How many permits a new request takes immediately.
    // FAIRNESS: as in `try_take`. A request whose minimum is 0 does not wait, but while QUEUED is set it takes no permit.
    #[inline]
    pub(super) const fn share_of_new(self, request: Request) -> Result<usize, Refused> {
        if self.0 & CLOSED != 0 {
            Err(Refused::Closed)
        } else if self.0 & QUEUED == 0 && self.permits() >= request.min as isize {
            Ok(self.share(request.max))
        } else if request.min == 0 {
            Ok(0)
        } else {
            Err(Refused::NoPermits)
        }
    }

    /// Whether a front that needs `needed` permits can complete.
    #[inline]
    pub(super) const fn may_serve(self, needed: isize) -> bool {
        self.permits() >= needed || self.0 & CLOSED != 0
    }

    /// The available permits, but at most `max`.
    #[inline]
    const fn share(self, max: usize) -> usize {
        if self.available() < max { self.available() } else { max }
    }

    /// How many permits the front takes if it needs `least` and takes at most `most`, or `None` if it must keep waiting. If
    /// the semaphore is closed, the request can complete, because it fails, and takes none.
    #[inline]
    pub(super) const fn share_of_front(self, least: isize, most: usize) -> Option<usize> {
        if self.0 & CLOSED != 0 {
            Some(0)
        } else if self.permits() >= least {
            Some(self.share(most))
        } else {
            None
        }
    }

    /// The state after up to `n` available permits were forgotten, and how many were. If the queue is locked, its holder
    /// must examine the front again (F6).
    pub(super) const fn forget(self, n: usize) -> (Self, usize) {
        let forgotten = self.share(n);
        (self.minus(forgotten).recheck(), forgotten)
    }

    /// The state after `n` permits were taken away, or `None` if the field would not hold the deficit. Otherwise like
    /// [`forget`](Self::forget).
    pub(super) const fn reduce(self, n: usize) -> Option<Self> {
        if n <= 2 * MAX_PERMITS && self.permits() >= n as isize - 2 * MAX_PERMITS as isize {
            Some(self.minus(n).recheck())
        } else {
            None
        }
    }

    /// How many permits have to be added until `most` are available. They pay the owed permits first.
    pub(super) const fn room(self, most: usize) -> usize {
        if self.permits() < most as isize { (most as isize - self.permits()) as usize } else { 0 }
    }

    #[inline]
    pub(super) const fn plus(self, n: usize) -> Self {
        Self(self.0.wrapping_add(n << SHIFT))
    }

    #[inline]
    pub(super) const fn minus(self, n: usize) -> Self {
        Self(self.0.wrapping_sub(n << SHIFT))
    }

    pub(super) const fn close(self) -> Self {
        Self(self.0 | CLOSED)
    }

    /// The state in which the lock holder, if there is one, must examine the front again.
    pub(super) const fn recheck(self) -> Self {
        if self.is_locked() { Self(self.0 | RECHECK) } else { self }
    }

    pub(super) const fn without_recheck(self) -> Self {
        Self(self.0 & !RECHECK)
    }

    /// The state with the queue locked. QUEUED is set, because the lock holder may add a node; if the queue is empty in the
    /// end, `unlock` clears it.
    #[inline]
    pub(super) const fn lock(self) -> Self {
        Self(self.0 | LOCKED | QUEUED)
    }

    /// The state with the queue unlocked, `granted` permits taken, and QUEUED cleared if the queue is empty. A closed semaphore
    /// grants nothing (F5).
    #[inline]
    pub(super) const fn unlock(self, granted: usize, is_empty: bool) -> Self {
        let unlocked = self.0 & if is_empty { !(LOCKED | QUEUED) } else { !LOCKED };
        if self.0 & CLOSED == 0 { Self(unlocked).minus(granted) } else { Self(unlocked) }
    }
}

/// A value of the limit word: the permits that exist, above a count of three bits and a flag, which say whether `set_limit` was
/// called since a raise. A raise sets the flag. A call of `set_limit` that finds the flag set clears it and counts. So the
/// count repeats only if seven more raises follow, each of them before another call.
#[derive(Clone, Copy)]
pub(super) struct Limit(pub(super) isize);

impl Limit {
    const RAISED: isize = 1;
    const COUNT: isize = 0b1110;

    pub(super) const fn new(permits: isize) -> Self {
        Self(permits << SHIFT)
    }

    pub(super) const fn permits(self) -> isize {
        self.0 >> SHIFT
    }

    pub(super) const fn with(self, permits: isize) -> Self {
        Self(permits << SHIFT | self.0 & (Self::COUNT | Self::RAISED))
    }

    pub(super) const fn raise(self, permits: isize) -> Self {
        Self(self.with(permits).0 | Self::RAISED)
    }

    // Adding the flag to itself clears it, and carries into the count.
    pub(super) const fn set(self, permits: isize) -> Self {
        Self(permits << SHIFT | self.0.wrapping_add(self.0 & Self::RAISED) & Self::COUNT)
    }

    pub(super) const fn was_set_since(self, raised: Self) -> bool {
        (self.0 ^ raised.0) & Self::COUNT != 0
    }
}

// The truth table, checked at compile time.
const _: () = {
    const fn s(permits: isize, flags: usize) -> State {
        State(((permits as usize) << SHIFT) | flags)
    }
    const MAX: isize = MAX_PERMITS as isize;
    const TWO_TO_FOUR: Request = Request { min: 2, max: 4 };
    const UP_TO_FOUR: Request = Request { min: 0, max: 4 };
    const RAISED: Limit = Limit::new(1).raise(2);

    // A new request.
    assert!(s(2, 0).try_take(2).is_some());
    assert!(s(1, 0).try_take(2).is_none()); // too few
    assert!(s(9, QUEUED).try_take(1).is_none()); // enough, but another request is queued
    assert!(s(9, QUEUED | LOCKED).try_take(1).is_none() && s(9, CLOSED).try_take(1).is_none());
    assert!(s(-1, 0).try_take(1).is_none()); // a deficit
    assert!(s(MAX, 0).try_take(MAX_PERMITS).is_some());
    assert!(matches!(s(2, 0).share_of_new(TWO_TO_FOUR), Ok(2))); // exactly its minimum
    assert!(matches!(s(3, 0).share_of_new(TWO_TO_FOUR), Ok(3))); // all that are available
    assert!(matches!(s(9, 0).share_of_new(TWO_TO_FOUR), Ok(4))); // no more than its maximum
    assert!(matches!(s(9, CLOSED).share_of_new(UP_TO_FOUR), Err(Refused::Closed)));
    assert!(s(1, 0).share_of_new(TWO_TO_FOUR).is_err() && s(3, QUEUED).share_of_new(TWO_TO_FOUR).is_err());
    assert!(matches!(s(3, QUEUED).share_of_new(UP_TO_FOUR), Ok(0))); // does not wait, takes nothing
    assert!(matches!(s(-1, 0).share_of_new(UP_TO_FOUR), Ok(0)));
    assert!(matches!(s(3, 0).share_of_new(UP_TO_FOUR), Ok(3)));

    // The request at the front.
    assert!(matches!(s(3, QUEUED).share_of_front(2, 2), Some(2)));
    assert!(matches!(s(3, QUEUED).share_of_front(2, 4), Some(3)));
    assert!(matches!(s(9, QUEUED).share_of_front(2, 4), Some(4)));
    assert!(s(1, QUEUED).share_of_front(2, 2).is_none()); // and the requests behind it wait, too
    assert!(matches!(s(9, QUEUED | CLOSED).share_of_front(2, 2), Some(0)));
    // A request for all permits, which needs as many as the limit.
    assert!(s(8, QUEUED).share_of_front(9, MAX_PERMITS).is_none()); // one is held
    assert!(matches!(s(9, QUEUED).share_of_front(9, MAX_PERMITS), Some(9)));
    assert!(matches!(s(0, QUEUED).share_of_front(0, MAX_PERMITS), Some(0)));
    assert!(matches!(s(-3, QUEUED).share_of_front(-3, MAX_PERMITS), Some(0))); // three are owed, none is held
    assert!(s(-3, QUEUED).share_of_front(0, MAX_PERMITS).is_none());
    assert!(matches!(s(1, QUEUED | CLOSED).share_of_front(9, MAX_PERMITS), Some(0)));

    assert!(s(2, QUEUED).may_serve(2) && !s(2, QUEUED).may_serve(3) && s(0, CLOSED).may_serve(9));

    // Adding and taking away.
    assert!(s(MAX, 0).permits() == MAX && s(MAX, 0).available() == MAX_PERMITS);
    assert!(s(-2 * MAX, LOCKED | QUEUED | CLOSED).permits() == -2 * MAX);
    assert!(s(-3, 0).available() == 0 && s(-3, 0).owed() == 3 && s(3, 0).owed() == 0);
    assert!(s(0, 0).reduce(2 * MAX_PERMITS).is_some() && s(-1, 0).reduce(2 * MAX_PERMITS).is_none());
    assert!(s(5, 0).reduce(usize::MAX).is_none());
    assert!(s(MAX - 1, CLOSED).plus(1).minus(1).0 == s(MAX - 1, CLOSED).0); // the flags stay as they are
    assert!(matches!(s(3, QUEUED).forget(5), (State(0b0001), 3)) && matches!(s(-3, 0).forget(5), (_, 0)));
    assert!(s(3, QUEUED | LOCKED).forget(1).0.is_recheck() && !s(3, QUEUED).forget(1).0.is_recheck());
    assert!(s(-3, 0).room(5) == 8 && s(2, 0).room(5) == 3 && s(6, 0).room(5) == 0);

    // The limit.
    assert!(Limit::new(-2 * MAX).permits() == -2 * MAX && Limit::new(MAX).set(-3).permits() == -3);
    assert!(RAISED.permits() == 2 && !RAISED.with(1).raise(3).was_set_since(RAISED));
    assert!(RAISED.set(2).was_set_since(RAISED) && RAISED.set(3).set(2).was_set_since(RAISED)); // however often
    assert!(
        RAISED.set(2).0 == RAISED.set(3).set(2).0 && RAISED.set(3).raise(3).set(2).0 != RAISED.set(2).0
    );
    assert!(Limit(Limit::COUNT | Limit::RAISED).set(-1).0 == Limit::new(-1).0);

    // The lock.
    assert!(s(3, CLOSED).lock().is_closed() && s(3, CLOSED).lock().is_queued());
    assert!(s(3, QUEUED).must_serve() && !s(3, QUEUED | LOCKED).must_serve() && !s(3, 0).must_serve());
    assert!(s(3, QUEUED | LOCKED).unlock(3, true).0 == s(0, 0).0);
    assert!(s(3, QUEUED | LOCKED | CLOSED).unlock(3, true).0 == s(3, CLOSED).0);
    assert!(s(3, QUEUED | LOCKED).unlock(1, false).0 == s(2, QUEUED).0);
    assert!(s(3, QUEUED | LOCKED).recheck().without_recheck().0 == s(3, QUEUED | LOCKED).0);
    assert!(!s(3, QUEUED).recheck().is_recheck());
};
