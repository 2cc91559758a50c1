#![allow(unsafe_code)]
//! The queue of waiters: a doubly linked list of nodes that live inside their own futures. No other file follows a
//! pointer to a node.
//!
//! Why not a `VecDeque`, or the usual list? A `VecDeque` would allocate, and removing a waiter from its middle would mean a
//! search. The usual list needs pointers to the front and to the back, and does not use the front's `prev` and the back's
//! `next`. Here the front's `prev` points to the back, and the back's `next` is the length of the queue. So a semaphore
//! needs one pointer, and appending, removing and counting each take a few steps, however long the queue is.
//!
//! ```text
//!   queue ──▶ front ◀──prev── node ◀──prev── back
//!               │ ──next──▶        ──next──▶   │ next: 3, the length
//!               └──────────────prev──────────▶─┘
//! ```
//!
//! * **Q1 (alive)** The pointers in the queue and in its nodes point to nodes that are queued and pinned (N1).
//! * **Q2 (exclusive)** These pointers, and the links of queued nodes, are written only through [`QueueGuard`]. There is
//!   at most one guard: it exists while LOCKED is set.
//! * **Q3 (linked)** `a.next` is `b` if and only if `b.prev` is `a`, except at the ends: the front's `prev` is the back, the
//!   back's `next` is the length.
//! * **Q4 (peeked)** While PEEKED is set, no node is added, nodes are removed only from the front, by claiming them, and
//!   their owners do not free them (N6). So the thread that set PEEKED, which *peeks*, may read the nodes without the lock,
//!   and the node at the back stays the same until the queue is empty.

use core::mem::{self, MaybeUninit};
use core::ptr;
use core::task::Waker;

use super::node::{self, CLAIMED, Enqueued, Links, Node, Outcome, PinnedNode};
use super::state::{AtomicState, Request, State};
use crate::sync::{self, AtomicPtr, Backoff, Ordering, SharedPtr, Step, UnsafeCell, const_fn, report};

/// The state word, and the queue that its LOCKED flag guards.
pub(super) struct WaitQueue {
    state: AtomicState,
    front: SharedPtr<Node>,
    backoff: Backoff,
}

