#![allow(unsafe_code)]
//! The queue of waiters: a doubly linked list of nodes that live inside their own futures, and the lock that guards it. No
//! other file follows a pointer to a node.
//!
//! Why not a `VecDeque`, or the usual list? A `VecDeque` would allocate, and removing a waiter from its middle would mean a
//! search. The usual list needs pointers to the front and to the back, and does not use the front's `prev`. Here the
//! front's `prev` points to the back, so a semaphore needs one pointer.
//!
//! ```text
//!   queue ──▶ front ◀──prev── node ◀──prev── back
//!               │ ──next──▶        ──next──▶   │ next: unspecified
//!               └──────────────prev──────────▶─┘
//! ```
//!
//! The *owner* of a node is the thread that polls or drops its future.
//!
//! * **Q1 (alive)** An [`Entry`] is a pointer to a node that is queued or claimed. Such a node is not moved or freed: its
//!   future is pinned, and removes the node or waits for its outcome when it is dropped. (Other threads access memory
//!   that the owner holds as `Pin<&mut _>`. That is sound because the future is `!Unpin`, as it is for every intrusive
//!   future.)
//! * **Q2 (exclusive)** Entries, and the links of queued nodes, are accessed only by the thread that holds the queue lock, through its [`QueueGuard`]. There is at most one guard: it exists while LOCKED is set.
//! * **Q3 (linked)** `a.next` is `b` if and only if `b.prev` is `a`, except at the ends: the front's `prev` is the back, the
//!   back's `next` is unspecified. `length` is the number of nodes, and `needed` is what the front needs.
//! * **Q4 (claimed)** The lock holder claims the node at the front: it takes it off the list. If it cannot unlock the queue, it
//!   puts the node back. Once it has unlocked the queue the node is its own: only this thread writes it, until its last
//!   access, which is the store of the outcome. Then the owner has the node to itself. Threads with a shared reference to
//!   the future may load `prev` at any time.
//! * **Q5 (waker)** A queued node holds a waker. A claimed node holds it until the claiming thread moves it out, just before
//!   it stores the outcome. Only the owner writes the field, and only under the queue lock. Moving the waker out copies its
//!   bytes and leaves them in place, so the owner may still compare them with another waker. It reads two pointers and
//!   follows none, so the old waker may have been dropped. No wake-up is lost if both are equal: the claiming thread calls
//!   the old waker after it has stored the outcome. If that call happens before the poll, the poll has loaded the outcome
//!   first. If not, both are wakers of the same task, and the call leads to another poll.
//! * **Q6 (shared)** After a node is enqueued, all accesses by the queue and by the owner go through shared references to
//!   it. All fields that are written then are atomics or cells, so these references allow writes by other threads, no write
//!   ends another reference, and the reference through which an outcome is stored may still exist when the owner frees the node. The
//!   only unique references that include the node are those to its future, which is `!Unpin` (Q1).

use core::cell::{self, Cell};
use core::mem::{self, MaybeUninit};
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use super::state::{Limit, MAX_PERMITS, Request, State};
use crate::sync::{
    AtomicIsize, AtomicPtr, Backoff, LockedPtr, Ordering, Step, UnsafeCell, Word, const_fn, half, report,
};

/// A waiter's node: its request, and once it is enqueued, its place in the queue and its waker.
///
/// | a node that is... | `prev` | `next` | `waker` |
/// |---|---|---|---|
/// | at the front | the back | the node behind | its task's |
/// | in the middle | the node before | the node behind | its task's |
/// | at the back | the node before | unspecified | its task's |
/// | claimed | [`CLAIMED`] | as before | its task's |
/// | granted | [`GRANTED`], and the number of permits | unspecified | moved out |
/// | failed | [`FAILED`] | unspecified | moved out |
/// | removed by its owner | unspecified | unspecified | moved out |
#[cfg_attr(target_pointer_width = "16", repr(align(4)))]
pub(crate) struct Node {
    /// The permits that the request needs, and two flags. Only the owner writes it, and only before the node is in the
    /// queue.
    request: Cell<usize>,
    /// Stays uninitialized until an option is set or the node is enqueued: the fast path does not pay for the stores.
    memory: cell::UnsafeCell<MaybeUninit<Links>>,
}

