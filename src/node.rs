//! A waiter's node: what it asks for and, once it stands in line, its links and its waker. It lies inside its
//! own future.
//!
//! * **N1 (pinned)** A node in the line neither moves nor dies until it is taken off. Its future is pinned and
//!   takes it off when dropped. (That other threads reach into a future which its owner holds as
//!   `Pin<&mut _>` rests on the future being `!Unpin`, as in every intrusive future.)
//! * **N2 (mine)** `need` and `most` are written by the owner alone, before the node joins. JOINED is set
//!   when the links have been written.
//! * **N3 (last word)** Taking the front off ends with the store of its verdict where `prev` was; `next` then
//!   says how many permits it got. From then on its owner may free it, and nobody else touches it again.
//! * **N4 (waker)** A node in the line holds a waker, which only the line's lock holder writes, and only on
//!   behalf of the node's owner. A node that was taken off holds none, but its bits stay, and its owner may
//!   compare them: the waker they were may have been dropped, but its vtable is `'static`, and should a new waker
//!   look like it, the verdict tells.

use core::cell::{self, Cell};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use crate::state::{Ask, Verdict};
use crate::sync::{AtomicPtr, Ordering, UnsafeCell, WATCHED};

/// How many permits a waiter needs, and its links. These stay uninitialised until it stands in line, because
/// a store before the fast path's CAS would be paid for.
pub(crate) struct Node {
    /// The permits needed, under the flags [`JOINED`] and [`GREEDY`].
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

pub(crate) struct Links {
    /// The node before this one or, once it was told, the verdict.
    pub(crate) prev: AtomicPtr<Node>,
    pub(crate) next: UnsafeCell<*mut Node>,
    pub(crate) waker: UnsafeCell<MaybeUninit<Waker>>,
}

/// A verdict as `prev` holds it: an address at which no node can lie.
pub(crate) const GRANTED: *mut Node = ptr::null_mut();
pub(crate) const REFUSED: *mut Node = ptr::without_provenance_mut(1);

impl Node {
    pub(crate) const fn new(need: usize) -> Self {
        Self { need: Cell::new(need), links: cell::UnsafeCell::new(MaybeUninit::uninit()) }
    }

    #[inline]
    fn need(&self) -> usize {
        self.need.get() & !(JOINED | GREEDY)
    }

    #[inline]
    pub(crate) fn has_joined(&self) -> bool {
        self.need.get() & JOINED != 0
    }

    /// The node as one that has joined the line, if it has.
    #[inline]
    pub(crate) fn joined(&self) -> Option<Joined<'_>> {
        if !self.has_joined() {
            return None;
        }
        // SAFETY: its links have been written (N2).
        Some(Joined(unsafe { (*self.links.get()).assume_init_ref() }))
    }

    /// The node is about to die. Loom, which does not watch memory, is shown by an access that nobody else may be at
    /// it any longer (N3).
    #[inline]
    pub(crate) fn end(&self) {
        if !WATCHED {
            return;
        }
        if let Some(Joined(links)) = self.joined() {
            links.next.with_mut(|_| ());
            links.waker.with_mut(|_| ());
        }
    }
}

/// What the owner of a node that has joined may do without the lock.
#[derive(Clone, Copy)]
pub(crate) struct Joined<'a>(&'a Links);

impl Joined<'_> {
    /// The verdict, or `None` while the node stands in line.
    #[inline]
    pub(crate) fn verdict(self) -> Option<Verdict> {
        // ORDERING: Acquire, with the Release that stores the verdict in `Locked::pop_front`: the one
        // granted sees what the giver of its permits wrote, and may free the node.
        match self.0.prev.load(Ordering::Acquire) {
            // SAFETY: after the verdict nobody but its owner, who is here, touches a node (N3).
            GRANTED => Some(Verdict::Granted(self.0.next.with(|next| unsafe { *next }).addr())),
            REFUSED => Some(Verdict::Refused),
            _ => None,
        }
    }

    /// Whether the node would already wake the task of `waker`. Should a verdict come at this very moment,
    /// then the bits are those of a waker that was moved out and called; to compare them is still sound.
    #[inline]
    pub(crate) fn wakes(self, waker: &Waker) -> bool {
        // SAFETY: a waker was written, and its bits are still there; nobody else writes them (N4).
        self.0.waker.with(|mine| unsafe { (*mine).assume_init_ref().will_wake(waker) })
    }
}

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

impl<'a> Place<'a> {
    /// The node as the line's pointers know it.
    #[inline]
    pub(crate) fn as_ptr(self) -> *mut Node {
        self.0.as_ptr()
    }

    /// What was asked for.
    #[inline]
    pub(crate) fn ask(self) -> Ask {
        // SAFETY: made from a reference to the whole seat that is still borrowed.
        unsafe { ask(self.as_ptr()) }
    }

    /// Makes the node one that has joined.
    ///
    /// # Safety
    /// It has not joined, its owner is here, and the links lead into a line that is ours to edit.
    #[inline]
    pub(crate) unsafe fn join(self, links: Links) -> Joined<'a> {
        // SAFETY: made from a reference that is still borrowed; before it joins, nobody else looks at the links.
        unsafe {
            let node = self.0.as_ref();
            // Through the raw pointer: a reference from `MaybeUninit::write` would be unique, and the first write
            // through the queue's pointers would end it.
            node.links.get().cast::<Links>().write(links);
            node.need.set(node.need.get() | JOINED);
            Joined(&*node.links.get().cast())
        }
    }
}

impl Deref for Place<'_> {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        // SAFETY: made from a reference that is still borrowed.
        unsafe { self.0.as_ref() }
    }
}

/// What the node at this address asks for.
///
/// # Safety
/// It is alive, and the pointer was made by [`Seat::place`].
#[inline]
pub(crate) unsafe fn ask(node: *mut Node) -> Ask {
    // SAFETY: the caller's; and GREEDY tells that the node is the first part of a greedy one.
    unsafe {
        let least = (*node).need();
        let greedy = (*node).need.get() & GREEDY != 0;
        let most = if greedy { (*node.cast::<GreedyNode>()).most } else { least };
        Ask { least, most }
    }
}

/// The links of the node at this address.
///
/// # Safety
/// It is alive and has joined.
#[inline]
pub(crate) unsafe fn links<'a>(node: *mut Node) -> &'a Links {
    // SAFETY: the caller's, and N2.
    unsafe { (*(*node).links.get()).assume_init_ref() }
}
