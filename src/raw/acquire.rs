#![allow(unsafe_code)]
//! The future behind all waiting futures of the crate. Poll and drop each have a fast path, and below it the cold functions:
//! `poll_new` for the first poll, `poll_enqueued` for later ones, `cancel` for a drop.
//!
//! * **A1 (same queue)** A node that was enqueued is in the queue of the semaphore to which `handle` points. [`RawHandle`]
//!   promises that this is the same semaphore in every call.
//! * **A2 (unfinished)** While `handle` is `Some` and the node was enqueued, the node is queued, claimed, or has an outcome
//!   that no poll has returned. Dropping the future then removes the node, or waits for its outcome and releases the
//!   permits. Once the future has completed, `handle` is `None`.

use core::marker::PhantomPinned;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::node::{Enqueued, Node, Outcome, PinnedNode};
use super::queue::QueueGuard;
use super::state::{Request, State};
use super::{RawHandle, RawSemaphore, Unavailable};
use crate::sync::{Ordering, Step, contain_panic, report};

/// A request for permits that waits if it must.
pub(crate) struct RawAcquire<H: RawHandle> {
    handle: Option<H>,
    node: Node,
    _pinned: PhantomPinned,
}

// SAFETY: the thread to which the future is sent accesses the handle, which is Send, and as the new owner the node, which
// other threads access as well: what each of them may access is in Q2, N3 and N6.
unsafe impl<H: RawHandle + Send> Send for RawAcquire<H> {}
// SAFETY: a shared future gives access to the handle, which is Sync, and to the node's outcome, which is atomic. Everything
// else takes `Pin<&mut _>`.
unsafe impl<H: RawHandle + Sync> Sync for RawAcquire<H> {}

/// Why a request failed.
// As wide as the number of permits, so that a result is returned in two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Rejected {
    /// The semaphore is closed.
    Closed,
    /// At least `max_waiters` requests are queued.
    QueueFull,
}

/// The progress of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No poll has returned `Pending`.
    New,
    Queued,
    Granted,
    Closed,
    Completed,
}

impl<H: RawHandle> RawAcquire<H> {
    #[inline]
    pub(crate) const fn new(handle: H, min: usize) -> Self {
        Self { handle: Some(handle), node: Node::new(min), _pinned: PhantomPinned }
    }

    /// The permits that the request needs.
    pub(crate) fn min(&self) -> usize {
        self.node.min()
    }

    /// The parts of a future that was not polled yet. (A future that was polled is pinned, so it cannot be passed by value.)
    pub(crate) fn into_parts(mut self) -> (H, usize) {
        (take_handle(&mut self.handle), self.node.min())
    }

    /// Acquires without enqueueing, for a thread that blocks otherwise; returns the parts. The future was not polled yet.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn try_acquire_briefly(self) -> Result<(H, usize), Self> {
        match &self.handle {
            Some(handle) if handle.as_raw().try_acquire_briefly(self.node.min()) => Ok(self.into_parts()),
            _ => Err(self),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        match (&self.handle, self.node.enqueued()) {
            (None, _) => Progress::Completed,
            (Some(_), None) => Progress::New,
            (Some(_), Some(node)) => match node.outcome() {
                None => Progress::Queued,
                Some(Outcome::Granted(_)) => Progress::Granted,
                Some(Outcome::Closed) => Progress::Closed,
            },
        }
    }

