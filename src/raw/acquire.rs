#![allow(unsafe_code)]
//! The future behind all waiting futures of the crate. Poll and drop each have a fast path, and below it the cold functions:
//! `poll_new` for the first poll, `poll_slow` for later ones, `cancel` for a drop. They are not methods of the generic
//! future, so that all handles share them.
//!
//! * **A1 (same queue)** A node that was enqueued is in the queue of the semaphore to which `handle` points. [`RawHandle`]
//!   promises that this is the same semaphore in every call.
//! * **A2 (unfinished)** While `handle` is `Some` and the node was enqueued, the node is queued, claimed, or has an outcome
//!   that no poll has returned. Dropping the future then removes the node, or waits for its outcome and releases the
//!   permits. Once the future has completed, `handle` is `None`.
//! * **A3 (threads)** If the handle is Send, the future may be sent: the thread to which it is sent accesses the handle, and as
//!   the new owner the node, which other threads access as well; what each of them may access is in Q2 and Q4. If the handle
//!   is Sync, the future may be shared: a shared future gives access to the handle, to the node's `prev`, which is atomic,
//!   and to its `request`, which is written only through `Pin<&mut _>`. (The public futures implement both traits, so that the
//!   compiler's messages name them.)

use core::marker::PhantomPinned;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::queue::{MAX_LENGTH, Node, Options, Progress};
use super::semaphore::{AsRaw, RawHandle, RawSemaphore};
use super::state::{Refused, Request};
use crate::sync::{Step, contain_panic, report};

/// A request for permits that waits if it must.
pub(crate) struct RawAcquire<H: RawHandle> {
    handle: Option<H>,
    node: Node,
    _pinned: PhantomPinned,
}

impl<H: RawHandle> RawAcquire<H> {
    #[inline]
    pub(crate) fn new(handle: H, request: Request) -> Self {
        Self { handle: Some(handle), node: Node::new(request), _pinned: PhantomPinned }
    }

    /// The options of a request that was not polled yet. (One that was polled is pinned, so there is no `&mut` to it.)
    pub(crate) fn options(&mut self) -> &mut Options {
        self.node.options()
    }

    /// The handle, unless the future has completed.
    pub(crate) fn handle(&self) -> Option<&H> {
        self.handle.as_ref()
    }

    /// The permits that the request needs; [`Request::ALL`]`.min` for all permits.
    pub(crate) fn min(&self) -> usize {
        self.node.min()
    }

    pub(crate) fn progress(&self) -> Progress {
        match self.handle {
            Some(_) => self.node.progress(),
            None => Progress::Completed,
        }
    }