/// The options of a new node. They are in the memory of its links.
pub(crate) struct Options {
    /// The most permits that the request takes.
    pub(crate) max: usize,
    /// If the request has to wait, and so many requests are queued, it fails instead. At most [`MAX_LENGTH`].
    pub(crate) max_waiters: usize,
}

/// The fields of a node that was enqueued.
struct Links {
    prev: AtomicPtr<Node>,
    next: LockedPtr<Node>,
    max: usize,
    waker: UnsafeCell<MaybeUninit<Waker>>,
}

// The flags of `request`, above the permits.
const ENQUEUED: usize = 1 << (usize::BITS - 1);
const HAS_OPTIONS: usize = 1 << (usize::BITS - 2);

// The values of `prev` in a node that is no longer queued: addresses at which there is no node, because they are odd. The
// second bit says that there is an outcome.
const CLAIMED: usize = 0b001;
const FAILED: usize = 0b011;
const GRANTED: usize = 0b111;
const OUTCOME: usize = 0b010;
const SHIFT: u32 = 4;

const _: () = {
    assert!(size_of::<Options>() <= size_of::<Links>() && align_of::<Options>() <= align_of::<Links>());
    assert!(align_of::<Node>() >= 4, "the last two bits of a node's address are clear");
    assert!(Request::ALL.min < HAS_OPTIONS && MAX_PERMITS <= usize::MAX >> SHIFT);
};

/// The maximum length of a queue.
pub(crate) const MAX_LENGTH: usize = half::Unsigned::MAX as usize;

/// The progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No poll has returned `Pending`.
    New,
    /// In the queue, or claimed: the outcome is not stored yet.
    Queued,
    /// The request owns this many permits, whatever happens to the semaphore afterwards.
    Granted(usize),
    /// The semaphore was closed.
    Closed,
    /// A poll has returned the outcome.
    Completed,
}