// SAFETY: through the queue, nodes of other threads are accessed: under the queue lock (Q2), by the one thread that has
// claimed the node (N3), or by a thread that peeks (N6), which reads atomics and `min`, which is no longer written (N2).
// Wakers are Send and Sync.
unsafe impl Send for WaitQueue {}
// SAFETY: see above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    const_fn! {
        pub(super) const fn new(permits: usize) -> Self {
            Self {
                state: AtomicState::new(permits),
                front: SharedPtr::new(ptr::null_mut()),
                backoff: Backoff::new(),
            }
        }
    }

    #[inline]
    pub(super) fn state(&self) -> &AtomicState {
        &self.state
    }

    /// Waits until a state satisfies `is_ready`, and returns it.
    pub(super) fn wait_for_state(&self, is_ready: impl Fn(State) -> bool) -> State {
        let mut round = 0;
        loop {
            // ORDERING: Acquire, with the Release in `QueueGuard::unlock`: an owner that finds the queue empty sees that
            // its node was claimed; and with the Release in `peek`: an owner frees its node after the last read of it.
            let state = self.state.load(Ordering::Acquire);
            if is_ready(state) {
                return state;
            }
            self.backoff.wait(round, || !is_ready(self.state.newest()));
            round += 1;
        }
    }

    /// Waits until the queue may be locked to add a node.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_for_editable(&self) {
        self.wait_for_state(State::is_editable);
    }

    /// Waits until a claimed node has its outcome and may be freed, and returns the outcome.
    pub(super) fn wait_for_outcome(&self, node: Enqueued<'_>) -> Outcome {
        let mut round = 0;
        loop {
            if let Some((outcome, was_peeked)) = node.stored_outcome() {
                if was_peeked {
                    self.wait_for_peek();
                }
                return outcome;
            }
            self.backoff.wait(round, || node.is_claimed_now());
            round += 1;
        }
    }

    /// Waits until a node whose outcome was stored while a thread peeked may be freed (N6).
    #[cold]
    pub(super) fn wait_for_peek(&self) {
        self.wait_for_state(|state| !state.is_peeked());
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
        self.state.compare_exchange(current, state, order, Ordering::Relaxed)?;
        Ok(QueueGuard { queue: self, state })
    }

    /// Locks the queue for the owner of a queued node. Waits for other threads that hold the lock or peek. Returns `None`
    /// if no node is queued.
    pub(super) fn lock(&self) -> Option<QueueGuard<'_>> {
        loop {
            let state = self.wait_for_state(State::is_editable);
            if !state.is_queued() {
                return None;
            }
            report(Step::LockForOwner);
            // ORDERING: Acquire, see `try_lock`. No Release: this step publishes nothing.
            if let Ok(guard) = self.try_lock(state, state, Ordering::Acquire) {
                return Some(guard);
            }
        }
    }

    /// Reads the length of the queue, and the permits that the front needs, without locking it. Each value was true at
    /// some moment during the call.
    pub(super) fn peek(&self) -> (usize, Option<usize>) {
        loop {
            let state = self.wait_for_state(State::is_editable);
            if !state.is_queued() {
                return (0, None);
            }
            // ORDERING: Acquire, with the Release in `QueueGuard::unlock`: the queue is as the last lock holder left it.
            // Relaxed on failure: the loop retries.
            let peeked =
                self.state.compare_exchange(state, state.peek(), Ordering::Acquire, Ordering::Relaxed);
            if peeked.is_ok() {
                break;
            }
        }
        let seen = sync::peeking(|| self.read_ends());
        // ORDERING: Release, with the Acquire in `wait_for_state`, or in a failed `QueueGuard::unlock` or `try_lock` of the
        // thread that claims the node: nodes are freed after they were read.
        self.state.end_peek(Ordering::Release);
        self.backoff.notify();
        seen
    }

    /// The length of the queue and the permits that the front needs, for the thread that has set PEEKED.
    fn read_ends(&self) -> (usize, Option<usize>) {
        loop {
            let front = self.front.peek();
            if front.is_null() {
                return (0, None);
            }
            // SAFETY: the front was in the queue at some moment since PEEKED was set, and so was the back to which its
            // `prev` points if it is not claimed. So both are not freed (Q4).
            unsafe {
                // ORDERING: Acquire, with the Release in `claim_front`: if the front was claimed, the next round sees the
                // node behind it. (The pointer to the back was stored in `prev` before the node became the front, and
                // `front` was read with Acquire.)
                let back = node::links(front).prev.load(Ordering::Acquire);
                if !node::is_claimed_or_later(back) {
                    return (node::links(back).next.peek().addr(), Some(node::min(front)));
                }
            }
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
    /// The number of nodes in the queue.
    pub(super) fn len(&self) -> usize {
        let front = self.queue.front.get();
        if front.is_null() {
            return 0;
        }
        // SAFETY: both ends are in the queue (Q1), whose lock is held (Q2).
        unsafe { length(back(front)) }
    }

    /// Puts a node at the back.
    ///
    /// # Safety
    /// The node is new, and the caller is its owner and keeps N1: it removes the node or waits for its outcome before
    /// the node is freed.
    #[inline]
    pub(super) unsafe fn push_back<'n>(
        &mut self,
        node: PinnedNode<'n>,
        max: usize,
        waker: Waker,
    ) -> Enqueued<'n> {
        let (this, front) = (node.as_ptr(), self.queue.front.get());
        let (back, length) = match front.is_null() {
            true => (this, 0),
            // SAFETY: both ends are in the queue (Q1), whose lock is held (Q2).
            false => unsafe { (back(front), length(back(front))) },
        };
        let links = Links {
            prev: AtomicPtr::new(back),
            next: SharedPtr::new(ptr::without_provenance_mut(length + 1)),
            amount: UnsafeCell::new(max),
            waker: UnsafeCell::new(MaybeUninit::new(waker)),
        };
        // SAFETY: guaranteed by the caller; the lock is held.
        let enqueued = unsafe { node.enqueue(links) };
        if front.is_null() {
            self.queue.front.set(this);
        } else {
            // SAFETY: both ends are in the queue (Q1), whose lock is held (Q2).
            unsafe {
                set_next(back, this);
                set_prev(front, this);
            }
        }
        // SAFETY: the node is in the queue (Q1), whose lock is held (Q2).
        let (Links { prev, next, .. }, min) = unsafe { (node::links(this), node::min(this)) };
        report(Step::Push {
            node: this.addr(),
            prev: (ptr::from_ref(prev).addr(), back.addr()),
            next: (ptr::from_ref(next).addr(), length + 1),
            min,
            max,
        });
        enqueued
    }

    /// The front and the permits it takes, if it can complete with what the state holds besides the permits of `claims`.
    #[inline]
    pub(super) fn servable_front(&self, claims: &Claims) -> Option<(*mut Node, usize)> {
        let state = self.state.minus(claims.permits);
        if !state.can_serve() {
            return None;
        }
        let front = self.queue.front.get();
        if front.is_null() {
            return None;
        }
        // SAFETY: the front is in the queue (Q1), whose lock is held (Q2).
        let request = unsafe { Request { min: node::min(front), max: amount(front) } };
        Some((front, state.share_of_front(request)?))
    }

    /// Claims the front if it can complete (N3). Returns whether it could.
    #[inline]
    pub(super) fn claim_front(&mut self, claims: &mut Claims) -> bool {
        let Some((front, n)) = self.servable_front(claims) else { return false };
        // SAFETY: both ends and the node behind the front are in the queue (Q1), whose lock is held (Q2).
        unsafe {
            let back = back(front);
            if front == back {
                self.queue.front.set(ptr::null_mut());
            } else {
                // In this order, so that a thread that peeks and sees the new front finds the back behind its `prev`.
                let after = next(front);
                set_prev(after, back);
                set_length(back, length(back) - 1);
                self.queue.front.set(after);
            }
            set_amount(front, n);
            // ORDERING: Release, with the Acquire in `read_ends`: a thread that peeks sees the new front.
            node::links(front).prev.store(CLAIMED, Ordering::Release);
            report(Step::Claim { prev: ptr::from_ref(&node::links(front).prev).addr(), n });
        }
        if claims.count == 0 {
            claims.first = front;
        }
        claims.count += 1;
        claims.permits += n;
        true
    }

    /// Removes a node for its owner, and returns its waker; `None` if the node was claimed.
    ///
    /// # Safety
    /// The node was enqueued in this queue, and the caller is its owner.
    pub(super) unsafe fn remove(&mut self, node: PinnedNode<'_>) -> Option<Waker> {
        let node = node.as_ptr();
        // SAFETY: guaranteed by the caller. A node that is not claimed is in the queue, whose lock is held (Q2).
        unsafe {
            if was_claimed(node) {
                return None;
            }
            self.unlink(node);
            report(Step::Remove { prev: ptr::from_ref(&node::links(node).prev).addr() });
            Some(take_waker(node))
        }
    }

    /// Replaces the waker of a node for its owner, and returns the old one; or the new one as an error if the node was
    /// claimed.
    ///
    /// # Safety
    /// The node was enqueued in this queue, and the caller is its owner.
    pub(super) unsafe fn replace_waker(
        &mut self,
        node: PinnedNode<'_>,
        waker: Waker,
    ) -> Result<Waker, Waker> {
        let node = node.as_ptr();
        // SAFETY: guaranteed by the caller. A node that is not claimed is in the queue, whose lock is held (Q2), and
        // holds a waker (N4).
        unsafe {
            if was_claimed(node) {
                return Err(waker);
            }
            Ok(node::links(node).waker.with_mut(|own| mem::replace((*own).assume_init_mut(), waker)))
        }
    }

    /// Unlocks the queue in the same step as the permits of `claims` leave the word (F5). Returns the state after this step,
    /// or, as an error, the lock with the new state if the state has changed.
    #[inline]
    pub(super) fn unlock(mut self, claims: &Claims) -> Result<State, Self> {
        // A semaphore that was closed before this step grants nothing more (F5).
        let spent = if self.state.is_closed() { 0 } else { claims.permits };
        let is_empty = self.queue.front.get().is_null();
        let new = self.state.minus(spent).unlock(is_empty);
        // ORDERING: Release, with the Acquire in `try_lock`, `wait_for_state` and `peek`: the queue is as this thread
        // leaves it. Acquire on failure, with the Release in `RawSemaphore::release` and `update`: a request that is
        // granted the permits that were added since, or fails, sees what was written before. And with the Release in
        // `peek`: see there.
        let unlocked =
            self.queue.state.compare_exchange(self.state, new, Ordering::Release, Ordering::Acquire);
        match unlocked {
            Ok(()) => {
                self.queue.backoff.notify();
                Ok(new)
            }
            Err(actual) => {
                self.state = actual;
                Err(self)
            }
        }
    }

    /// Removes a node from the list for its owner, and keeps Q3. No thread peeks (Q4).
    ///
    /// # Safety
    /// The node is in the queue.
    unsafe fn unlink(&mut self, node: *mut Node) {
        let front = self.queue.front.get();
        // SAFETY: the node, its neighbours and both ends are in the queue (Q1), whose lock is held (Q2).
        unsafe {
            let back = back(front);
            let length = length(back) - 1;
            let (before, after) = (prev(node), next(node));
            match (node == front, node == back) {
                (true, true) => self.queue.front.set(ptr::null_mut()),
                (true, false) => {
                    self.queue.front.set(after);
                    set_prev(after, back);
                    set_length(back, length);
                }
                (false, true) => {
                    set_prev(front, before);
                    set_length(before, length);
                }
                (false, false) => {
                    set_next(before, after);
                    set_prev(after, before);
                    set_length(back, length);
                }
            }
        }
    }
}

