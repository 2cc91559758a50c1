//! The line: the waiters in their order, as nodes that lie inside their own futures. This is the only
//! file that follows a node's pointers.
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
//! * **Q1 (pinned)** A node in the line neither moves nor dies until it is taken off. Its future is
//!   pinned and takes it off when dropped. (That other threads reach into a future which its owner
//!   holds as `Pin<&mut _>` rests on the future being `!Unpin`, as in every intrusive future.)
//! * **Q2 (exclusive)** The line's pointers, and the links and wakers of nodes in it, are written only
//!   through [`Locked`], which exists once a line, while the word says LOCKED.
//! * **Q3 (mirror)** `a.next` is `b` exactly when `b.prev` is `a`, but for the ends: the front's `prev`
//!   is the back, the back's `next` is the length.
//! * **Q4 (last word)** Taking the front off ends with the store of its verdict where `prev` was; `next` then
//!   says how many permits it got. From then on its owner may free it, and nobody else touches it again.
//! * **Q5 (waker)** A node in the line holds a waker; one that was taken off holds none.

use core::cell::{self, Cell};
use core::marker::PhantomData;
use core::mem::{self, MaybeUninit};
use core::ops::Deref;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use crate::state::{Ask, State, Verdict, Word};
use crate::sync::{AtomicPtr, Gate, Ordering, UnsafeCell, const_fn};
use crate::wakers::Wakers;

/// A waiter: how many permits it needs, and, once it stands in line, its links and its waker. These stay
/// uninitialised until then, because a store before the fast path's CAS would be paid for.
pub(crate) struct Node {
    /// The permits needed, under the flags [`JOINED`] and [`GREEDY`]. Written by the owner alone, before the
    /// node joins.
    need: Cell<usize>,
    links: cell::UnsafeCell<MaybeUninit<Links>>,
}

/// A node that takes more than it needs, if it lies free. Its `need` says GREEDY.
#[repr(C)]
pub(crate) struct GreedyNode {
    node: Node,
    most: usize,
}

/// The node has been in the line.
const JOINED: usize = 1 << (usize::BITS - 1);
/// The node is the first part of a [`GreedyNode`].
const GREEDY: usize = 1 << (usize::BITS - 2);

/// What can stand in line: a [`Node`], or what starts with one.
pub(crate) trait Seat {
    fn node(&self) -> &Node;

    /// Leads to all of the seat, not only to its node.
    fn place(self: Pin<&Self>) -> Place<'_>;

    /// What was asked for.
    fn ask(&self) -> Ask;
}

impl Seat for Node {
    #[inline]
    fn node(&self) -> &Node {
        self
    }

    #[inline]
    fn place(self: Pin<&Self>) -> Place<'_> {
        Place(NonNull::from(self.get_ref()), PhantomData)
    }

    #[inline]
    fn ask(&self) -> Ask {
        Ask::exactly(self.need())
    }
}

impl GreedyNode {
    pub(crate) const fn new(least: usize, most: usize) -> Self {
        Self { node: Node::new(least | GREEDY), most }
    }
}

impl Seat for GreedyNode {
    fn node(&self) -> &Node {
        &self.node
    }

    fn place(self: Pin<&Self>) -> Place<'_> {
        Place(NonNull::from(self.get_ref()).cast(), PhantomData)
    }

    fn ask(&self) -> Ask {
        Ask { least: self.node.need(), most: self.most }
    }
}

/// Where a node lies, pinned, with the right to look at all of its seat.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a>(NonNull<Node>, PhantomData<Pin<&'a Node>>);

impl Deref for Place<'_> {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        // SAFETY: made from a reference that is still borrowed.
        unsafe { self.0.as_ref() }
    }
}

impl Place<'_> {
    pub(crate) fn ask(&self) -> Ask {
        // SAFETY: as above.
        unsafe { ask(self.0.as_ptr()) }
    }
}

struct Links {
    /// The node before this one (Q3) or, once it was told, the verdict.
    prev: AtomicPtr<Node>,
    next: UnsafeCell<*mut Node>,
    waker: UnsafeCell<MaybeUninit<Waker>>,
}

