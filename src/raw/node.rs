#![allow(unsafe_code)]
//! A waiter's node: its request, its links and its waker. It lives inside the waiting future.
//!
//! The links hold different things at different times:
//!
//! | a node that is... | `prev` | `next` | `amount` | `waker` |
//! |---|---|---|---|---|
//! | new | uninitialized | uninitialized | uninitialized | uninitialized |
//! | at the front | the back | the node behind | the most permits it takes | its task's |
//! | in the middle | the node before | the node behind | the same | the same |
//! | at the back | the node before | the length of the queue | the same | the same |
//! | alone in the queue | itself | 1, the length | the same | the same |
//! | claimed | `CLAIMED` | the next claimed node, unless it is the last one | the permits granted to it | its task's |
//! | granted | 0, or PEEKED | unspecified | the permits granted to it | moved out |
//! | failed | CLOSED, perhaps with PEEKED | unspecified | unspecified | moved out |
//! | removed by its owner | unspecified | unspecified | unspecified | moved out |
//!
//! Invariants. The *owner* of a node is the thread that polls or drops its future.
//!
//! * **N1 (pinned)** A queued or claimed node neither moves nor is freed. Its future is pinned, and removes the node
//!   or waits for its outcome when it is dropped. (Other threads access memory that the owner holds as
//!   `Pin<&mut _>`. That is sound because the future is `!Unpin`, as it is for every intrusive future.)
//! * **N2 (enqueued)** Only the owner writes `min`, and only until the node is in the queue. ENQUEUED is set once the
//!   links are initialized.
//! * **N3 (claimed)** The holder of the queue lock claims a node: it removes it from the front and stores `CLAIMED`.
//!   From then on only the claiming thread writes the node, up to its last access, the store of the outcome. Until then
//!   the owner, and threads with a shared reference to the future, load `prev`; the owner compares wakers; and a thread
//!   that peeks reads what N6 says. After that the node is the owner's again.
//! * **N4 (waker)** A queued node holds a waker. A claimed node holds it until the claiming thread moves it out, just before
//!   it stores the outcome. It is written only under the queue lock, and only by the owner. When it is moved out its bytes stay. The owner may still compare them with another waker:
//!   the waker that they belonged to may have been dropped, but its vtable is `'static`, and if a new waker happens to
//!   equal it, the outcome is there or about to be.
//! * **N5 (shared)** After a node is enqueued, all accesses by the queue and by the owner go through shared references to
//!   it. All of its fields are atomics or cells, so these references allow writes by other threads, and no write ends
//!   another reference. The only unique references that include the node are those to its future, which is `!Unpin` (N1).
//!   The links are initialized through a raw pointer, because [`MaybeUninit::write`] returns a unique reference to them.
//! * **N6 (peeked)** A thread that peeks (Q4) may read the `min`, `prev` and `next` of a node after it was claimed. If the state
//!   says PEEKED when the queue is unlocked, the outcome is stored with the flag PEEKED; then the owner waits until
//!   the state no longer says so before it frees the node.

use core::cell::{self, Cell};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use super::state::{CLOSED, PEEKED};
use crate::sync::{AtomicPtr, LOOM, Ordering, SharedPtr, UnsafeCell};

/// A waiter's node. The links stay uninitialized until it is enqueued: the fast path does not pay for the stores.
pub(crate) struct Node {
    /// The permits the request needs, and the flag [`ENQUEUED`].
    min: Cell<usize>,
    links: cell::UnsafeCell<MaybeUninit<Links>>,
}

/// The node has been in a queue.
const ENQUEUED: usize = 1 << (usize::BITS - 1);

/// What a queued request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The request owns this many permits, whatever happens to the semaphore afterwards.
    Granted(usize),
    /// The semaphore was closed.
    Closed,
}

/// See the table at the top of the file.
pub(super) struct Links {
    pub(super) prev: AtomicPtr<Node>,
    pub(super) next: SharedPtr<Node>,
    pub(super) amount: UnsafeCell<usize>,
    pub(super) waker: UnsafeCell<MaybeUninit<Waker>>,
}

// What `prev` holds when the node is no longer queued: addresses at which there is no node. The outcome is
// `State::outcome_flags` of the state with which the queue was unlocked. (No target is supported that places data in its
// first 16 bytes.)
pub(super) const CLAIMED: *mut Node = ptr::without_provenance_mut(1);
const GRANTED: *mut Node = ptr::null_mut();
const LAST: usize = CLOSED | PEEKED;

/// Whether `prev` says that the node is no longer queued.
#[inline]
pub(super) fn is_claimed_or_later(prev: *mut Node) -> bool {
    prev.addr() <= LAST
}

