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
//! * **Q2 (exclusive)** Entries, and the links and the phase of queued nodes, are accessed only by the thread that holds the
//!   queue lock, through its [`QueueGuard`]. There is at most one guard: it exists while LOCKED is set.
//! * **Q3 (linked)** `a.next` is `b` if and only if `b.prev` is `a`, except at the ends: the front's `prev` is the back, the
//!   back's `next` is unspecified. `length` is the number of nodes, and `needed` is what the front needs.
//! * **Q4 (claimed)** The lock holder claims nodes at the front: it takes them off the list. If it cannot unlock the queue,
//!   it may put them back. Once it has unlocked the queue they are its own: only this thread writes them, until its last
//!   access, which is the store of the outcome. Then the owner has the node to itself. Threads with a shared reference to
//!   the future may load the phase at any time.
//! * **Q5 (waker)** A queued node holds a waker. A claimed node holds it until the claiming thread moves it out, just before
//!   it stores the outcome. Only the owner writes the field, and only under the queue lock. Moving the waker out copies its
//!   bytes and leaves them in place, so the owner may still compare them with another waker. It reads two pointers and
//!   follows none, so the old waker may have been dropped. No wake-up is lost if both are equal: the claiming thread calls
//!   the old waker after it has stored the outcome. If that call happens before the poll, the poll has loaded the outcome
//!   first. If not, both are wakers of the same task, and the call leads to another poll.
//! * **Q6 (shared)** After a node is enqueued, all accesses by the queue and by the owner go through shared references to
//!   it. All of its fields are atomics or cells, so these references allow writes by other threads, no write ends another
//!   reference, and the reference through which an outcome is stored may still exist when the owner frees the node. The
//!   only unique references that include the node are those to its future, which is `!Unpin` (Q1).

use core::cell;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use super::state::{CLEAR_RECHECK, MAX_PERMITS, Request, State};
use crate::sync::{
    AtomicCount, AtomicIsize, AtomicUsize, Backoff, Count, LockedPtr, Ordering, Step, UnsafeCell, Word,
    const_fn, report,
};

/// A waiter's node: its request, and once it is enqueued, its place in the queue and its waker.
///
/// | a node that is... | `status` | the rest |
/// |---|---|---|
/// | new | its minimum, and which options are set | [`Options`]; not initialized where the status says so |
/// | queued, claimed | the same, and the phase | [`Links`] |
/// | granted | the permits granted to it | [`Links`], whose waker was moved out |
/// | failed, removed | unspecified | the same |
pub(crate) struct Node {
    /// The phase, and the permits.
    status: AtomicUsize,
    /// Stays uninitialized until an option is set or the node is enqueued: the fast path does not pay for the stores.
    memory: cell::UnsafeCell<MaybeUninit<Links>>,
}

/// The options of a new node. They are in the memory of its links.
struct Options {
    max: usize,
    max_waiters: usize,
}

/// The fields of a node that was enqueued.
struct Links {
    prev: LockedPtr<Node>,
    next: LockedPtr<Node>,
    max: usize,
    waker: UnsafeCell<MaybeUninit<Waker>>,
}

const _: () = {
    assert!(size_of::<Options>() <= size_of::<Links>() && align_of::<Options>() <= align_of::<Links>());
    assert!(MAX_PERMITS < ALL, "the flags are above the permits");
};