    /// Whether the request is the front of the queue. Another thread may be about to change that.
    #[cfg(feature = "std")]
    pub(crate) fn is_front(&self) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.as_raw().queue.is_front(&self.node))
    }

    /// Acquires without waiting. The future was not polled yet.
    #[inline]
    pub(crate) fn try_acquire(&mut self) -> Result<(H, usize), Refused> {
        let Some(handle) = &self.handle else { polled_after_completion() };
        let n = match self.node.plain_request() {
            Some(n) if handle.as_raw().try_acquire_fast(n) => n,
            _ => handle.as_raw().try_acquire(self.node.request().0)?,
        };
        Ok((take_handle(&mut self.handle), n))
    }

    /// Completes with the handle and the number of permits, which the caller then owns and releases.
    #[cfg_attr(feature = "std", inline)]
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(H, usize), Refused>> {
        // SAFETY: the node is not moved. The handle is not pinned, so it may be moved.
        let this = unsafe { self.get_unchecked_mut() };
        let Some(handle) = &this.handle else { polled_after_completion() };
        // SAFETY: the node is pinned as part of the future.
        let node = unsafe { Pin::new_unchecked(&this.node) };
        let polled = match node.plain_request() {
            Some(n) if handle.as_raw().try_acquire_fast(n) => Poll::Ready(Ok(n)),
            Some(n) => poll_new(handle.as_raw(), node, cx.waker(), Request::exactly(n), MAX_LENGTH),
            // SAFETY: A1, and this thread polls the future, so it is the node's owner.
            None => unsafe { poll_slow(handle.as_raw(), node, cx.waker()) },
        };
        match polled {
            Poll::Ready(Ok(n)) => Poll::Ready(Ok((take_handle(&mut this.handle), n))),
            Poll::Ready(Err(refused)) => {
                this.handle = None;
                Poll::Ready(Err(refused))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<H: RawHandle> Drop for RawAcquire<H> {
    #[cfg_attr(feature = "std", inline)]
    fn drop(&mut self) {
        if !self.node.was_enqueued() {
            return;
        }
        if let Some(handle) = &self.handle {
            // SAFETY: a node that was enqueued is pinned until it is dropped, and it is not moved here.
            let node = unsafe { Pin::new_unchecked(&self.node) };
            // SAFETY: A1, and this thread drops the future, so it is the node's owner.
            unsafe { cancel(handle.as_raw(), node) };
        }
    }
}

#[cfg_attr(feature = "std", inline)]
fn take_handle<H>(handle: &mut Option<H>) -> H {
    match handle.take() {
        Some(handle) => handle,
        None => polled_after_completion(),
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn polled_after_completion() -> ! {
    panic!("polled again after completion");
}

/// A later poll: returns the outcome, or makes sure that the node holds a waker of the current task. Or the first poll of a
/// request with options.
///
/// # Safety
/// If the node was enqueued, then in the queue of this semaphore. The caller is its owner.
#[cold]
#[inline(never)]
unsafe fn poll_slow(
    semaphore: &RawSemaphore,
    node: Pin<&Node>,
    waker: &Waker,
) -> Poll<Result<usize, Refused>> {
    if !node.was_enqueued() {
        return poll_configured(semaphore, node, waker);
    }
    match poll_outcome(node) {
        // SAFETY: guaranteed by the caller.
        Poll::Pending if !unsafe { node.will_wake(waker) } => unsafe {
            replace_waker(semaphore, node, waker)
        },
        polled => polled,
    }
}

/// Returns the outcome if there is one.
#[cfg_attr(feature = "std", inline)]
#[cfg_attr(not(feature = "std"), inline(never))]
fn poll_outcome(node: Pin<&Node>) -> Poll<Result<usize, Refused>> {
    let outcome = match node.progress() {
        Progress::Granted(n) => Some(n),
        Progress::Closed => None,
        _ => return Poll::Pending,
    };
    node.report_taken(outcome);
    Poll::Ready(outcome.ok_or(Refused::Closed))
}

/// The first poll of a request with options.
#[inline(never)]
fn poll_configured(
    semaphore: &RawSemaphore,
    node: Pin<&Node>,
    waker: &Waker,
) -> Poll<Result<usize, Refused>> {
    let (request, max_waiters) = node.request();
    if request.is_all() {
        match semaphore.take_all() {
            Err(Refused::NoPermits) => {}
            result => return Poll::Ready(result),
        }
    }
    poll_new(semaphore, node, waker, request, max_waiters)
}

/// The first poll after the fast path has failed: takes the permits, fails, or enqueues the node.
#[cold]
#[inline(never)]
fn poll_new(
    semaphore: &RawSemaphore,
    node: Pin<&Node>,
    waker: &Waker,
    request: Request,
    max_waiters: usize,
) -> Poll<Result<usize, Refused>> {
    loop {
        let state = match semaphore.take_share(request) {
            Ok(n) => return Poll::Ready(Ok(n)),
            Err((Refused::Closed, _)) => return Poll::Ready(Err(Refused::Closed)),
            Err(_) if max_waiters == 0 => return Poll::Ready(Err(Refused::QueueFull)),
            Err((_, state)) => state,
        };
        // Cloning and dropping a waker is foreign code, so the waker is cloned before the queue is locked (F4). If the state
        // changes in between, locking fails, the clone is dropped, and the loop starts again.
        let waker = waker.clone();
        let Some(mut queue) = semaphore.try_lock_to_enqueue(state) else { continue };
        if queue.is_full(max_waiters) {
            semaphore.unlock(queue);
            // No memory has room for `usize::MAX` nodes.
            let may_be_too_long = MAX_LENGTH < usize::MAX && max_waiters == MAX_LENGTH;
            assert!(!may_be_too_long, "a queue has at most u32::MAX waiters");
            return Poll::Ready(Err(Refused::QueueFull));
        }
        // SAFETY: the node is new, this thread polls its future, and dropping the future removes the node or waits for
        // its outcome (A2).
        unsafe { queue.push_back(node, request, waker) };
        return match semaphore.unlock(queue) {
            true => poll_outcome(node),
            false => Poll::Pending,
        };
    }
}

/// Gives a queued node another waker. If the node was claimed, the claiming thread calls the old waker, so this waits for
/// the outcome. Returns the outcome if there is one.
///
/// # Safety
/// The node was enqueued in the queue of this semaphore, and the caller is its owner.
#[inline(never)]
unsafe fn replace_waker(
    semaphore: &RawSemaphore,
    node: Pin<&Node>,
    waker: &Waker,
) -> Poll<Result<usize, Refused>> {
    // Cloning is foreign code, so the waker is cloned before the queue is locked (F4). If that panics, nothing has changed.
    let mut own = waker.clone();
    let mut is_queued = false;
    if let Some(mut queue) = semaphore.queue.lock() {
        // SAFETY: guaranteed by the caller.
        is_queued = unsafe { queue.swap_waker(node, &mut own) };
        semaphore.unlock(queue);
    }
    // The waker that is not needed. Dropping it is foreign code, so the queue is unlocked first (F4).
    drop(own);
    if !is_queued {
        semaphore.queue.wait_for_outcome(&node);
    }
    poll_outcome(node)
}

/// Removes the node of a future that is dropped, or releases what was granted to it.
///
/// # Safety
/// The node was enqueued in the queue of this semaphore, and the caller is its owner.
#[cold]
#[inline(never)]
unsafe fn cancel(semaphore: &RawSemaphore, node: Pin<&Node>) {
    if let Progress::Queued = node.progress() {
        if let Some(mut queue) = semaphore.queue.lock() {
            // SAFETY: guaranteed by the caller.
            if let Some(_waker) = unsafe { queue.remove(node) } {
                // The waker is dropped after the queue is unlocked (F4).
                semaphore.unlock(queue);
                return;
            }
            let claimed = Claimed { semaphore, node };
            semaphore.unlock(queue);
            mem::forget(claimed);
        }
    }
    release_outcome(semaphore, node);
}

/// Waits for the outcome of a node that is not queued, and releases what was granted to it.
fn release_outcome(semaphore: &RawSemaphore, node: Pin<&Node>) {
    report(Step::Cancel);
    semaphore.queue.wait_for_outcome(&node);
    if let Poll::Ready(Ok(n)) = poll_outcome(node) {
        semaphore.release_slow(n);
    }
}

/// Waits for the outcome of a claimed node whose future is dropped, and releases its permits, if a waker of another request
/// panics.
struct Claimed<'a> {
    semaphore: &'a RawSemaphore,
    node: Pin<&'a Node>,
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        contain_panic(|| release_outcome(self.semaphore, self.node));
    }
}