/// A verdict as `prev` holds it: an address at which no node can lie.
const GRANTED: *mut Node = ptr::null_mut();
const REFUSED: *mut Node = ptr::without_provenance_mut(1);

impl Node {
    pub(crate) const fn new(need: usize) -> Self {
        Self { need: Cell::new(need), links: cell::UnsafeCell::new(MaybeUninit::uninit()) }
    }

    #[inline]
    pub(crate) fn need(&self) -> usize {
        self.need.get() & !(JOINED | GREEDY)
    }

    #[inline]
    pub(crate) fn has_joined(&self) -> bool {
        self.need.get() & JOINED != 0
    }

    /// The verdict on a node that has joined, or `None` while it stands in line.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let links = self.links();
        // ORDERING: Acquire, with the Release that stores the verdict in `Locked::pop_front`: the one
        // granted sees what the giver of its permits wrote, and may free the node.
        match links.prev.load(Ordering::Acquire) {
            // SAFETY: after the verdict nobody but its owner, who is here, touches a node (Q4).
            GRANTED => Some(Verdict::Granted(links.next.with(|next| unsafe { *next }).addr())),
            REFUSED => Some(Verdict::Refused),
            _ => None,
        }
    }

    /// Whether a node that has joined would already wake the task of `waker`. Takes no lock: only the
    /// node's owner, who is here, writes its waker. Should a verdict come at this very moment, then the
    /// bits are those of a waker that was moved out and called; to compare them is still sound.
    pub(crate) fn wakes(&self, waker: &Waker) -> bool {
        // SAFETY: a joined node's waker was written (Q5), and taking it out leaves its bits in place.
        self.links().waker.with(|mine| unsafe { (*mine).assume_init_ref().will_wake(waker) })
    }

    fn links(&self) -> &Links {
        assert!(self.has_joined());
        // SAFETY: written before JOINED was set and never replaced since.
        unsafe { (*self.links.get()).assume_init_ref() }
    }
}

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
            // ORDERING: Acquire, with the Release that set CLOSED: who sees it closed sees what was
            // written before it was closed.
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

/// The right to edit the line. There is no way back but [`Locked::unlock`], which `Semaphore::serve`
/// alone calls.
#[must_use]
pub(crate) struct Locked<'a> {
    line: &'a Line,
    state: State,
}