impl Node {
    #[inline]
    pub(super) const fn new(request: Request) -> Self {
        Self { request: Cell::new(request.min), memory: cell::UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The options of a new node, for changing them.
    pub(super) fn options(&mut self) -> &mut Options {
        debug_assert!(!self.was_enqueued());
        let options = self.memory.get().cast::<Options>();
        let request = self.request.get();
        // SAFETY: the node is new and borrowed exclusively, and its memory has room for the options, which are initialized
        // from the moment when the flag is set.
        unsafe {
            if request & HAS_OPTIONS == 0 {
                options.write(Options { max: request, max_waiters: MAX_LENGTH });
                self.request.set(request | HAS_OPTIONS);
            }
            &mut *options
        }
    }

    /// What a new request needs and takes, and how many requests may be queued before it.
    #[inline]
    pub(super) fn request(&self) -> (Request, usize) {
        let min = self.min();
        if self.request.get() & HAS_OPTIONS == 0 {
            return (Request::exactly(min), MAX_LENGTH);
        }
        // SAFETY: the flag says that the options are initialized.
        let &Options { max, max_waiters } = unsafe { &*self.memory.get().cast() };
        (Request { min, max }, max_waiters)
    }

    /// The permits that the request needs.
    #[inline]
    pub(super) fn min(&self) -> usize {
        self.request.get() & Request::ALL.min
    }

    /// The number of permits, if the request is new and no option is set: the fast path.
    #[inline]
    pub(super) fn plain_request(&self) -> Option<usize> {
        let n = self.request.get();
        if n <= MAX_PERMITS { Some(n) } else { None }
    }

    /// Whether the node has been in the queue.
    #[inline]
    pub(super) fn was_enqueued(&self) -> bool {
        self.request.get() & ENQUEUED != 0
    }

    #[inline]
    pub(super) fn progress(&self) -> Progress {
        if !self.was_enqueued() {
            return Progress::New;
        }
        // SAFETY: the node was enqueued, so the links are initialized, and accessed through shared references only (Q6).
        let links = unsafe { (*self.memory.get()).assume_init_ref() };
        // ORDERING: Acquire, with the Release in `Claim::complete`: the granted request sees what was written before
        // its permits were released, and the owner may free the node, because the claiming thread has accessed it.
        let prev = links.prev.load(Ordering::Acquire).addr();
        if prev & OUTCOME == 0 {
            Progress::Queued
        } else if prev & GRANTED == GRANTED {
            Progress::Granted(prev >> SHIFT)
        } else {
            Progress::Closed
        }
    }

    /// Whether the node holds a waker of the same task as `waker`.
    ///
    /// # Safety
    /// The node was enqueued, and the caller is its owner.
    #[inline]
    pub(super) unsafe fn will_wake(&self, waker: &Waker) -> bool {
        // SAFETY: guaranteed by the caller: the bytes of a waker are in the field, and only the owner writes it (Q5).
        unsafe {
            let links = (*self.memory.get()).assume_init_ref();
            links.waker.with(|own| (*own).assume_init_ref().will_wake(waker))
        }
    }

    /// Whether the node is claimed and has no outcome yet. Never stale, even under loom: a compare-and-swap that fails if the
    /// node is claimed. (After one that succeeds, loom would let this thread overlook a later store.)
    fn is_claimed(&self) -> bool {
        // SAFETY: the caller waits for the outcome of this node, so it was enqueued.
        let prev = unsafe { &(*self.memory.get()).assume_init_ref().prev };
        let null = ptr::null_mut();
        // ORDERING: Relaxed: the caller loads the outcome next.
        prev.compare_exchange(null, null, Ordering::Relaxed, Ordering::Relaxed)
            .is_err_and(|prev| prev.addr() & FAILED == CLAIMED)
    }

    /// Reports that the owner takes the outcome, to use or to release the permits.
    #[inline(always)]
    pub(super) fn report_taken(&self, granted: Option<usize>) {
        report(Step::Take { node: ptr::from_ref(self).addr(), granted });
    }
}

/// Tells loom, which does not track memory, that the node is freed: an access that no other one may be concurrent with.
#[cfg(any(fairgate_loom, all(loom, feature = "loom")))]
impl Drop for Node {
    fn drop(&mut self) {
        if self.was_enqueued() {
            report(Step::Free { node: ptr::from_ref(self).addr() });
            // SAFETY: the node was enqueued, and the owner frees it.
            let links = unsafe { (*self.memory.get()).assume_init_ref() };
            links.next.store(ptr::null_mut(), Ordering::Relaxed);
            links.waker.with_mut(|_| ());
        }
    }
}

/// A node as the lock holder, or the thread that has claimed it, sees it (Q1).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry(NonNull<Node>);

// ORDERING: Relaxed in all of these functions: the queue lock orders the accesses of its holders, and a claimed node is
// accessed by one thread. Owners load `prev` without the lock; they pair with the store in `Claim::complete`.
impl Entry {
    fn links<'a>(self) -> &'a Links {
        // SAFETY: the node is queued or claimed, so it is not freed (Q1), and it was enqueued, so its links are
        // initialized.
        unsafe { (*(*self.0.as_ptr()).memory.get()).assume_init_ref() }
    }

    /// The entry before it, or, of the front, the back.
    fn prev(self) -> Self {
        // SAFETY: never null in a queued node (Q3).
        Self(unsafe { NonNull::new_unchecked(self.links().prev.load(Ordering::Relaxed)) })
    }

    fn set_prev(self, prev: Self) {
        self.links().prev.store(prev.0.as_ptr(), Ordering::Relaxed);
    }

    /// The entry behind it. It is not the back.
    fn next(self) -> Self {
        // SAFETY: null only in a node that was at the back since it was enqueued (Q3).
        Self(unsafe { NonNull::new_unchecked(self.links().next.load(Ordering::Relaxed)) })
    }

    fn set_next(self, next: Self) {
        self.links().next.store(next.0.as_ptr(), Ordering::Relaxed);
    }

    /// The permits that the request needs.
    fn min(self) -> usize {
        // SAFETY: the node is not freed (Q1), and the owner no longer writes the cell.
        unsafe { (*self.0.as_ptr()).min() }
    }

    /// The address of the node, which names it in reports.
    #[inline(always)]
    fn name(self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Moves the waker out: a read that leaves the bytes in place, because the owner may be comparing them.
    ///
    /// # Safety
    /// The waker was not moved out before.
    unsafe fn take_waker(self) -> Waker {
        // SAFETY: the node holds a waker (Q5), guaranteed by the caller.
        self.links().waker.with(|waker| unsafe { (*waker).assume_init_read() })
    }
}

/// The values of `needed` that are not the minimum of the front: the queue is empty, the front needs all permits, or it needs at
/// least this number.
const NEEDS_NOTHING: half::Signed = half::Signed::MAX;
const NEEDS_ALL: half::Signed = if ALL_FITS { Request::ALL.min as half::Signed } else { NEEDS_NOTHING - 1 };
const NEEDS_MANY: half::Signed = NEEDS_ALL - 1;
const ALL_FITS: bool = Request::ALL.min <= half::Signed::MAX as usize;

/// How `needed` says that the front has the minimum `min`.
#[inline]
fn needed_by(min: usize) -> half::Signed {
    if ALL_FITS || min < NEEDS_MANY as usize {
        min as half::Signed
    } else if min == Request::ALL.min {
        NEEDS_ALL
    } else {
        NEEDS_MANY
    }
}

/// The words of a semaphore: the state, the number of permits that exist, and the queue that the LOCKED flag guards.
pub(super) struct WaitQueue {
    pub(super) state: Word,
    /// The permits that exist: those available and those held, less those owed. See F7 in `mod.rs`.
    pub(super) limit: AtomicIsize,
    front: LockedPtr<Node>,
    /// Written by the lock holder only, and loaded by any thread.
    // ORDERING: Relaxed wherever they are accessed: the queue lock orders the accesses of its holders, and for other threads
    // they are only numbers.
    length: half::AtomicUnsigned,
    needed: half::AtomicSigned,
    backoff: Backoff,
}

// SAFETY: through the queue, nodes of other threads are accessed: under the queue lock (Q2), or by the one thread that has
// claimed the node (Q4). Wakers are Send and Sync.
unsafe impl Send for WaitQueue {}
// SAFETY: see above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    const_fn! {
        pub(super) const fn new(permits: usize) -> Self {
            Self {
                state: Word::new(State::new(permits).0),
                limit: AtomicIsize::new(Limit::new(permits as isize).0),
                front: LockedPtr::new(ptr::null_mut()),
                length: half::AtomicUnsigned::new(0),
                needed: half::AtomicSigned::new(NEEDS_NOTHING),
                backoff: Backoff::new(),
            }
        }
    }

    /// The number of queued requests. Any thread may ask; see [`waiters`](crate::Semaphore::waiters).
    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed) as usize
    }

    /// The permits that the front needs, or `None` if the queue is empty. Any thread may ask.
    pub(super) fn needed(&self) -> Option<usize> {
        match self.needed.load(Ordering::Relaxed) {
            NEEDS_NOTHING => None,
            NEEDS_ALL => Some(Limit(self.limit.load(Ordering::Relaxed)).permits().max(0) as usize),
            n => Some(n as usize),
        }
    }

    /// Whether the node is the front. Any thread may call this, because the pointer is not followed. (Under loom, where only
    /// the lock holder may load the pointer, no thread does.)
    #[cfg(feature = "std")]
    pub(super) fn is_front(&self, node: &Node) -> bool {
        // ORDERING: Relaxed, no partner: the pointer is only compared, and the answer decides between spinning and yielding.
        ptr::eq(self.front.load(Ordering::Relaxed), node)
    }

    /// Locks the queue if the state is `current`, which is unlocked. Returns the actual state as an error if it is another one.
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(super) fn try_lock(&self, current: State) -> Result<QueueGuard<'_>, State> {
        // ORDERING: Acquire, see `try_update_and_lock`. No Release: this step publishes nothing.
        self.try_update_and_lock(current, current, Ordering::Acquire)
    }

    /// Locks the queue in the same step as the state changes from `current` to `new`.
    #[inline(always)]
    pub(super) fn try_update_and_lock(
        &self,
        current: State,
        new: State,
        order: Ordering,
    ) -> Result<QueueGuard<'_>, State> {
        let state = new.lock();
        // ORDERING: the caller chooses the success ordering. At least Acquire, with the Release in `QueueGuard::unlock`: the
        // queue is as the last lock holder left it; and with the Release in `RawSemaphore::release` and `try_update`: a
        // request that is granted the permits in the word, or fails, sees what was written before.
        // Relaxed on failure: the caller retries.
        match self.state.compare_exchange(current.0, state.0, order, Ordering::Relaxed) {
            Ok(_) => Ok(QueueGuard { queue: self, state }),
            Err(actual) => Err(State(actual)),
        }
    }

    /// Waits until the queue is unlocked; returns the state.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_for_unlock(&self) -> State {
        let mut round = 0;
        loop {
            // ORDERING: Acquire, with the Release in `QueueGuard::unlock`: an owner that finds the queue empty sees that
            // its node was claimed.
            let state = State(self.state.load(Ordering::Acquire));
            if !state.is_locked() {
                return state;
            }
            // A read-modify-write, because under loom a load may return an old state for any number of times.
            self.backoff.wait(round, || State(self.state.fetch_or(0, Ordering::Relaxed)).is_locked());
            round += 1;
        }
    }

    /// Locks the queue for the owner of an enqueued node. Waits for other threads that hold the lock. Returns `None` if no
    /// node is queued.
    pub(super) fn lock(&self) -> Option<QueueGuard<'_>> {
        loop {
            // ORDERING: Acquire, as in `wait_for_unlock`.
            let mut state = State(self.state.load(Ordering::Acquire));
            if state.is_locked() {
                state = self.wait_for_unlock();
            }
            if !state.is_queued() {
                return None;
            }
            report(Step::LockForOwner);
            if let Ok(guard) = self.try_lock(state) {
                return Some(guard);
            }
        }
    }

    /// Waits until a claimed node has its outcome.
    pub(super) fn wait_for_outcome(&self, node: &Node) {
        let mut round = 0;
        while node.progress() == Progress::Queued {
            self.backoff.wait(round, || node.is_claimed());
            round += 1;
        }
    }
}