impl Node {
    pub(crate) const fn new(min: usize) -> Self {
        Self { min: Cell::new(min), links: cell::UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The permits the request needs.
    #[inline]
    pub(crate) fn min(&self) -> usize {
        self.min.get() & !ENQUEUED
    }

    /// What the owner may do with a node that was enqueued; `None` if it is new.
    #[inline]
    pub(crate) fn enqueued(&self) -> Option<Enqueued<'_>> {
        if self.min.get() & ENQUEUED == 0 {
            return None;
        }
        // SAFETY: the links are initialized (N2), and are only accessed through shared references (N5).
        Some(Enqueued(unsafe { (*self.links.get()).assume_init_ref() }))
    }

    /// Marks the end of the node's life for loom, which does not track memory: an access that no other thread may be
    /// concurrent with (N3).
    #[inline]
    pub(crate) fn check_unshared(&self) {
        if !LOOM {
            return;
        }
        if let Some(Enqueued(links)) = self.enqueued() {
            links.next.check_unshared();
            links.amount.with_mut(|_| ());
            links.waker.with_mut(|_| ());
        }
    }
}

/// A node that was enqueued, as its owner sees it without the queue lock.
#[derive(Clone, Copy)]
pub(crate) struct Enqueued<'a>(&'a Links);

impl Enqueued<'_> {
    /// The outcome, or `None` while the node is queued or claimed.
    #[inline]
    pub(crate) fn outcome(self) -> Option<Outcome> {
        Some(self.stored_outcome()?.0)
    }

    /// The outcome, and whether it was stored while a thread peeked (N6).
    #[inline]
    pub(super) fn stored_outcome(self) -> Option<(Outcome, bool)> {
        // ORDERING: Acquire, with the Release in `Claims::complete_next`: the granted request sees what the thread wrote that
        // released its permits, and its owner may free the node.
        let prev = self.0.prev.load(Ordering::Acquire);
        if prev == GRANTED {
            return Some((self.granted(), false));
        }
        if prev == CLAIMED || !is_claimed_or_later(prev) {
            return None;
        }
        let outcome = if prev.addr() & CLOSED != 0 { Outcome::Closed } else { self.granted() };
        Some((outcome, prev.addr() & PEEKED != 0))
    }

    #[inline]
    fn granted(self) -> Outcome {
        // SAFETY: the outcome is stored, and no thread writes `amount` after that (N3).
        Outcome::Granted(self.0.amount.with(|amount| unsafe { *amount }))
    }

    /// Whether the node holds a waker of the same task as `waker`.
    #[inline]
    pub(crate) fn will_wake(self, waker: &Waker) -> bool {
        // SAFETY: the waker was initialized, its bytes are still there, and only the owner writes them (N4).
        self.0.waker.with(|own| unsafe { (*own).assume_init_ref().will_wake(waker) })
    }

    /// Whether the node is claimed and has no outcome yet. Never stale, also under loom; orders nothing.
    pub(super) fn is_claimed_now(self) -> bool {
        // A compare-and-swap that fails, because loom lets one that succeeds overlook a later store.
        // ORDERING: Relaxed: the caller goes on to load the outcome.
        self.0.prev.compare_exchange(GRANTED, GRANTED, Ordering::Relaxed, Ordering::Relaxed) == Err(CLAIMED)
    }
}

/// A pinned node, as its owner hands it to the queue.
#[derive(Clone, Copy)]
pub(crate) struct PinnedNode<'a>(NonNull<Node>, PhantomData<Pin<&'a Node>>);

impl<'a> PinnedNode<'a> {
    #[inline]
    pub(crate) fn new(node: Pin<&'a Node>) -> Self {
        Self(NonNull::from(node.get_ref()), PhantomData)
    }

    /// The pointer that the queue keeps.
    #[inline]
    pub(super) fn as_ptr(self) -> *mut Node {
        self.0.as_ptr()
    }

    /// Initializes the links of a node that is put into the queue.
    ///
    /// # Safety
    /// The node is new, the caller is its owner and holds the lock of the queue that the links are about.
    #[inline]
    pub(super) unsafe fn enqueue(self, links: Links) -> Enqueued<'a> {
        // SAFETY: the node is borrowed for 'a. It is new, so no other thread accesses it. The write goes through the
        // raw pointer, so it creates no unique reference (N5).
        unsafe {
            let node = self.0.as_ref();
            node.links.get().cast::<Links>().write(links);
            node.min.set(node.min.get() | ENQUEUED);
            Enqueued((*node.links.get()).assume_init_ref())
        }
    }
}

impl Deref for PinnedNode<'_> {
    type Target = Node;

    #[inline]
    fn deref(&self) -> &Node {
        // SAFETY: made from a reference that is still borrowed.
        unsafe { self.0.as_ref() }
    }
}

/// The links of the node at this address.
///
/// # Safety
/// The node was enqueued, and is not freed during 'a.
#[inline]
pub(super) unsafe fn links<'a>(node: *mut Node) -> &'a Links {
    // SAFETY: guaranteed by the caller; the links are initialized (N2).
    unsafe { (*(*node).links.get()).assume_init_ref() }
}

/// The permits that the node at this address needs.
///
/// # Safety
/// The node was enqueued, and is not freed during the call.
#[inline]
pub(super) unsafe fn min(node: *mut Node) -> usize {
    // SAFETY: guaranteed by the caller; the owner no longer writes the cell (N2).
    unsafe { (*node).min() }
}