impl Locked<'_> {
    /// The word as last seen. Permits may have come or gone since.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.front().is_null()
    }

    /// How many stand in line.
    pub(crate) fn len(&self) -> usize {
        let back = self.back();
        if back.is_null() {
            return 0;
        }
        // SAFETY: the back is in the line (Q1), and its `next` is the length (Q3).
        unsafe { next(back).addr() }
    }

    /// What the front asks for, or `None` if the line is empty.
    pub(crate) fn front_ask(&self) -> Option<Ask> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the front is in the line, so alive (Q1).
        Some(unsafe { ask(self.front()) })
    }

    /// Puts a newcomer at the back.
    ///
    /// # Safety
    /// The node has not joined. It stays where it is until it has been taken off (Q1).
    pub(crate) unsafe fn push_back(&mut self, node: Place<'_>, waker: Waker) {
        let (this, back, length) = (node.0.as_ptr(), self.back(), self.len());
        let before = if back.is_null() { this } else { back };
        let links = Links {
            prev: AtomicPtr::new(before),
            next: UnsafeCell::new(ptr::without_provenance_mut(length + 1)),
            waker: UnsafeCell::new(MaybeUninit::new(waker)),
        };
        // SAFETY: before it joins, nobody but its owner, who is here, looks at a node's links.
        unsafe { (*node.links.get()).write(links) };
        node.need.set(node.need.get() | JOINED);
        if back.is_null() {
            self.set_front(this);
        } else {
            // SAFETY: front and back are in the line (Q1), and we hold the lock (Q2).
            unsafe {
                set_next(back, this);
                set_prev(self.front(), this);
            }
        }
    }

    /// Takes the front off a line that is not empty, tells it the verdict and puts its waker into the
    /// batch.
    pub(crate) fn pop_front(&mut self, verdict: Verdict, wakers: &mut Wakers) {
        let front = self.front();
        // SAFETY: the front is in the line, so alive (Q1), and we hold the lock (Q2).
        unsafe {
            self.unlink(front);
            wakers.push(take_waker(front));
            let told = match verdict {
                Verdict::Granted(n) => {
                    set_next(front, ptr::without_provenance_mut(n));
                    GRANTED
                }
                Verdict::Refused => REFUSED,
            };
            // ORDERING: Release, with the Acquire in `Node::verdict`. The last touch of the node (Q4).
            links(front).prev.store(told, Ordering::Release);
        }
    }

    /// Takes off a node that gives up its place; returns its waker, or `None` if it had been taken off
    /// before.
    ///
    /// # Safety
    /// The node has joined this very line, and its owner is here.
    pub(crate) unsafe fn remove(&mut self, node: Place<'_>) -> Option<Waker> {
        if node.verdict().is_some() {
            return None;
        }
        // SAFETY: a node that has joined and was not taken off is in the line, and we hold the lock (Q2).
        unsafe {
            self.unlink(node.0.as_ptr());
            Some(take_waker(node.0.as_ptr()))
        }
    }

    /// Replaces a node's waker; returns the one that is not needed: the old, or, if the node had been
    /// taken off before, the new.
    ///
    /// # Safety
    /// The node has joined this very line, and its owner is here.
    pub(crate) unsafe fn replace_waker(&mut self, node: Place<'_>, waker: Waker) -> Waker {
        if node.verdict().is_some() {
            return waker;
        }
        // SAFETY: a node in the line holds a waker (Q5), which is ours to write (Q2).
        node.links().waker.with_mut(|mine| unsafe { mem::replace((*mine).assume_init_mut(), waker) })
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

    fn back(&self) -> *mut Node {
        let front = self.front();
        if front.is_null() {
            return front;
        }
        // SAFETY: the front is in the line (Q1), and its `prev` is the back (Q3).
        unsafe { prev(front) }
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
            let back = prev(front);
            let length = ptr::without_provenance_mut(next(back).addr() - 1);
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

// Each of these wants a node in a line whose lock the caller holds: it is alive (Q1), it has joined, and
// its links are the caller's to read and write (Q2). `prev` is atomic for the sake of its owner, who
// looks there for the verdict without the lock; under it, Relaxed is enough.

unsafe fn ask(node: *mut Node) -> Ask {
    // SAFETY: as above, and GREEDY tells that the node is the first part of a greedy one.
    unsafe {
        let least = (*node).need();
        let greedy = (*node).need.get() & GREEDY != 0;
        let most = if greedy { (*node.cast::<GreedyNode>()).most } else { least };
        Ask { least, most }
    }
}

unsafe fn links<'n>(node: *mut Node) -> &'n Links {
    // SAFETY: as above.
    unsafe { (*(*node).links.get()).assume_init_ref() }
}

unsafe fn prev(node: *mut Node) -> *mut Node {
    // SAFETY: as above.
    unsafe { links(node) }.prev.load(Ordering::Relaxed)
}

unsafe fn set_prev(node: *mut Node, to: *mut Node) {
    // SAFETY: as above.
    unsafe { links(node) }.prev.store(to, Ordering::Relaxed);
}

unsafe fn next(node: *mut Node) -> *mut Node {
    // SAFETY: as above.
    unsafe { links(node).next.with(|next| *next) }
}

unsafe fn set_next(node: *mut Node, to: *mut Node) {
    // SAFETY: as above.
    unsafe { links(node).next.with_mut(|next| *next = to) }
}

unsafe fn take_waker(node: *mut Node) -> Waker {
    // SAFETY: as above, and a node in the line holds a waker (Q5); this one is leaving it. It is moved by
    // a mere read, since its owner may be comparing it.
    unsafe { links(node).waker.with(|waker| (*waker).assume_init_read()) }
}