/// The queue lock, and the state as it was last seen by this thread. The guard has no `Drop`: the front must be examined
/// before the queue is unlocked (F3), so callers use `RawSemaphore::unlock` or `claim_and_unlock`.
#[must_use]
pub(super) struct QueueGuard<'a> {
    queue: &'a WaitQueue,
    state: State,
}

impl<'a> QueueGuard<'a> {
    /// Takes all permits if none is held (F7), in the step that unlocks the queue. Otherwise, or if the state has changed or the
    /// semaphore is closed, returns the lock.
    pub(super) fn take_all(self) -> Result<usize, Self> {
        match self.state.share_of_front(self.limit(), MAX_PERMITS) {
            Some(n) if !self.state.is_closed() => self.unlock(n).map(|_| n),
            _ => Err(self),
        }
    }

    /// The number of permits that exist, as far as this thread sees. F7 says what follows from it.
    fn limit(&self) -> isize {
        // ORDERING: Acquire, with the Release in `RawSemaphore::try_change_limit` and `forget_held`: a request for all permits sees
        // what the last holder wrote, even if that holder has forgotten its permits.
        Limit(self.queue.limit.load(Ordering::Acquire)).permits()
    }

    /// Changes the length.
    fn set_len(&self, change: impl FnOnce(half::Unsigned) -> half::Unsigned) {
        let length = &self.queue.length;
        length.store(change(length.load(Ordering::Relaxed)), Ordering::Relaxed);
    }

