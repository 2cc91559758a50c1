//! The line: the waiters in their order, as nodes that lie inside their own futures. This is the only file that
//! follows a node's pointers.
//!
//! Why not a `VecDeque`? It allocates, and a waiter that leaves the middle costs a search. Why not two
//! pointers, front and back? The front's `prev` would be empty: it leads to the back instead, and the
//! back's `next`, which would be empty too, counts the line. So a semaphore needs one pointer, and
//! appending, leaving and counting all cost a few steps, whatever the length.
//!
//! ```text
//!   line ──▶ front ◀──prev── node ◀──prev── back
//!              │ ──next──▶        ──next──▶   │ next: 3, the length
//!              └──────────────prev──────────▶─┘
//! ```
//!
//! * **Q1 (alive)** What the line's pointers lead to is a node in the line, and pinned (N1).
//! * **Q2 (exclusive)** The line's pointers, and the links and wakers of nodes in it, are written only
//!   through [`Locked`], which exists once a line, while the word says LOCKED.
//! * **Q3 (mirror)** `a.next` is `b` exactly when `b.prev` is `a`, but for the ends: the front's `prev`
//!   is the back, the back's `next` is the length.

use core::mem::{self, MaybeUninit};
use core::ptr;
use core::task::Waker;

use crate::node::{self, GRANTED, Joined, Links, Node, Place, REFUSED};
use crate::state::{State, Verdict, Word};
use crate::sync::{AtomicPtr, Gate, Ordering, UnsafeCell, const_fn};

/// The word, and the pointer to the front that the word's lock guards.
pub(crate) struct Line {
    word: Word,
    front: UnsafeCell<*mut Node>,
    gate: Gate,
}

// SAFETY: what the pointers lead to is touched under the lock alone (Q2), and wakers are Send.
unsafe impl Send for Line {}
// SAFETY: as above.
unsafe impl Sync for Line {}

impl Line {
    const_fn! {
        pub(crate) const fn new(permits: usize) -> Self {
            Self {
                word: Word::new(permits),
                front: UnsafeCell::new(ptr::null_mut()),
                gate: Gate::new(),
            }
        }
    }

    #[inline]
    pub(crate) fn word(&self) -> &Word {
        &self.word
    }

    /// The word at a moment when nobody edited the line: only then does it tell the whole truth, since
    /// permits that were granted are subtracted when the lock is given back.
    pub(crate) fn settled(&self) -> State {
        let mut round = 0;
        loop {
            // ORDERING: Acquire, with the Release that set CLOSED: who sees it closed sees what was written
            // before it was closed; and with the Release of the last unlock: who finds nobody in line any
            // more finds the verdict on his own node.
            let state = self.word.load(Ordering::Acquire);
            if !state.is_locked() {
                return state;
            }
            self.gate.wait(self.word.atomic(), Word::HELD, round);
            round += 1;
        }
    }

    /// Takes the lock in the same step as the word goes from `seen`, where it is free, to `next`.
    pub(crate) fn try_lock(&self, seen: State, next: State) -> Result<Locked<'_>, State> {
        debug_assert!(!seen.is_locked());
        let state = next.lock();
        // ORDERING: Acquire, with the Release of the last unlock: the line is as its editor left it; and
        // with the Release of those who gave permits back: whoever is granted them sees their writes.
        // Release: `next` may hold permits that this thread gives back, or CLOSED.
        self.word.compare_exchange(seen, state, Ordering::AcqRel, Ordering::Relaxed)?;
        Ok(Locked { line: self, state })
    }

    /// Takes the lock if somebody stands in line and nobody holds it.
    pub(crate) fn lock_if_free(&self) -> Option<Locked<'_>> {
        // ORDERING: Relaxed: the CAS decides.
        let mut state = self.word.load(Ordering::Relaxed);
        while state.is_queued() && !state.is_locked() {
            match self.try_lock(state, state) {
                Ok(locked) => return Some(locked),
                Err(now) => state = now,
            }
        }
        None
    }

    /// Waits for the lock; `None` if nobody stands in line.
    pub(crate) fn lock(&self) -> Option<Locked<'_>> {
        loop {
            let state = self.settled();
            if !state.is_queued() {
                return None;
            }
            if let Ok(locked) = self.try_lock(state, state) {
                return Some(locked);
            }
        }
    }
}