/// Nodes that were claimed in one critical section, linked by `next`. The claiming thread must complete them once it has
/// unlocked the queue.
#[must_use]
pub(super) struct Claims {
    first: *mut Node,
    count: usize,
    permits: usize,
}

impl Claims {
    pub(super) const fn new() -> Self {
        Self { first: ptr::null_mut(), count: 0, permits: 0 }
    }

    #[inline]
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Stores the outcome of the next claimed node, and returns its waker. `unlocked` is the state with which the queue was
    /// unlocked.
    #[inline]
    pub(super) fn complete_next(&mut self, queue: &WaitQueue, unlocked: State) -> Option<Waker> {
        self.count = self.count.checked_sub(1)?;
        let node = self.first;
        let outcome = ptr::without_provenance_mut(unlocked.outcome_flags());
        // SAFETY: the node is claimed by this thread, and not freed before its outcome is stored (N1, N3). Then it may be
        // freed, although the reference to `prev` still exists (N5).
        let waker = unsafe {
            // The last claimed node leads nowhere.
            if self.count > 0 {
                self.first = next(node);
            }
            let waker = take_waker(node);
            // ORDERING: Release, with the Acquire in `Enqueued::stored_outcome`. The last access to the node (N3).
            node::links(node).prev.store(outcome, Ordering::Release);
            waker
        };
        queue.backoff.notify();
        Some(waker)
    }
}

