#![forbid(unsafe_code)]
//! The state word: the permits and four flags in one atomic, and every decision that depends on one value of it.
//!
//! ```text
//!    bit  63 .............................. 4     3        2        1        0
//!        ┌────────────────────────────────────┬────────┬────────┬────────┬────────┐
//!        │ available permits; < 0: a deficit  │ CLOSED │ PEEKED │ LOCKED │ QUEUED │
//!        └────────────────────────────────────┴────────┴────────┴────────┴────────┘
//! ```
//!
//! * QUEUED: the queue is not empty, or a thread that may add a node holds the queue lock. New requests must not take
//!   permits.
//! * LOCKED: the queue lock. A thread edits the queue. Other threads may still add permits, but take none away.
//! * PEEKED: a thread reads the queue without the queue lock. Until it has finished, no node is added to the queue, and none
//!   is removed by its owner; the front may still be granted its permits.
//! * CLOSED: every acquire fails. Never cleared.
//!
//! *The word* is the atomic, *the state* is a value of it.
//!
//! Each change of the word is one atomic step. The flags that a row does not name may be set or clear, and stay as they are.
//!
//! | change | by | before | after |
//! |---|---|---|---|
//! | a new request takes permits | `take` | QUEUED and CLOSED clear, enough permits | fewer permits |
//! | permits are taken away | `take` | LOCKED clear | fewer permits |
//! | a release that does not see a queued request | `release` | | more permits |
//! | another release, an addition, a close | `update` | QUEUED clear or LOCKED set | more permits, or CLOSED set |
//! | the same, which locks the queue to serve it | `update` | QUEUED set, LOCKED clear | the same, and LOCKED set |
//! | lock the queue to serve it | `try_lock_to_serve` | QUEUED set, LOCKED clear | LOCKED set |
//! | lock it to add a node | `try_lock_to_enqueue` | LOCKED, PEEKED and CLOSED clear | LOCKED and QUEUED set |
//! | lock it for the owner of a node | `WaitQueue::lock` | QUEUED set, LOCKED and PEEKED clear | LOCKED set |
//! | unlock it | `QueueGuard::unlock` | LOCKED and QUEUED set | LOCKED clear, QUEUED clear if the queue is empty, fewer permits if requests are granted (F5) |
//! | begin to peek | `peek` | QUEUED set, LOCKED and PEEKED clear | PEEKED set |
//! | end a peek | `end_peek` | PEEKED set | PEEKED clear |

use crate::sync::{AtomicUsize, Ordering, const_fn};

const QUEUED: usize = 0b0001;
const LOCKED: usize = 0b0010;
pub(super) const PEEKED: usize = 0b0100;
pub(super) const CLOSED: usize = 0b1000;
const SHIFT: u32 = 4;

/// The maximum number of available permits: half of the maximum of the signed field above the flags. The other half is room
/// for permits that are added without a check, so that they do not reach the sign bit.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> (SHIFT + 2);

pub(crate) const TOO_MANY_PERMITS: &str = "a semaphore holds at most MAX_PERMITS permits";
pub(crate) const DEFICIT_TOO_LARGE: &str = "a semaphore owes at most MAX_PERMITS permits";

/// The maximum number of permits that are released without an exact check against [`MAX_PERMITS`].
const MAX_UNCHECKED: usize = MAX_PERMITS >> 15;

/// How many permits a request needs, and how many it takes if they are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Request {
    pub(crate) const fn exactly(n: usize) -> Self {
        Self { min: n, max: n }
    }
}

