//! The waiting future: poll is a match on its phase, and so is drop.
//!
//! * **A1 (mine)** `node` has joined the line of `owner`'s semaphore, or none. [`Owner`] promises that it
//!   is the same one each time.
//! * **A2 (debt)** While `owner` is `Some` and the node has joined, the node is in the line or holds a
//!   verdict that nobody has acted upon; drop must see to it. It is `None` once the future is done.

use core::fmt;
use core::future::Future;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::error::{AcquireError, TryAcquireError};
use crate::permit::Permit;
use crate::protocol::check;
use crate::queue::Node;
use crate::semaphore::Semaphore;
use crate::state::Verdict;

/// What leads to a semaphore.
///
/// # Safety
/// Each call of `semaphore` on an owner returns the very same semaphore, also after the owner was moved.
pub unsafe trait Owner {
    /// The semaphore.
    fn semaphore(&self) -> &Semaphore;
}

// SAFETY: the reference always leads to the same place.
unsafe impl Owner for &Semaphore {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        self
    }
}

// SAFETY: an `Arc` never changes where its value lies.
#[cfg(feature = "alloc")]
unsafe impl Owner for alloc::sync::Arc<Semaphore> {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        self
    }
}

/// A request on its way to being served: what `Acquire` and `Lock` have in common.
pub(crate) struct Waiter<O: Owner> {
    owner: Option<O>,
    node: Node,
    _pinned: PhantomPinned,
}

// SAFETY: through a waiter another thread reaches its owner and, under the line's lock, its node.
unsafe impl<O: Owner + Send> Send for Waiter<O> {}
// SAFETY: a shared waiter shows its owner and the node's verdict, which is atomic; the rest needs `Pin<&mut _>`.
unsafe impl<O: Owner + Sync> Sync for Waiter<O> {}

impl<O: Owner> Waiter<O> {
    #[inline]
    pub(crate) const fn new(owner: O, need: usize) -> Self {
        Self { owner: Some(owner), node: Node::new(need), _pinned: PhantomPinned }
    }

    #[inline]
    pub(crate) fn need(&self) -> usize {
        self.node.need()
    }

    /// Ready with the owner: from then on the permits are the caller's to give back.
    #[inline]
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<O, AcquireError>> {
        // SAFETY: the node is only ever borrowed as it stands; the owner may move (A1).
        let this = unsafe { self.get_unchecked_mut() };
        let Some(owner) = &this.owner else { polled_again() };
        if !this.node.has_joined() && owner.semaphore().take(this.node.need()) {
            return Poll::Ready(Ok(finish(&mut this.owner)));
        }
        // SAFETY: the node is pinned as part of the future.
        let node = unsafe { Pin::new_unchecked(&this.node) };
        match poll_slow(owner.semaphore(), node, cx.waker()) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(finish(&mut this.owner))),
            Poll::Ready(Err(closed)) => {
                this.owner = None;
                Poll::Ready(Err(closed))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    pub(crate) fn phase(&self) -> &'static str {
        match (&self.owner, self.node.has_joined()) {
            (None, _) => "done",
            (Some(_), false) => "idle",
            (Some(_), true) => match self.node.verdict() {
                None => "waiting",
                Some(Verdict::Granted) => "granted",
                Some(Verdict::Refused) => "refused",
            },
        }
    }
}

impl<O: Owner> Drop for Waiter<O> {
    #[inline]
    fn drop(&mut self) {
        if self.node.has_joined() {
            if let Some(owner) = &self.owner {
                // SAFETY: A1, A2.
                unsafe { cancel(owner.semaphore(), &self.node) };
            }
        }
    }
}

#[inline]
fn finish<O>(owner: &mut Option<O>) -> O {
    owner.take().unwrap_or_else(|| polled_again())
}

#[cold]
#[inline(never)]
#[track_caller]
fn polled_again() -> ! {
    panic!("polled again after completion");
}

/// All of poll but the first look at the word.
#[cold]
#[inline(never)]
fn poll_slow(semaphore: &Semaphore, node: Pin<&Node>, waker: &Waker) -> Poll<Result<(), AcquireError>> {
    if !node.has_joined() {
        return join(semaphore, node, waker);
    }
    if node.verdict().is_none() && !node.wakes(waker) {
        // The clone is foreign code: it comes before the lock (F4), and if it panics nothing has changed.
        let mut waker = waker.clone();
        if let Some(mut line) = semaphore.lock() {
            // SAFETY: A1.
            waker = unsafe { line.replace_waker(&node, waker) };
            semaphore.serve(line);
        }
        drop(waker);
    }
    outcome(&node)
}

/// The first poll that could not be met at once.
fn join(semaphore: &Semaphore, node: Pin<&Node>, waker: &Waker) -> Poll<Result<(), AcquireError>> {
    match semaphore.take_or_tell(node.need()) {
        Ok(()) => return Poll::Ready(Ok(())),
        Err(TryAcquireError::Closed) => return Poll::Ready(Err(AcquireError(()))),
        Err(TryAcquireError::NoPermits) => {}
    }
    // The clone is foreign code: it comes before the lock (F4), and then everything is looked at again.
    let waker = waker.clone();
    let Some(mut line) = semaphore.enter(node.need())? else { return Poll::Ready(Ok(())) };
    // SAFETY: the node is pinned and new, and when it is dropped `cancel` takes it off (A2).
    unsafe { line.push_back(&node, waker) };
    semaphore.serve(line);
    outcome(&node)
}

fn outcome(node: &Node) -> Poll<Result<(), AcquireError>> {
    match node.verdict() {
        None => Poll::Pending,
        Some(Verdict::Granted) => Poll::Ready(Ok(())),
        Some(Verdict::Refused) => Poll::Ready(Err(AcquireError(()))),
    }
}

/// Gives up the place of a node, or passes on what it was granted.
///
/// # Safety
/// The node has joined this semaphore's line.
#[cold]
#[inline(never)]
unsafe fn cancel(semaphore: &Semaphore, node: &Node) {
    if node.verdict().is_none() {
        if let Some(mut line) = semaphore.lock() {
            // SAFETY: the caller's.
            let waker = unsafe { line.remove(node) };
            semaphore.serve(line);
            if waker.is_some() {
                return; // and the waker is dropped here, outside the lock (F4)
            }
        }
    }
    if node.verdict() == Some(Verdict::Granted) {
        semaphore.release(node.need());
    }
}

/// Waits for permits of the semaphore that `O` leads to.
#[must_use = "futures do nothing unless polled or awaited"]
pub struct Acquiring<O: Owner>(Waiter<O>);

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
pub type Acquire<'a> = Acquiring<&'a Semaphore>;

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[cfg(feature = "alloc")]
pub type AcquireOwned = Acquiring<alloc::sync::Arc<Semaphore>>;

impl<O: Owner> Acquiring<O> {
    #[inline]
    #[track_caller]
    pub(crate) const fn new(owner: O, n: usize) -> Self {
        check(n);
        Self(Waiter::new(owner, n))
    }
}

impl<O: Owner> Future for Acquiring<O> {
    type Output = Result<Permit<O>, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let n = self.0.need();
        // SAFETY: the waiter is pinned as part of this future.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.0) };
        waiter.poll(cx).map_ok(|owner| Permit::new(owner, n))
    }
}

impl<O: Owner> fmt::Debug for Acquiring<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("permits", &self.0.need()).field("phase", &self.0.phase()).finish()
    }
}