// Accessors of the links, by what they hold. A node is not freed while it is queued or claimed (N1), its links are
// initialized (N2), and no thread but the lock holder (Q2) or the claiming thread (N3) writes them.
//
// ORDERING: Relaxed: the queue lock orders the accesses of its holders, and a claimed node is accessed by one thread. Owners
// and threads that peek load `prev` without the lock; they pair with the stores in `claim_front` and
// `Claims::complete_next`.

/// # Safety
/// The node is in a queue whose lock the caller holds, or it is claimed by the caller.
unsafe fn prev(node: *mut Node) -> *mut Node {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node) }.prev.load(Ordering::Relaxed)
}

/// # Safety
/// The node is in a queue whose lock the caller holds, or it is claimed by the caller.
unsafe fn set_prev(node: *mut Node, prev: *mut Node) {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node) }.prev.store(prev, Ordering::Relaxed);
}

/// # Safety
/// The node is in a queue whose lock the caller holds, or it is claimed by the caller.
unsafe fn next(node: *mut Node) -> *mut Node {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node) }.next.get()
}

/// # Safety
/// The node is in a queue whose lock the caller holds, or it is claimed by the caller.
unsafe fn set_next(node: *mut Node, next: *mut Node) {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node) }.next.set(next);
}

/// The back of the queue, found through its front.
///
/// # Safety
/// The node is the front of a queue whose lock the caller holds.
unsafe fn back(front: *mut Node) -> *mut Node {
    // SAFETY: guaranteed by the caller.
    unsafe { prev(front) }
}

/// The length of the queue, read from its back.
///
/// # Safety
/// The node is the back of a queue whose lock the caller holds.
unsafe fn length(back: *mut Node) -> usize {
    // SAFETY: guaranteed by the caller.
    unsafe { next(back) }.addr()
}

/// # Safety
/// The node is the back of a queue whose lock the caller holds.
unsafe fn set_length(back: *mut Node, length: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe { set_next(back, ptr::without_provenance_mut(length)) };
}

/// # Safety
/// The node is in a queue whose lock the caller holds, or it is claimed by the caller.
unsafe fn amount(node: *mut Node) -> usize {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node).amount.with(|amount| *amount) }
}

/// # Safety
/// The node is in a queue whose lock the caller holds, or it is claimed by the caller.
unsafe fn set_amount(node: *mut Node, n: usize) {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node).amount.with_mut(|amount| *amount = n) }
}

/// Whether a node was claimed. It may have an outcome already.
///
/// # Safety
/// The caller is the node's owner, and holds the lock of the queue in which it was enqueued.
unsafe fn was_claimed(node: *mut Node) -> bool {
    // SAFETY: the caller owns the node, so it is not freed, and its links are initialized (N2).
    // ORDERING: Relaxed: a node is claimed under the lock that the caller holds.
    node::is_claimed_or_later(unsafe { node::links(node) }.prev.load(Ordering::Relaxed))
}

/// Moves the waker out of a node: a read that leaves the bytes in place, because the owner may be comparing them (N4).
///
/// # Safety
/// The node holds a waker (N4), which was not moved out yet. The caller has removed the node under the queue lock, or it is
/// claimed by the caller.
unsafe fn take_waker(node: *mut Node) -> Waker {
    // SAFETY: guaranteed by the caller (N1, N2).
    unsafe { node::links(node).waker.with(|waker| (*waker).assume_init_read()) }
}