/// A value of the state word.
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

    pub(crate) const fn is_peeked(self) -> bool {
        self.0 & PEEKED != 0
    }

    /// Whether a thread may lock the queue to add a node, or to remove its own: no other thread edits or reads the queue.
    #[inline]
    pub(crate) const fn is_editable(self) -> bool {
        self.0 & (LOCKED | PEEKED) == 0
    }

    pub(crate) const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// The available permits, or, as a negative number, the owed permits.
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
    pub(crate) const fn try_take(self, n: usize) -> Option<Self> {
        if self.0 & (QUEUED | CLOSED) == 0 && self.permits() >= n as isize {
            Some(self.minus(n))
        } else {
            None
        }
    }

    /// How many permits a new request takes immediately, or `None` if it must wait. The semaphore is not closed.
    // FAIRNESS: as in `try_take`. A request whose minimum is 0 does not wait, but while QUEUED is set it takes no permit.
    pub(crate) const fn share_of_new(self, request: Request) -> Option<usize> {
        match self.share(request) {
            Some(n) if !self.is_queued() => Some(n),
            _ if request.min == 0 => Some(0),
            _ => None,
        }
    }

    /// How many permits a request takes if no other one comes before it, or `None` if too few are available.
    const fn share(self, request: Request) -> Option<usize> {
        if self.permits() < request.min as isize {
            None
        } else if self.permits() < request.max as isize {
            Some(self.permits() as usize)
        } else {
            Some(request.max)
        }
    }

    /// The flags that are stored as the outcome of a request that was claimed before the queue was unlocked with this state.
    /// CLOSED: the request fails; without it, the request is granted. PEEKED: a thread may still read its node (N6).
    #[inline]
    pub(crate) const fn outcome_flags(self) -> usize {
        self.0 & (CLOSED | PEEKED)
    }

    /// Whether any queued request could complete: each of them needs at least one permit. If not, the front is not read,
    /// which is probably not in the cache.
    pub(crate) const fn can_serve(self) -> bool {
        self.permits() > 0 || self.is_closed()
    }

    /// How many permits the request at the front takes, or `None` if it must keep waiting. If the semaphore is closed, the
    /// request can complete, because it fails, and takes none.
    pub(crate) const fn share_of_front(self, request: Request) -> Option<usize> {
        if self.is_closed() { Some(0) } else { self.share(request) }
    }

    /// The state after `n` permits were added, or `None` if there would be more than [`MAX_PERMITS`].
    pub(crate) const fn add(self, n: usize) -> Option<Self> {
        if n <= MAX_PERMITS && self.permits() <= (MAX_PERMITS - n) as isize {
            Some(self.plus(n))
        } else {
            None
        }
    }

    /// Whether `n` permits may be added with `fetch_add`, although other threads may add permits between this check and
    /// the addition. There may then be more than [`MAX_PERMITS`]. To reach the sign bit, more than 32,000 threads must
    /// be between their check and their addition at the same time.
    #[inline]
    pub(crate) const fn can_add_unchecked(self, n: usize) -> bool {
        self.0 & QUEUED == 0 && n <= MAX_UNCHECKED && self.permits() <= (MAX_PERMITS / 2) as isize
    }

    /// The state after `n` permits were taken away, or `None` if the deficit would be more than [`MAX_PERMITS`].
    pub(crate) const fn reduce(self, n: usize) -> Option<Self> {
        if n <= MAX_PERMITS && self.permits() >= n as isize - MAX_PERMITS as isize {
            Some(self.minus(n))
        } else {
            None
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

    /// The state with the queue locked. QUEUED is set, because the lock holder may add a node; if the queue is empty in the
    /// end, `unlock` clears it.
    pub(crate) const fn lock(self) -> Self {
        Self(self.0 | LOCKED | QUEUED)
    }

    /// The state with the queue unlocked, and QUEUED cleared if the queue is empty.
    pub(crate) const fn unlock(self, is_empty: bool) -> Self {
        Self(self.0 & if is_empty { !(LOCKED | QUEUED) } else { !LOCKED })
    }

    pub(crate) const fn peek(self) -> Self {
        Self(self.0 | PEEKED)
    }
}

/// The atomic cell that holds a [`State`].
#[derive(Debug)]
pub(crate) struct AtomicState(AtomicUsize);

impl AtomicState {
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
        current: State,
        new: State,
        success: Ordering,
        failure: Ordering,
    ) -> Result<(), State> {
        match self.0.compare_exchange(current.0, new.0, success, failure) {
            Ok(_) => Ok(()),
            Err(actual) => Err(State(actual)),
        }
    }

    /// Adds permits without a check, and returns the previous state.
    #[inline]
    pub(crate) fn fetch_add(&self, n: usize, order: Ordering) -> State {
        State(self.0.fetch_add(n << SHIFT, order))
    }

    /// Clears PEEKED.
    pub(crate) fn end_peek(&self, order: Ordering) {
        self.0.fetch_and(!PEEKED, order);
    }

    /// The newest state. A read-modify-write, because a load may return an old state, under loom for any number of times.
    // ORDERING: Relaxed: the caller loads the state again.
    pub(crate) fn newest(&self) -> State {
        State(self.0.fetch_or(0, Ordering::Relaxed))
    }
}