    fn front(&self) -> Option<Entry> {
        NonNull::new(self.queue.front.load(Ordering::Relaxed)).map(Entry)
    }

    /// Makes an entry the front, and publishes what it needs.
    fn set_front(&self, front: Entry, min: usize) {
        self.queue.front.store(front.0.as_ptr(), Ordering::Relaxed);
        self.queue.needed.store(needed_by(min), Ordering::Relaxed);
    }

    /// Whether `max_waiters` or more nodes are queued.
    pub(super) fn is_full(&self, max_waiters: usize) -> bool {
        self.queue.length.load(Ordering::Relaxed) as usize >= max_waiters
    }

    /// Puts a node at the back. The queue is not full.
    ///
    /// # Safety
    /// The node is new, and the caller is its owner and keeps Q1: it removes the node or waits for its outcome before the
    /// node is freed.
    pub(super) unsafe fn push_back(&mut self, node: Pin<&Node>, request: Request, waker: Waker) {
        let (this, front) = (Entry(NonNull::from(node.get_ref())), self.front());
        let back = match front {
            Some(front) => front.prev(),
            None => this,
        };
        let links = Links {
            prev: AtomicPtr::new(back.0.as_ptr()),
            next: LockedPtr::new(ptr::null_mut()),
            max: request.max,
            waker: UnsafeCell::new(MaybeUninit::new(waker)),
        };
        // SAFETY: guaranteed by the caller: no other thread accesses a new node. The links are written through a raw
        // pointer, so there is no unique reference to them (Q6).
        unsafe { node.memory.get().cast::<Links>().write(links) };
        node.request.set(request.min | ENQUEUED);
        report(Step::Push { node: this.name(), min: request.min, max: request.max });
        self.set_len(|length| length + 1);
        match front {
            None => self.set_front(this, request.min),
            Some(front) => {
                back.set_next(this);
                front.set_prev(this);
            }
        }
    }

