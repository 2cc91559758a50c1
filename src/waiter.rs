//! The engine of all waiting futures: poll is a match on the phase, and so is drop.
//!
//! * **A1 (mine)** The seat has joined the line of `owner`'s semaphore, or none. [`Owner`](crate::Owner) promises that it
//!   is the same one each time.
//! * **A2 (debt)** While `owner` is `Some` and the seat has joined, it stands in line or holds a verdict that
//!   nobody has acted upon; drop must see to it. `owner` is `None` once the future is done.

use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::error::TryAcquireError;
use crate::owner::Leads;
use crate::protocol::{Entry, Refusal};
use crate::queue::{Node, Place, Seat};
use crate::semaphore::Semaphore;
use crate::state::{Ask, Verdict};

/// A request on its way to being served: what all waiting futures have in common.
pub(crate) struct Waiter<O: Leads, S: Seat = Node> {
    owner: Option<O>,
    seat: S,
    _pinned: PhantomPinned,
}

// SAFETY: through a waiter another thread reaches its owner and, under the line's lock, its seat.
unsafe impl<O: Leads + Send, S: Seat> Send for Waiter<O, S> {}
// SAFETY: a shared waiter shows its owner and the seat's verdict, which is atomic; for the rest it takes a
// `Pin<&mut _>`.
unsafe impl<O: Leads + Sync, S: Seat> Sync for Waiter<O, S> {}

impl<O: Leads, S: Seat> Waiter<O, S> {
    #[inline]
    pub(crate) const fn new(owner: O, seat: S) -> Self {
        Self { owner: Some(owner), seat, _pinned: PhantomPinned }
    }

    /// Ready with the owner and the number of permits, which from then on are the caller's to give back.
    #[inline]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: usize,
    ) -> Poll<Result<(O, usize), Refusal>> {
        // SAFETY: the seat is only ever borrowed where it lies; the owner may move (A1).
        let this = unsafe { self.get_unchecked_mut() };
        let Some(owner) = &this.owner else { polled_again() };
        let ask = this.seat.ask();
        if !this.seat.node().has_joined() && ask.least == ask.most && owner.semaphore().take(ask.least) {
            return Poll::Ready(Ok((finish(&mut this.owner), ask.least)));
        }
        // SAFETY: the seat is pinned as part of the future.
        let place = unsafe { Pin::new_unchecked(&this.seat) }.place();
        match poll_slow(owner.semaphore(), place, cx.waker(), room) {
            Poll::Ready(Ok(n)) => Poll::Ready(Ok((finish(&mut this.owner), n))),
            Poll::Ready(Err(refusal)) => {
                this.owner = None;
                Poll::Ready(Err(refusal))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    pub(crate) fn ask(&self) -> Ask {
        self.seat.ask()
    }

    pub(crate) fn phase(&self) -> Phase {
        match (&self.owner, self.seat.node().has_joined()) {
            (None, _) => Phase::Done,
            (Some(_), false) => Phase::Idle,
            (Some(_), true) => match self.seat.node().verdict() {
                None => Phase::Waiting,
                Some(Verdict::Granted(_)) => Phase::Granted,
                Some(Verdict::Refused) => Phase::Refused,
            },
        }
    }
}

impl<O: Leads> Waiter<O> {
    /// Takes a waiter that was never pinned, so never joined, apart again.
    pub(crate) fn into_parts(mut self) -> (O, usize) {
        (finish(&mut self.owner), self.seat.ask().least)
    }
}

impl<O: Leads, S: Seat> Drop for Waiter<O, S> {
    #[inline]
    fn drop(&mut self) {
        if self.seat.node().has_joined() {
            if let Some(owner) = &self.owner {
                // SAFETY: a seat that has joined was pinned, and will not move while it is dropped.
                let place = unsafe { Pin::new_unchecked(&self.seat) }.place();
                // SAFETY: A1, A2.
                unsafe { cancel(owner.semaphore(), place) };
            }
        }
    }
}

/// Where a request stands, as its future shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Waiting,
    Granted,
    Refused,
    Done,
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
fn poll_slow(
    semaphore: &Semaphore,
    place: Place<'_>,
    waker: &Waker,
    room: usize,
) -> Poll<Result<usize, Refusal>> {
    if !place.has_joined() {
        return join(semaphore, place, waker, room);
    }
    if place.verdict().is_none() && !place.wakes(waker) {
        // The clone is foreign code: it comes before the lock (F4), and if it panics nothing has changed.
        let mut waker = waker.clone();
        if let Some(mut line) = semaphore.lock() {
            // SAFETY: A1.
            waker = unsafe { line.replace_waker(place, waker) };
            semaphore.serve(line);
        }
        drop(waker);
    }
    outcome(place)
}

/// The first poll that could not be met at once.
fn join(
    semaphore: &Semaphore,
    place: Place<'_>,
    waker: &Waker,
    room: usize,
) -> Poll<Result<usize, Refusal>> {
    match semaphore.take_or_tell(place.ask()) {
        Ok(n) => return Poll::Ready(Ok(n)),
        Err(TryAcquireError::Closed) => return Poll::Ready(Err(Refusal::Closed)),
        Err(TryAcquireError::NoPermits) => {}
    }
    // The clone is foreign code: it comes before the lock (F4), and then everything is looked at again.
    let waker = waker.clone();
    let mut line = match semaphore.enter(place.ask(), room)? {
        Entry::Taken(n) => return Poll::Ready(Ok(n)),
        Entry::Line(line) => line,
    };
    // SAFETY: the seat is new, and when it is dropped `cancel` takes it off (A2).
    unsafe { line.push_back(place, waker) };
    semaphore.serve(line);
    outcome(place)
}

fn outcome(place: Place<'_>) -> Poll<Result<usize, Refusal>> {
    match place.verdict() {
        None => Poll::Pending,
        Some(Verdict::Granted(n)) => Poll::Ready(Ok(n)),
        Some(Verdict::Refused) => Poll::Ready(Err(Refusal::Closed)),
    }
}

/// Gives up a place in line, or passes on what was granted there.
///
/// # Safety
/// The seat has joined this semaphore's line.
#[cold]
#[inline(never)]
unsafe fn cancel(semaphore: &Semaphore, place: Place<'_>) {
    if place.verdict().is_none() {
        if let Some(mut line) = semaphore.lock() {
            // SAFETY: the caller's.
            let waker = unsafe { line.remove(place) };
            semaphore.serve(line);
            if waker.is_some() {
                return; // and the waker is dropped here, outside the lock (F4)
            }
        }
    }
    if let Some(Verdict::Granted(n)) = place.verdict() {
        semaphore.release(n);
    }
}
