#![allow(unsafe_code)]
//! A waiter's node: its request, its links and its waker. It lives inside the waiting future.
//!
//! The fields of a node hold different values at different times:
//!
//! | a node that is... | `prev` | `next` | `amount` | `waker` |
//! |---|---|---|---|---|
//! | new | uninitialized | uninitialized | uninitialized | uninitialized |
//! | at the front | the back | the node behind | the most permits it takes | its task's |
//! | in the middle | the node before | the node behind | the same | the same |
//! | at the back | the node before | the length of the queue | the same | the same |
//! | alone in the queue | itself | 1, the length | the same | the same |
//! | claimed | `CLAIMED` | the next claimed node; unspecified in the last one | the permits granted to it | its task's |
//! | granted | 0, or PEEKED | unspecified | the permits granted to it | moved out |
//! | failed | CLOSED, perhaps with PEEKED | unspecified | unspecified | moved out |
//! | removed by its owner | unspecified | unspecified | unspecified | moved out |
//!
//! Invariants. The *owner* of a node is the thread that polls or drops its future.
//!
//! * **N1 (pinned)** A queued or claimed node is not moved or freed. Its future is pinned, and removes the node
//!   or waits for its outcome when it is dropped. (Other threads access memory that the owner holds as
//!   `Pin<&mut _>`. That is sound because the future is `!Unpin`, as it is for every intrusive future.)
//! * **N2 (enqueued)** Only the owner writes `min`, and only before the node is in the queue. ENQUEUED is set if and only
//!   if the links are initialized.
//! * **N3 (claimed)** The lock holder claims a node: it removes the node from the front and stores `CLAIMED`. From then on
//!   only the claiming thread writes the node, until its last access, which is the store of the outcome. Before that store,
//!   other threads only read: the owner, and threads with a shared reference to the future, load `prev`; the owner compares
//!   wakers (N4); and a thread that peeks reads the fields of N6. After that store, the owner has the node to itself, except
//!   that threads with a shared reference to the future, and the threads of N6, may read it.
//! * **N4 (waker)** A queued node holds a waker. A claimed node holds it until the claiming thread moves it out, just before
//!   it stores the outcome. Only the owner writes the field, and only under the queue lock. Moving the waker out copies its
//!   bytes and leaves them in place, so the owner may still compare them with another waker. It reads two pointers and
//!   follows none, so the old waker may have been dropped. No wake-up is lost if both are equal: the claiming thread calls
//!   the old waker after it has stored the outcome. If that call happens before the poll, the poll has loaded the outcome
//!   first. If not, both are wakers of the same task, and the call leads to another poll.
//! * **N5 (shared)** After a node is enqueued, all accesses by the queue and by the owner go through shared references to
//!   it. All of its fields are atomics or cells, so these references allow writes by other threads, no write ends another
//!   reference, and the reference through which an outcome is stored may still exist when the owner frees the node. The
//!   only unique references that include the node are those to its future, which is `!Unpin` (N1). The links are
//!   initialized through a raw pointer, because [`MaybeUninit::write`] returns a unique reference to them.
//! * **N6 (peeked)** A thread that peeks (Q4) may read the `min`, `prev` and `next` of a node after it was claimed. If
//!   PEEKED is set when the queue is unlocked, the outcome is stored with the flag PEEKED. Then the owner waits until
//!   PEEKED is clear in the state word before it frees the node.

use core::cell::{self, Cell};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use super::state::{CLOSED, PEEKED};
use crate::sync::{AtomicPtr, LOOM, Ordering, SharedPtr, Step, UnsafeCell, report};

/// A waiter's node. The links stay uninitialized until it is enqueued: the fast path does not pay for the stores.
pub(crate) struct Node {
    /// The permits that the request needs, and the flag [`ENQUEUED`].
    min: Cell<usize>,
    links: cell::UnsafeCell<MaybeUninit<Links>>,
}

/// The node has been in a queue.
const ENQUEUED: usize = 1 << (usize::BITS - 1);