    /// The front and the permits it takes, if it can complete with what the state holds besides `claimed` permits.
    fn servable_front(&self, claimed: usize) -> Option<(Entry, usize)> {
        let left = self.state.minus(claimed);
        let needed = self.queue.needed.load(Ordering::Relaxed);
        // The usual case: the front's node, which is probably not in the cache, is not read.
        if !left.may_serve(needed as isize) && needed != NEEDS_ALL {
            return None;
        }
        let front = self.front()?;
        if (0..NEEDS_MANY).contains(&needed) {
            // The front needs no more than there is. (If the semaphore is closed, it takes nothing in the end, see `unlock`.)
            return Some((front, front.links().max.min(left.permits() as usize)));
        }
        let (least, most) = match needed {
            NEEDS_ALL => (self.limit(), MAX_PERMITS),
            _ => (front.min() as isize, front.links().max),
        };
        Some((front, left.share_of_front(least, most)?))
    }

    /// Whether the front can complete.
    pub(super) fn can_serve(&self, claimed: usize) -> bool {
        self.servable_front(claimed).is_some()
    }

    /// Takes the front off the list.
    fn unlink_front(&mut self, front: Entry) {
        let back = front.prev();
        if front == back {
            self.queue.front.store(ptr::null_mut(), Ordering::Relaxed);
            self.queue.needed.store(NEEDS_NOTHING, Ordering::Relaxed);
        } else {
            let after = front.next();
            after.set_prev(back);
            self.set_front(after, after.min());
        }
    }

    /// Claims the front if it can complete (Q4).
    pub(super) fn claim_front(&mut self) -> Option<Claim> {
        let (entry, permits) = self.servable_front(0)?;
        self.unlink_front(entry);
        self.set_len(|length| length - 1);
        entry.links().prev.store(ptr::without_provenance_mut(CLAIMED), Ordering::Relaxed);
        report(Step::Claim { node: entry.name(), n: if self.state.is_closed() { 0 } else { permits } });
        Some(Claim { entry, permits })
    }

    /// Puts a claimed node back at the front (Q4). Its `next` still is the node behind it.
    pub(super) fn put_back(&mut self, claim: Claim) {
        let this = claim.entry;
        report(Step::PutBack { node: this.name() });
        let back = match self.front() {
            None => this,
            Some(front) => {
                let back = front.prev();
                front.set_prev(this);
                back
            }
        };
        this.set_prev(back);
        self.set_front(this, this.min());
        self.set_len(|length| length + 1);
    }