    /// Completes with the handle and the number of permits, which the caller then owns and releases. The request takes up to
    /// `max` permits, and fails if it has to wait and `max_waiters` or more requests are queued. Both arguments are the same
    /// in every poll.
    #[inline]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        max: usize,
        max_waiters: Option<usize>,
    ) -> Poll<Result<(H, usize), Rejected>> {
        // SAFETY: the node is not moved. The handle is not pinned, so it may be moved.
        let this = unsafe { self.get_unchecked_mut() };
        let Some(handle) = &this.handle else { polled_after_completion() };
        let (semaphore, request) = (handle.as_raw(), Request { min: this.node.min(), max });
        let polled = match this.node.enqueued() {
            None if request.min == max && semaphore.try_acquire_fast(max) => Poll::Ready(Ok(max)),
            enqueued => {
                // SAFETY: the node is pinned as part of the future.
                let node = PinnedNode::new(unsafe { Pin::new_unchecked(&this.node) });
                match enqueued {
                    None => semaphore.poll_new(node, request, max_waiters, cx.waker()),
                    // SAFETY: A1, and this thread polls the future, so it is the node's owner.
                    Some(enqueued) => unsafe { semaphore.poll_enqueued(node, enqueued, cx.waker()) },
                }
            }
        };
        match polled {
            Poll::Ready(Ok(n)) => Poll::Ready(Ok((take_handle(&mut this.handle), n))),
            Poll::Ready(Err(rejected)) => {
                this.handle = None;
                Poll::Ready(Err(rejected))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<H: RawHandle> Drop for RawAcquire<H> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(enqueued), Some(handle)) = (self.node.enqueued(), &self.handle) {
            // SAFETY: a node that was enqueued is pinned until it is dropped, and it is not moved here.
            let node = PinnedNode::new(unsafe { Pin::new_unchecked(&self.node) });
            // SAFETY: A1, and this thread drops the future, so it is the node's owner.
            unsafe { handle.as_raw().cancel(node, enqueued) };
        }
        self.node.check_unshared();
    }
}

#[inline]
fn take_handle<H>(handle: &mut Option<H>) -> H {
    handle.take().unwrap_or_else(|| polled_after_completion())
}

#[cold]
#[inline(never)]
#[track_caller]
fn polled_after_completion() -> ! {
    panic!("polled again after completion");
}

impl RawSemaphore {
    /// The first poll after the fast path has failed: takes the permits, fails, or enqueues the node.
    #[cold]
    #[inline(never)]
    fn poll_new(
        &self,
        node: PinnedNode<'_>,
        request: Request,
        max_waiters: Option<usize>,
        waker: &Waker,
    ) -> Poll<Result<usize, Rejected>> {
        let mut cloned = None;
        loop {
            let state = match self.take_share(request) {
                Ok(n) => {
                    let acquired = Acquired { semaphore: self, n };
                    drop(cloned);
                    mem::forget(acquired);
                    return Poll::Ready(Ok(n));
                }
                Err(Unavailable::Closed) => return Poll::Ready(Err(Rejected::Closed)),
                Err(Unavailable::MustWait(_)) if max_waiters == Some(0) => {
                    return Poll::Ready(Err(Rejected::QueueFull));
                }
                Err(Unavailable::MustWait(state)) => state,
            };
            // Cloning is foreign code, so the waker is cloned before the queue is locked (F4). If the state changes in
            // between, locking fails and the loop starts again.
            let waker = cloned.take().unwrap_or_else(|| waker.clone());
            let Some(mut queue) = self.try_lock_to_enqueue(state) else {
                cloned = Some(waker);
                self.queue.wait_for_editable();
                continue;
            };
            if max_waiters.is_some_and(|max| queue.len() >= max) {
                self.unlock(queue);
                return Poll::Ready(Err(Rejected::QueueFull));
            }
            // SAFETY: the node is new, this thread polls its future, and dropping the future removes the node or waits
            // for its outcome (A2).
            let enqueued = unsafe { queue.push_back(node, request.max, waker) };
            self.unlock(queue);
            return self.poll_outcome(enqueued);
        }
    }