/// The outcome of a queued request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The request owns this many permits, whatever happens to the semaphore afterwards.
    Granted(usize),
    /// The semaphore was closed.
    Closed,
}

/// The fields of a node that was enqueued, see the table at the top of the file.
pub(super) struct Links {
    pub(super) prev: AtomicPtr<Node>,
    pub(super) next: SharedPtr<Node>,
    pub(super) amount: UnsafeCell<usize>,
    pub(super) waker: UnsafeCell<MaybeUninit<Waker>>,
}

// The values of `prev` in a node that is no longer queued: addresses at which there is no node. An outcome is
// `State::outcome_flags` of the state with which the queue was unlocked. (Targets that place data in the first 16 bytes of
// memory are not supported.)
pub(super) const CLAIMED: *mut Node = ptr::without_provenance_mut(1);
const GRANTED: *mut Node = ptr::null_mut();
const LAST: usize = CLOSED | PEEKED;

/// Whether this is the `prev` of a node that is no longer queued: it is claimed, or has an outcome.
#[inline]
pub(super) fn is_claimed_or_later(prev: *mut Node) -> bool {
    prev.addr() <= LAST
}

impl Node {
    pub(crate) const fn new(min: usize) -> Self {
        Self { min: Cell::new(min), links: cell::UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The permits that the request needs.
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

    /// Tells loom that the node is freed, because loom does not track memory: an access to each field that no access of
    /// another thread may be concurrent with (N3, N6).
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

    /// The outcome, and whether the queue was unlocked while a thread peeked (N6).
    #[inline]
    pub(super) fn stored_outcome(self) -> Option<(Outcome, bool)> {
        // ORDERING: Acquire, with the Release in `Claims::complete_next`: the granted request sees what was written before
        // its permits were released, and the owner may free the node, because the claiming thread has accessed it.
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
        // SAFETY: the outcome was loaded, and no thread writes `amount` after the outcome is stored (N3).
        Outcome::Granted(self.0.amount.with(|amount| unsafe { *amount }))
    }

    /// Reports that the owner takes the permits that it was granted, to use or to release them, or the failure.
    #[inline]
    pub(super) fn report_taken(self, granted: Option<usize>) {
        report(Step::Take { prev: ptr::from_ref(&self.0.prev).addr(), granted });
    }

    /// Whether the node holds a waker of the same task as `waker`.
    #[inline]
    pub(crate) fn will_wake(self, waker: &Waker) -> bool {
        // SAFETY: the bytes of a waker are in the field, and only the owner writes it (N4).
        self.0.waker.with(|own| unsafe { (*own).assume_init_ref().will_wake(waker) })
    }

    /// Whether the node is claimed and has no outcome yet. Never stale, also under loom.
    pub(super) fn is_claimed_now(self) -> bool {
        // A compare-and-swap that fails if the node is claimed. After one that succeeds, loom lets this thread overlook a
        // later store.
        // ORDERING: Relaxed: the caller loads the outcome next.
        self.0.prev.compare_exchange(GRANTED, GRANTED, Ordering::Relaxed, Ordering::Relaxed) == Err(CLAIMED)
    }
}

/// A pointer to a pinned node, which its owner passes to the queue.
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
        // SAFETY: the node is borrowed for 'a. It is new, so no other thread accesses it. The links are written through a
        // raw pointer, so there is no unique reference to them (N5), and are initialized when ENQUEUED is set (N2).
        unsafe {
            let node = self.0.as_ref();
            node.links.get().cast::<Links>().write(links);
            node.min.set(node.min.get() | ENQUEUED);
            Enqueued((*node.links.get()).assume_init_ref())
        }
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

/// The permits that the request of the node at this address needs.
///
/// # Safety
/// The node was enqueued, and is not freed during the call.
#[inline]
pub(super) unsafe fn min(node: *mut Node) -> usize {
    // SAFETY: guaranteed by the caller; the owner no longer writes the cell (N2).
    unsafe { (*node).min() }
}