/// The right to edit the line. There is no way back but [`Locked::unlock`].
#[must_use]
pub(crate) struct Locked<'a> {
    line: &'a Line,
    state: State,
}

impl Locked<'_> {
    fn is_empty(&self) -> bool {
        self.front().is_null()
    }

    /// How many stand in line.
    pub(crate) fn len(&self) -> usize {
        let front = self.front();
        if front.is_null() {
            return 0;
        }
        // SAFETY: the front of this line, which is not empty.
        unsafe { self.back_and_length(front) }.1
    }

    /// What the front is to be told, once `spent` permits have left the word; `None` if it must wait on, or
    /// nobody waits.
    #[inline]
    pub(crate) fn front_verdict(&self, spent: usize) -> Option<Verdict> {
        let state = self.state.minus(spent);
        if !state.can_serve() || self.is_empty() {
            return None;
        }
        // SAFETY: the front is in the line (Q1).
        state.verdict(unsafe { node::ask(self.front()) })
    }

    /// Puts a newcomer at the back.
    ///
    /// # Safety
    /// The node has not joined, its owner is here, and sees to it that the node is taken off before it dies (N1).
    #[inline]
    pub(crate) unsafe fn push_back<'n>(&mut self, node: Place<'n>, waker: Waker) -> Joined<'n> {
        let (this, front) = (node.as_ptr(), self.front());
        let (back, length) = match front.is_null() {
            true => (this, 0),
            // SAFETY: the front of this line, which is not empty.
            false => unsafe { self.back_and_length(front) },
        };
        let links = Links {
            prev: AtomicPtr::new(back),
            next: UnsafeCell::new(ptr::without_provenance_mut(length + 1)),
            waker: UnsafeCell::new(MaybeUninit::new(waker)),
        };
        // SAFETY: the caller's, and we hold the lock (Q2).
        let joined = unsafe { node.join(links) };
        if front.is_null() {
            self.set_front(this);
        } else {
            // SAFETY: front and back are in the line (Q1), and we hold the lock (Q2).
            unsafe {
                set_next(back, this);
                set_prev(front, this);
            }
        }
        joined
    }

    /// Takes the front off a line that is not empty and tells it the verdict; returns how many permits it was
    /// granted, and its waker.
    #[inline]
    pub(crate) fn pop_front(&mut self, verdict: Verdict) -> (usize, Waker) {
        let front = self.front();
        let (n, told) = match verdict {
            Verdict::Granted(n) => (n, GRANTED),
            Verdict::Refused => (0, REFUSED),
        };
        // SAFETY: the front is in the line (Q1), and we hold the lock (Q2).
        unsafe {
            self.unlink(front);
            let waker = take_waker(front);
            set_next(front, ptr::without_provenance_mut(n));
            // ORDERING: Release, with the Acquire in `Joined::verdict`. The last touch of the node (N3).
            node::links(front).prev.store(told, Ordering::Release);
            (n, waker)
        }
    }

    /// Takes off a node that gives up its place; returns its waker, or `None` if it had been taken off before.
    ///
    /// # Safety
    /// The node has joined this very line, and its owner is here.
    pub(crate) unsafe fn remove(&mut self, node: Place<'_>) -> Option<Waker> {
        if node.joined().map(Joined::verdict) != Some(None) {
            return None;
        }
        // SAFETY: a node that has joined and was told nothing is in the line, and we hold the lock (Q2).
        unsafe {
            self.unlink(node.as_ptr());
            Some(take_waker(node.as_ptr()))
        }
    }

    /// Replaces a node's waker; returns the one that is not needed: the old, or, if the node had been taken off
    /// before, the new.
    ///
    /// # Safety
    /// The node has joined this very line, and its owner is here.
    pub(crate) unsafe fn replace_waker(&mut self, node: Place<'_>, waker: Waker) -> Waker {
        if node.joined().map(Joined::verdict) != Some(None) {
            return waker;
        }
        // SAFETY: the node is in the line, so it holds a waker (N4), which is ours to write (Q2).
        unsafe {
            let mine = &node::links(node.as_ptr()).waker;
            mine.with_mut(|mine| mem::replace((*mine).assume_init_mut(), waker))
        }
    }

    /// Gives the lock back in the same step as `spent` permits leave the word; fails if the word has
    /// changed since it was last seen, and then has seen it anew.
    pub(crate) fn unlock(mut self, spent: usize) -> Result<(), Self> {
        let next = self.state.minus(spent).unlock(self.is_empty());
        // ORDERING: Release, with the Acquire of the next `try_lock`: it finds the line as we leave it.
        // Acquire on failure, with the Release of those who gave permits back meanwhile: whoever is
        // granted these permits sees their writes.
        let swap = self.line.word.compare_exchange(self.state, next, Ordering::Release, Ordering::Acquire);
        match swap {
            Ok(()) => {
                self.line.gate.open();
                Ok(())
            }
            Err(now) => {
                self.state = now;
                Err(self)
            }
        }
    }

    fn front(&self) -> *mut Node {
        // SAFETY: we hold the lock (Q2).
        self.line.front.with(|front| unsafe { *front })
    }

    /// The back, and how many stand in line.
    ///
    /// # Safety
    /// `front` is the front of this very line, which is not empty.
    #[inline]
    unsafe fn back_and_length(&self, front: *mut Node) -> (*mut Node, usize) {
        // SAFETY: both ends are in the line (Q1), we hold the lock (Q2), and this is what their outer links say (Q3).
        unsafe {
            let back = prev(front);
            (back, next(back).addr())
        }
    }

    fn set_front(&mut self, node: *mut Node) {
        // SAFETY: we hold the lock (Q2).
        self.line.front.with_mut(|front| unsafe { *front = node });
    }

    /// Closes the gap that a node leaves (Q3).
    ///
    /// # Safety
    /// The node is in the line.
    unsafe fn unlink(&mut self, node: *mut Node) {
        let front = self.front();
        // SAFETY: the node, its neighbours and both ends are in the line, so alive (Q1), and we hold the
        // lock (Q2).
        unsafe {
            let (back, length) = self.back_and_length(front);
            let length = ptr::without_provenance_mut(length - 1);
            let (before, after) = (prev(node), next(node));
            match (node == front, node == back) {
                (true, true) => return self.set_front(ptr::null_mut()),
                (true, false) => self.set_front(after),
                (false, true) => {
                    set_prev(front, before);
                    return set_next(before, length);
                }
                (false, false) => set_next(before, after),
            }
            set_prev(after, before);
            set_next(back, length);
        }
    }
}

// Each of these wants a node in a line whose lock the caller holds: it is alive (Q1), it has joined, and its links
// are the caller's to read and write (Q2). `prev` is atomic for the sake of its owner, who looks there for the
// verdict without the lock; under it, Relaxed is enough.

unsafe fn prev(node: *mut Node) -> *mut Node {
    // SAFETY: as above.
    unsafe { node::links(node) }.prev.load(Ordering::Relaxed)
}

unsafe fn set_prev(node: *mut Node, to: *mut Node) {
    // SAFETY: as above.
    unsafe { node::links(node) }.prev.store(to, Ordering::Relaxed);
}

unsafe fn next(node: *mut Node) -> *mut Node {
    // SAFETY: as above.
    unsafe { node::links(node).next.with(|next| *next) }
}

unsafe fn set_next(node: *mut Node, to: *mut Node) {
    // SAFETY: as above.
    unsafe { node::links(node).next.with_mut(|next| *next = to) }
}

unsafe fn take_waker(node: *mut Node) -> Waker {
    // SAFETY: as above, and a node in the line holds a waker (N4); this one is leaving it. It is moved by
    // a mere read, since its owner may be comparing it.
    unsafe { node::links(node).waker.with(|waker| (*waker).assume_init_read()) }
}