    #[inline]
    fn try_lock_to_enqueue(&self, state: State) -> Option<QueueGuard<'_>> {
        if !state.is_editable() {
            return None;
        }
        report(Step::LockToEnqueue);
        // ORDERING: Acquire, see `try_lock`. No Release: this step publishes nothing.
        self.queue.try_lock(state, state, Ordering::Acquire).ok()
    }

    /// A later poll: returns the outcome, or makes sure that the node holds a waker of the current task.
    ///
    /// # Safety
    /// The node was enqueued in the queue of this semaphore, and the caller is its owner.
    #[cold]
    #[inline(never)]
    unsafe fn poll_enqueued(
        &self,
        node: PinnedNode<'_>,
        enqueued: Enqueued<'_>,
        waker: &Waker,
    ) -> Poll<Result<usize, Rejected>> {
        match enqueued.stored_outcome() {
            Some(stored) => self.finish(enqueued, stored),
            None if enqueued.will_wake(waker) => Poll::Pending,
            // SAFETY: guaranteed by the caller.
            None => unsafe { self.replace_waker(node, enqueued, waker) },
        }
    }

    /// Gives a queued node another waker. If the node was claimed, the claiming thread calls the old waker, so this
    /// waits for the outcome and returns it.
    ///
    /// # Safety
    /// The node was enqueued in the queue of this semaphore, and the caller is its owner.
    #[inline(never)]
    unsafe fn replace_waker(
        &self,
        node: PinnedNode<'_>,
        enqueued: Enqueued<'_>,
        waker: &Waker,
    ) -> Poll<Result<usize, Rejected>> {
        // Cloning is foreign code, so the waker is cloned before the queue is locked (F4). If that panics, nothing has
        // changed.
        let waker = waker.clone();
        if let Some(mut queue) = self.queue.lock() {
            // SAFETY: guaranteed by the caller.
            let replaced = unsafe { queue.replace_waker(node, waker) };
            self.unlock(queue);
            if replaced.is_ok() {
                return self.poll_outcome(enqueued);
            }
            // `replaced` holds the waker that is not needed. Dropping it is foreign code, so the queue is unlocked
            // first (F4).
        }
        self.finish(enqueued, (self.queue.wait_for_outcome(enqueued), false))
    }

    #[inline]
    fn poll_outcome(&self, enqueued: Enqueued<'_>) -> Poll<Result<usize, Rejected>> {
        match enqueued.stored_outcome() {
            Some(stored) => self.finish(enqueued, stored),
            None => Poll::Pending,
        }
    }

    /// Returns an outcome once the node may be freed (N6).
    #[inline]
    fn finish(
        &self,
        enqueued: Enqueued<'_>,
        (outcome, was_peeked): (Outcome, bool),
    ) -> Poll<Result<usize, Rejected>> {
        if was_peeked {
            self.queue.wait_for_peek();
        }
        Poll::Ready(match outcome {
            Outcome::Granted(n) => {
                enqueued.report_taken(Some(n));
                Ok(n)
            }
            Outcome::Closed => {
                enqueued.report_taken(None);
                Err(Rejected::Closed)
            }
        })
    }

    /// Removes the node of a future that is dropped, or releases what was granted to it.
    ///
    /// # Safety
    /// The node was enqueued in the queue of this semaphore, and the caller is its owner.
    #[cold]
    #[inline(never)]
    unsafe fn cancel(&self, node: PinnedNode<'_>, enqueued: Enqueued<'_>) {
        if enqueued.outcome().is_none() {
            if let Some(mut queue) = self.queue.lock() {
                // SAFETY: guaranteed by the caller.
                if let Some(_waker) = unsafe { queue.remove(node) } {
                    // The waker is dropped after the queue is unlocked (F4).
                    return self.unlock(queue);
                }
                let claimed = Claimed { semaphore: self, enqueued };
                self.unlock(queue);
                mem::forget(claimed);
            }
        }
        self.release_outcome(enqueued);
    }

    /// Waits for the outcome of a node that is not queued, and releases what was granted to it.
    fn release_outcome(&self, enqueued: Enqueued<'_>) {
        match self.queue.wait_for_outcome(enqueued) {
            Outcome::Granted(n) => {
                enqueued.report_taken(Some(n));
                self.release(n);
            }
            Outcome::Closed => enqueued.report_taken(None),
        }
    }
}

/// Releases the permits of a request if dropping its waker panics.
struct Acquired<'a> {
    semaphore: &'a RawSemaphore,
    n: usize,
}

impl Drop for Acquired<'_> {
    fn drop(&mut self) {
        contain_panic(|| self.semaphore.release(self.n));
    }
}

/// Waits for the outcome of a claimed node whose future is dropped, and releases its permits, if a waker of another request
/// panics.
struct Claimed<'a> {
    semaphore: &'a RawSemaphore,
    enqueued: Enqueued<'a>,
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        contain_panic(|| self.semaphore.release_outcome(self.enqueued));
    }
}