// The flags of a status, above the permits: three options, and the phase as a number.
const ALL: usize = 1 << (usize::BITS - 6);
const HAS_MAX: usize = 1 << (usize::BITS - 5);
const HAS_MAX_WAITERS: usize = 1 << (usize::BITS - 4);
const PHASE: u32 = usize::BITS - 3;
const QUEUED: usize = 1 << PHASE;
const CLAIMED: usize = 2 << PHASE;
const GRANTED: usize = 3 << PHASE;
const FAILED: usize = 4 << PHASE;

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
    pub(super) fn new(request: Request) -> Self {
        let status = match request {
            Request::Range { min, .. } => min,
            Request::All => ALL,
        };
        Self { status: AtomicUsize::new(status), memory: cell::UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Sets the most permits that a new request takes.
    pub(super) fn set_max(&mut self, max: usize) {
        // SAFETY: the node is borrowed exclusively, and its memory has room for the options.
        unsafe { (&raw mut (*self.options()).max).write(max) };
        self.set_flag(HAS_MAX);
    }

    /// Sets how many requests may be queued before a new one.
    pub(super) fn set_max_waiters(&mut self, max_waiters: usize) {
        // SAFETY: as in `set_max`.
        unsafe { (&raw mut (*self.options()).max_waiters).write(max_waiters) };
        self.set_flag(HAS_MAX_WAITERS);
    }

    fn options(&self) -> *mut Options {
        self.memory.get().cast()
    }

    fn set_flag(&mut self, flag: usize) {
        // ORDERING: Relaxed: the node is borrowed exclusively.
        let status = self.status.load(Ordering::Relaxed);
        self.status.store(status | flag, Ordering::Relaxed);
    }

    /// The permits that a request needs and takes, and how many requests may be queued before it, for the owner of a new
    /// node.
    pub(super) fn request(&self) -> (Request, Option<usize>) {
        // ORDERING: Relaxed: only the owner accesses a new node.
        let status = self.status.load(Ordering::Relaxed);
        debug_assert!(status < QUEUED);
        // SAFETY: an option whose flag is set is initialized.
        let (max, max_waiters) = unsafe {
            (
                (status & HAS_MAX != 0).then(|| (*self.options()).max),
                (status & HAS_MAX_WAITERS != 0).then(|| (*self.options()).max_waiters),
            )
        };
        let min = status & MAX_PERMITS;
        let request = match status & ALL {
            0 => Request::Range { min, max: max.unwrap_or(min) },
            _ => Request::All,
        };
        (request, max_waiters)
    }

    /// The number of permits, if the request is new and no option is set: the fast path.
    #[inline]
    pub(super) fn plain_request(&self) -> Option<usize> {
        // ORDERING: Relaxed: only the owner accesses a new node, and the caller looks again at another one.
        let status = self.status.load(Ordering::Relaxed);
        (status <= MAX_PERMITS).then_some(status)
    }

    /// The progress, and what the request needs, or was granted.
    #[inline]
    pub(super) fn progress(&self) -> Progress {
        // ORDERING: Acquire, with the Release in `Claims::complete_next`: the granted request sees what was written before
        // its permits were released, and the owner may free the node, because the claiming thread has accessed it.
        let status = self.status.load(Ordering::Acquire);
        match status >> PHASE {
            0 => Progress::New,
            1 | 2 => Progress::Queued,
            3 => Progress::Granted(status & MAX_PERMITS),
            _ => Progress::Closed,
        }
    }

    /// The permits that the request needs, or was granted. 0 for [`Request::All`] before its grant.
    pub(super) fn permits(&self) -> usize {
        // ORDERING: Relaxed: only a number.
        self.status.load(Ordering::Relaxed) & MAX_PERMITS
    }

    /// Whether the request is for all permits, and has no outcome.
    pub(super) fn is_waiting_for_all(&self) -> bool {
        // ORDERING: Relaxed: the caller learns nothing else from it.
        let status = self.status.load(Ordering::Relaxed);
        status & ALL != 0 && status < GRANTED
    }

    /// Whether an enqueued node holds a waker of the same task as `waker`. For its owner.
    ///
    /// # Safety
    /// The node was enqueued, and the caller is its owner.
    #[inline]
    pub(super) unsafe fn will_wake(&self, waker: &Waker) -> bool {
        // SAFETY: guaranteed by the caller: the bytes of a waker are in the field, and only the owner writes it (Q5).
        unsafe { self.links().waker.with(|own| (*own).assume_init_ref().will_wake(waker)) }
    }

    /// # Safety
    /// The node was enqueued.
    #[inline]
    unsafe fn links(&self) -> &Links {
        // SAFETY: guaranteed by the caller: the links are initialized, and accessed through shared references only (Q6).
        unsafe { (*self.memory.get()).assume_init_ref() }
    }

    /// The address, which names the node in reports.
    #[inline(always)]
    fn name(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Reports that the owner takes the outcome, to use or to release the permits.
    #[inline(always)]
    pub(super) fn report_taken(&self, granted: Option<usize>) {
        report(Step::Take { node: self.name(), granted });
    }
}

/// Tells loom, which does not track memory, that the node is freed: an access that no other one may be concurrent with.
#[cfg(any(fairgate_loom, all(loom, feature = "loom")))]
impl Drop for Node {
    fn drop(&mut self) {
        if self.progress() != Progress::New {
            report(Step::Free { node: self.name() });
            // SAFETY: the node was enqueued, and the owner frees it.
            let links = unsafe { self.links() };
            links.prev.store(ptr::null_mut(), Ordering::Relaxed);
            links.next.store(ptr::null_mut(), Ordering::Relaxed);
            links.waker.with_mut(|_| ());
        }
    }
}

/// A node as the lock holder, or the thread that has claimed it, sees it (Q1).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry(NonNull<Node>);

// ORDERING: Relaxed in all of these functions: the queue lock orders the accesses of its holders, and a claimed node is
// accessed by one thread.
impl Entry {
    #[inline]
    fn node<'a>(self) -> &'a Node {
        // SAFETY: the node is queued or claimed, so it is not freed (Q1).
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn links<'a>(self) -> &'a Links {
        // SAFETY: a node that is queued or claimed was enqueued.
        unsafe { self.node().links() }
    }

    /// The entry before it, or, of the front, the back.
    #[inline]
    fn prev(self) -> Self {
        // SAFETY: never null in a queued node (Q3).
        Self(unsafe { NonNull::new_unchecked(self.links().prev.load(Ordering::Relaxed)) })
    }

    #[inline]
    fn set_prev(self, prev: Self) {
        self.links().prev.store(prev.0.as_ptr(), Ordering::Relaxed);
    }

    /// The entry behind it. It is not the back, or the last one that was claimed.
    #[inline]
    fn next(self) -> Self {
        // SAFETY: null only in a node that was at the back since it was enqueued (Q3).
        Self(unsafe { NonNull::new_unchecked(self.links().next.load(Ordering::Relaxed)) })
    }

    #[inline]
    fn set_next(self, next: Self) {
        self.links().next.store(next.0.as_ptr(), Ordering::Relaxed);
    }

    #[inline]
    fn set_phase(self, phase: usize) {
        let status = &self.node().status;
        status.store((status.load(Ordering::Relaxed) & !(7 << PHASE)) | phase, Ordering::Relaxed);
    }

    #[inline]
    fn request(self) -> Request {
        let status = self.node().status.load(Ordering::Relaxed);
        match status & ALL {
            0 => Request::Range { min: status & MAX_PERMITS, max: self.links().max },
            _ => Request::All,
        }
    }

    /// Moves the waker out: a read that leaves the bytes in place, because the owner may be comparing them.
    ///
    /// # Safety
    /// The waker was not moved out before.
    #[inline]
    unsafe fn take_waker(self) -> Waker {
        // SAFETY: the node holds a waker (Q5), guaranteed by the caller.
        self.links().waker.with(|waker| unsafe { (*waker).assume_init_read() })
    }
}

/// The values of `needed` that are not a number of permits: the queue is empty, or the front is a [`Request::All`]. A larger
/// number of permits than fits below [`NEEDS_ALL`] is stored as the largest one that does.
const NEEDS_NOTHING: Count = 0;
const NEEDS_ALL: Count = Count::MAX;

/// What the front of the queue needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    Permits(usize),
    All,
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
    length: AtomicCount,
    needed: AtomicCount,
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
                limit: AtomicIsize::new(permits as isize),
                front: LockedPtr::new(ptr::null_mut()),
                length: AtomicCount::new(0),
                needed: AtomicCount::new(NEEDS_NOTHING),
                backoff: Backoff::new(),
            }
        }
    }

    /// The number of queued requests. Any thread may ask; see [`waiters`](crate::Semaphore::waiters).
    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed) as usize
    }

    /// What the front needs, or `None` if the queue is empty. Any thread may ask.
    pub(super) fn needed(&self) -> Option<Needed> {
        match self.needed.load(Ordering::Relaxed) {
            NEEDS_NOTHING => None,
            NEEDS_ALL => Some(Needed::All),
            n => Some(Needed::Permits(n as usize)),
        }
    }

    /// Locks the queue in the same step as the state changes from `current`, which is unlocked, to `new`.
    #[inline]
    pub(super) fn try_lock(
        &self,
        current: State,
        new: State,
        order: Ordering,
    ) -> Result<QueueGuard<'_>, State> {
        debug_assert!(!current.is_locked());
        let state = new.lock();
        // ORDERING: the caller chooses the success ordering. At least Acquire, with the Release in `QueueGuard::unlock`: the
        // queue is as the last lock holder left it; and with the Release in `RawSemaphore::release` and `update`: a
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
    #[inline]
    pub(super) fn lock(&self) -> Option<QueueGuard<'_>> {
        // ORDERING: Acquire, as in `wait_for_unlock`.
        let mut state = State(self.state.load(Ordering::Acquire));
        loop {
            if state.is_locked() {
                state = self.wait_for_unlock();
            }
            if !state.is_queued() {
                return None;
            }
            report(Step::LockForOwner);
            // ORDERING: Acquire, see `try_lock`. No Release: this step publishes nothing.
            match self.try_lock(state, state, Ordering::Acquire) {
                Ok(guard) => return Some(guard),
                Err(_) => state = self.wait_for_unlock(),
            }
        }
    }

    /// Waits until a claimed node has its outcome, and returns it: the granted permits, or `None` if the semaphore was closed.
    pub(super) fn wait_for_outcome(&self, node: &Node) -> Option<usize> {
        let mut round = 0;
        let outcome = loop {
            match node.progress() {
                Progress::Granted(n) => break Some(n),
                Progress::Closed => break None,
                _ => {
                    // As in `wait_for_unlock`, but one that fails: loom would permit the store of an outcome to come before
                    // the store of a read-modify-write that has not seen it.
                    let claimed = |status: usize| status >> PHASE == CLAIMED >> PHASE;
                    let newest =
                        || node.status.compare_exchange(!0, !0, Ordering::Relaxed, Ordering::Relaxed);
                    self.backoff.wait(round, || newest().is_err_and(claimed));
                    round += 1;
                }
            }
        };
        node.report_taken(outcome);
        outcome
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
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The number of permits that exist, as far as this thread sees. F7 says what follows from it.
    pub(super) fn limit(&self) -> isize {
        // ORDERING: Acquire, with the Release in `RawSemaphore::change_limit` and the like: a request for all permits sees
        // what the last holder wrote, even if that holder has forgotten its permits.
        self.queue.limit.load(Ordering::Acquire)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    #[inline]
    fn set_len(&self, n: usize) {
        self.queue.length.store(n as Count, Ordering::Relaxed);
    }

    #[inline]
    fn front(&self) -> Option<Entry> {
        NonNull::new(self.queue.front.load(Ordering::Relaxed)).map(Entry)
    }

    /// Makes an entry the front, and publishes what it needs.
    #[inline]
    fn set_front(&self, front: Entry) {
        self.queue.front.store(front.0.as_ptr(), Ordering::Relaxed);
        let needed = match front.request() {
            Request::All => NEEDS_ALL,
            Request::Range { min, .. } if min < NEEDS_ALL as usize => min as Count,
            Request::Range { .. } => NEEDS_ALL - 1,
        };
        self.queue.needed.store(needed, Ordering::Relaxed);
    }

    #[inline]
    fn set_empty(&self) {
        self.queue.front.store(ptr::null_mut(), Ordering::Relaxed);
        self.queue.needed.store(NEEDS_NOTHING, Ordering::Relaxed);
    }

    /// Puts a node at the back.
    ///
    /// # Safety
    /// The node is new, and the caller is its owner and keeps Q1: it removes the node or waits for its outcome before the
    /// node is freed.
    #[inline]
    pub(super) unsafe fn push_back(&mut self, node: Pin<&Node>, max: usize, waker: Waker) {
        let this = Entry(NonNull::from(node.get_ref()));
        let front = self.front();
        let back = front.map_or(this, Entry::prev);
        let links = Links {
            prev: LockedPtr::new(back.0.as_ptr()),
            next: LockedPtr::new(ptr::null_mut()),
            max,
            waker: UnsafeCell::new(MaybeUninit::new(waker)),
        };
        // SAFETY: guaranteed by the caller: no other thread accesses a new node. The links are written through a raw
        // pointer, so there is no unique reference to them (Q6).
        unsafe { node.memory.get().cast::<Links>().write(links) };
        this.set_phase(QUEUED);
        report(Step::Push {
            node: node.name(),
            min: node.permits(),
            max,
            is_all: this.request() == Request::All,
        });
        self.set_len(self.len() + 1);
        match front {
            None => self.set_front(this),
            Some(front) => {
                back.set_next(this);
                front.set_prev(this);
            }
        }
    }

    /// The front and the permits it takes, if it can complete with what the state holds besides the permits of `claims`.
    #[inline]
    fn servable_front(&self, claims: &Claims) -> Option<(Entry, usize)> {
        let state = self.state.minus(claims.permits);
        let needed = self.queue.needed.load(Ordering::Relaxed);
        let limit = match needed {
            NEEDS_ALL => self.limit(),
            // The usual case: the front's node, which is probably not in the cache, is not read.
            _ if state.permits() < needed as isize && !state.is_closed() => return None,
            _ => 0,
        };
        let front = self.front()?;
        Some((front, state.share_of_front(front.request(), limit)?))
    }

    /// Whether the front can complete.
    #[inline]
    pub(super) fn can_serve(&self, claims: &Claims) -> bool {
        self.servable_front(claims).is_some()
    }

    /// Claims the front if it can complete (Q4). Returns whether it could.
    #[inline]
    pub(super) fn claim_front(&mut self, claims: &mut Claims) -> bool {
        let Some((front, n)) = self.servable_front(claims) else { return false };
        let back = front.prev();
        if front == back {
            self.set_empty();
        } else {
            let after = front.next();
            after.set_prev(back);
            self.set_front(after);
        }
        self.set_len(self.len() - 1);
        front.set_phase(CLAIMED);
        report(Step::Claim { node: front.node().name(), n });
        claims.first.get_or_insert(front);
        claims.count += 1;
        claims.permits += n;
        claims.is_elastic |= front.request().is_elastic();
        true
    }

    /// Whether the claims are still right in a state that has changed since: the permits are there, and no claim depends on
    /// how many there are. If the semaphore was closed, all claims fail, and are right in any state.
    pub(super) fn are_right(&self, claims: &Claims) -> bool {
        let fits = self.state.permits() >= claims.permits as isize && !claims.is_elastic;
        fits || self.state.is_closed() || claims.count == 0
    }

    /// Puts claimed nodes back at the front (Q4).
    #[cold]
    #[inline(never)]
    pub(super) fn put_back(&mut self, claims: Claims) {
        let Some(first) = claims.first else { return };
        let mut last = first;
        last.set_phase(QUEUED);
        for _ in 1..claims.count {
            let next = last.next();
            next.set_prev(last);
            next.set_phase(QUEUED);
            last = next;
        }
        report(Step::PutBack { node: first.node().name(), count: claims.count });
        let back = match self.front() {
            None => last,
            Some(front) => {
                let back = front.prev();
                last.set_next(front);
                front.set_prev(last);
                back
            }
        };
        first.set_prev(back);
        self.set_front(first);
        self.set_len(self.len() + claims.count);
    }

    /// Removes a node for its owner, and returns its waker; `None` if the node was claimed.
    ///
    /// # Safety
    /// The node was enqueued in this queue, and the caller is its owner.
    pub(super) unsafe fn remove(&mut self, node: Pin<&Node>) -> Option<Waker> {
        let this = self.find(node)?;
        // SAFETY: `find` returns an entry for each queued node, and there is one.
        let front = unsafe { self.front().unwrap_unchecked() };
        let back = front.prev();
        match (this == front, this == back) {
            (true, true) => self.set_empty(),
            (true, false) => {
                let after = this.next();
                after.set_prev(back);
                self.set_front(after);
            }
            (false, true) => front.set_prev(this.prev()),
            (false, false) => {
                let (before, after) = (this.prev(), this.next());
                before.set_next(after);
                after.set_prev(before);
            }
        }
        self.set_len(self.len() - 1);
        report(Step::Remove { node: node.name() });
        // SAFETY: the waker of a queued node was not moved out (Q5).
        Some(unsafe { this.take_waker() })
    }

    /// Replaces the waker of a node for its owner, and returns the old one; or the new one as an error if the node was
    /// claimed.
    ///
    /// # Safety
    /// The node was enqueued in this queue, and the caller is its owner.
    pub(super) unsafe fn replace_waker(&mut self, node: Pin<&Node>, waker: Waker) -> Result<Waker, Waker> {
        let Some(this) = self.find(node) else { return Err(waker) };
        // SAFETY: the node is queued, so it holds a waker, and its owner holds the lock (Q5).
        Ok(this
            .links()
            .waker
            .with_mut(|own| unsafe { core::mem::replace((*own).assume_init_mut(), waker) }))
    }

    /// The entry of a node, unless it was claimed.
    fn find(&self, node: Pin<&Node>) -> Option<Entry> {
        // ORDERING: Relaxed: the node was queued or claimed under the lock that this thread holds, and another outcome is
        // not looked for.
        let status = node.status.load(Ordering::Relaxed);
        (status >> PHASE == QUEUED >> PHASE).then(|| Entry(NonNull::from(node.get_ref())))
    }

    /// Unlocks the queue in the same step as the permits of `claims` leave the word (F5). Returns the state before this
    /// step, which decides what is granted; or, as an error, the lock with the new state if the state has changed.
    #[inline]
    pub(super) fn unlock(mut self, claims: &Claims) -> Result<State, Self> {
        let is_empty = self.queue.front.load(Ordering::Relaxed).is_null();
        let new = self.state.unlock(claims.permits, is_empty);
        // ORDERING: Release, with the Acquire in `try_lock` and `wait_for_unlock`: the queue is as this thread leaves it.
        // Acquire on failure, with the Release in `RawSemaphore::release` and `update`: a request that is granted the
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
        let state = State(self.queue.state.fetch_and(CLEAR_RECHECK, Ordering::Acquire));
        self.state = state.without_recheck();
    }
}

/// Nodes that were claimed in one critical section, linked by `next`. The claiming thread must complete them once it has
/// unlocked the queue.
#[must_use]
pub(super) struct Claims {
    first: Option<Entry>,
    count: usize,
    permits: usize,
    /// Whether the number of permits that a request gets depends on the state (see [`Request::is_elastic`]).
    is_elastic: bool,
}

impl Claims {
    pub(super) const fn new() -> Self {
        Self { first: None, count: 0, permits: 0, is_elastic: false }
    }

    /// Permits that the lock holder takes for itself.
    pub(super) const fn of_permits(permits: usize) -> Self {
        Self { first: None, count: 0, permits, is_elastic: true }
    }

    #[inline]
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Stores the outcome of the next claimed node, and returns its waker. `state` is the one from which the queue was
    /// unlocked, less what the claims before this one have taken, and is updated.
    #[inline]
    pub(super) fn complete_next(&mut self, queue: &WaitQueue, state: &mut State) -> Option<Waker> {
        let entry = self.first?;
        let request = entry.request();
        self.count -= 1;
        self.first = (self.count > 0).then(|| entry.next());
        let status = match state.is_closed() {
            true => FAILED,
            false => {
                // The claim has examined the limit, so for `All` it need not be looked at again.
                let n = state.share_of_front(request, isize::MIN).unwrap_or(0);
                *state = state.minus(n);
                GRANTED | n
            }
        };
        // SAFETY: the node is claimed by this thread, so the waker was not moved out before (Q5).
        let waker = unsafe { entry.take_waker() };
        report(Step::Publish {
            node: entry.node().name(),
            granted: (status != FAILED).then_some(status & MAX_PERMITS),
        });
        // ORDERING: Release, with the Acquire in `Node::progress`. The last access to the node (Q4), which may be freed
        // after it, although the reference to `status` still exists (Q6).
        entry.node().status.store(status, Ordering::Release);
        queue.backoff.notify();
        Some(waker)
    }
}