// The truth table, checked at compile time.
const _: () = {
    const fn state(permits: isize, flags: usize) -> State {
        State(((permits as usize) << SHIFT) | flags)
    }
    const MAX: isize = MAX_PERMITS as isize;
    const TWO: Request = Request::exactly(2);
    const TWO_TO_FOUR: Request = Request { min: 2, max: 4 };
    const UP_TO_FOUR: Request = Request { min: 0, max: 4 };

    // A new request.
    assert!(state(2, 0).try_take(2).is_some());
    assert!(state(2, PEEKED).try_take(2).is_some());
    assert!(state(1, 0).try_take(2).is_none()); // too few
    assert!(state(9, QUEUED).try_take(1).is_none()); // enough, but another request is queued
    assert!(state(9, QUEUED | LOCKED).try_take(1).is_none());
    assert!(state(9, CLOSED).try_take(1).is_none());
    assert!(state(-1, 0).try_take(1).is_none()); // a deficit
    assert!(state(MAX, 0).try_take(MAX_PERMITS).is_some());
    assert!(matches!(state(3, 0).share_of_new(TWO_TO_FOUR), Some(3))); // all that are available
    assert!(matches!(state(9, 0).share_of_new(TWO_TO_FOUR), Some(4))); // no more than its maximum
    assert!(state(1, 0).share_of_new(TWO_TO_FOUR).is_none());
    assert!(state(3, QUEUED).share_of_new(TWO_TO_FOUR).is_none());
    assert!(matches!(state(3, QUEUED).share_of_new(UP_TO_FOUR), Some(0))); // does not wait, takes nothing
    assert!(matches!(state(-1, 0).share_of_new(UP_TO_FOUR), Some(0)));
    assert!(matches!(state(3, 0).share_of_new(UP_TO_FOUR), Some(3)));

    // The request at the front.
    assert!(matches!(state(3, QUEUED).share_of_front(TWO), Some(2)));
    assert!(matches!(state(3, QUEUED).share_of_front(TWO_TO_FOUR), Some(3)));
    assert!(matches!(state(9, QUEUED).share_of_front(TWO_TO_FOUR), Some(4)));
    assert!(state(1, QUEUED).share_of_front(TWO).is_none()); // and the requests behind it wait, too
    assert!(matches!(state(9, QUEUED | CLOSED).share_of_front(TWO), Some(0)));
    assert!(state(1, QUEUED).can_serve() && state(0, QUEUED | CLOSED).can_serve());
    assert!(!state(0, QUEUED).can_serve() && !state(-1, QUEUED).can_serve());

    // Adding and taking away.
    assert!(state(MAX, 0).permits() == MAX && state(MAX, 0).available() == MAX_PERMITS);
    assert!(state(-MAX, LOCKED | QUEUED | CLOSED).permits() == -MAX);
    assert!(state(-3, 0).available() == 0 && state(-3, 0).owed() == 3 && state(3, 0).owed() == 0);
    assert!(state(MAX - 1, 0).add(1).is_some());
    assert!(state(MAX, 0).add(1).is_none());
    assert!(state(MAX, 0).plus(MAX_UNCHECKED).permits() > MAX); // room for a release that was not checked
    assert!(state(2 * MAX, 0).add(1).is_none() && state(2 * MAX, 0).available() == 2 * MAX_PERMITS);
    assert!(state(0, 0).add(MAX_PERMITS + 1).is_none());
    assert!(state(0, 0).add(usize::MAX).is_none());
    assert!(state(-1, 0).add(MAX_PERMITS).is_some()); // pays one owed permit
    assert!(state(0, 0).reduce(MAX_PERMITS).is_some());
    assert!(state(-1, 0).reduce(MAX_PERMITS).is_none());
    assert!(state(5, 0).reduce(usize::MAX).is_none());
    assert!(state(MAX - 1, CLOSED).plus(1).minus(1).0 == state(MAX - 1, CLOSED).0); // the flags stay as they are
    assert!(state(0, 0).can_add_unchecked(1) && state(-MAX, CLOSED).can_add_unchecked(1));
    assert!(!state(0, QUEUED).can_add_unchecked(1) && !state(MAX, 0).can_add_unchecked(1));
    assert!(!state(0, 0).can_add_unchecked(MAX_PERMITS));

    // The lock.
    assert!(state(3, CLOSED).lock().is_closed() && state(3, CLOSED).lock().is_queued());
    assert!(state(3, QUEUED | LOCKED | CLOSED).unlock(true).0 == state(3, CLOSED).0);
    assert!(state(3, QUEUED | LOCKED | PEEKED).unlock(false).0 == state(3, QUEUED | PEEKED).0);
};