    /// Removes a node for its owner, and returns its waker; `None` if the node was claimed.
    ///
    /// # Safety
    /// The node was enqueued in this queue, and the caller is its owner.
    pub(super) unsafe fn remove(&mut self, node: Pin<&Node>) -> Option<Waker> {
        let this = self.find(node)?;
        // SAFETY: `find` returns an entry for each queued node, and there is one.
        let front = unsafe { self.front().unwrap_unchecked() };
        if this == front {
            self.unlink_front(front);
        } else if this == front.prev() {
            front.set_prev(this.prev());
        } else {
            let (before, after) = (this.prev(), this.next());
            before.set_next(after);
            after.set_prev(before);
        }
        self.set_len(|length| length - 1);
        report(Step::Remove { node: this.name() });
        // SAFETY: the waker of a queued node was not moved out (Q5).
        Some(unsafe { this.take_waker() })
    }

    /// Swaps the waker of a node for its owner. Returns `false`, and changes nothing, if the node was claimed.
    ///
    /// # Safety
    /// The node was enqueued in this queue, and the caller is its owner.
    pub(super) unsafe fn swap_waker(&mut self, node: Pin<&Node>, waker: &mut Waker) -> bool {
        let Some(this) = self.find(node) else { return false };
        // SAFETY: the node is queued, so it holds a waker, and its owner holds the lock (Q5).
        this.links().waker.with_mut(|own| mem::swap(unsafe { (*own).assume_init_mut() }, waker));
        true
    }

    /// The entry of a node, unless it was claimed.
    fn find(&self, node: Pin<&Node>) -> Option<Entry> {
        let this = Entry(NonNull::from(node.get_ref()));
        // ORDERING: Relaxed: a node is claimed under the lock that this thread holds.
        match this.links().prev.load(Ordering::Relaxed).addr() & CLAIMED {
            0 => Some(this),
            _ => None,
        }
    }

    /// Unlocks the queue in the same step as `granted` permits leave the word (F5). Returns the state before this step, which
    /// decides what is granted; or, as an error, the lock with the new state if the state has changed.
    pub(super) fn unlock(mut self, granted: usize) -> Result<State, Self> {
        let is_empty = self.queue.front.load(Ordering::Relaxed).is_null();
        let new = self.state.unlock(granted, is_empty);
        // ORDERING: Release, with the Acquire in `try_lock` and `wait_for_unlock`: the queue is as this thread leaves it.
        // Acquire on failure, with the Release in `RawSemaphore::release` and `try_update`: a request that is granted the
        // permits that were added since, or fails, sees what was written before.
        let unlocked =
            self.queue.state.compare_exchange(self.state.0, new.0, Ordering::Release, Ordering::Acquire);
        match unlocked {
            Ok(_) => {
                self.queue.backoff.notify();
                Ok(self.state)
            }
            Err(actual) => {
                self.state = State(actual);
                if self.state.is_recheck() {
                    self.begin_recheck();
                }
                Err(self)
            }
        }
    }

    /// Clears RECHECK before the front is examined again: a request that comes after this step sets the flag again (F7).
    #[cold]
    fn begin_recheck(&mut self) {
        // ORDERING: Acquire, as in a failed `unlock`.
        let state =
            State(self.queue.state.fetch_and(State(usize::MAX).without_recheck().0, Ordering::Acquire));
        self.state = state.without_recheck();
    }
}

/// A claimed node, and the permits that leave the word when the queue is unlocked. Then the claiming thread must complete it.
#[must_use]
pub(super) struct Claim {
    entry: Entry,
    pub(super) permits: usize,
}

impl Claim {
    /// Stores the outcome, and returns the waker. `state` is the one from which the queue was unlocked.
    pub(super) fn complete(self, queue: &WaitQueue, state: State) -> Waker {
        let node = self.entry.name();
        let granted = if state.is_closed() { None } else { Some(self.permits) };
        let outcome = granted.map_or(FAILED, |n| GRANTED | n << SHIFT);
        // SAFETY: the node is claimed by this thread, so the waker was not moved out before (Q5).
        let waker = unsafe { self.entry.take_waker() };
        report(Step::Publish { node, granted });
        // ORDERING: Release, with the Acquire in `Node::progress`. The last access to the node (Q4), which may be freed
        // after it, although the reference to `prev` still exists (Q6).
        self.entry.links().prev.store(ptr::without_provenance_mut(outcome), Ordering::Release);
        queue.backoff.notify();
        waker
    }
}
