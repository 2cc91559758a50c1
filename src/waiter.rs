//! The engine of all waiting futures: poll is a match on the phase, and so is drop.
//!
//! * **A1 (mine)** The seat has joined the line of `owner`'s semaphore, or none. [`Handle`](crate::Handle) promises that it
//!   is the same one each time.
//! * **A2 (debt)** While `owner` is `Some` and the seat has joined, it stands in line or holds a verdict that
//!   nobody has acted upon; drop must see to it. `owner` is `None` once the future is done.

use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::node::{Joined, Node, Place, Seat};
use crate::handle::Leads;
use crate::permit::Permit;
use crate::protocol::{ANY_LENGTH, Denial, Entry, Refusal};
use crate::queue::Locked;
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
        let (semaphore, ask) = (owner.semaphore(), this.seat.ask());
        let joined = this.seat.node().joined();
        if joined.is_none() && ask.least == ask.most && semaphore.take(ask.least) {
            return Poll::Ready(Ok((finish(&mut this.owner), ask.least)));
        }
        // SAFETY: the seat is pinned as part of the future.
        let place = unsafe { Pin::new_unchecked(&this.seat) }.place();
        let polled = match joined {
            None => join(semaphore, place, cx.waker(), room),
            Some(joined) => poll_again(semaphore, place, joined, cx.waker()),
        };
        match polled {
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
        match (&self.owner, self.seat.node().joined()) {
            (None, _) => Phase::Done,
            (Some(_), None) => Phase::Idle,
            (Some(_), Some(joined)) => match joined.verdict() {
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
        if let (Some(joined), Some(owner)) = (self.seat.node().joined(), &self.owner) {
            // SAFETY: a seat that has joined was pinned, and will not move while it is dropped.
            let place = unsafe { Pin::new_unchecked(&self.seat) }.place();
            // SAFETY: A1, A2.
            unsafe { cancel(owner.semaphore(), place, joined) };
        }
        self.seat.node().end();
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

/// The first poll, if it could not be met at the first look at the word.
#[cold]
#[inline(never)]
fn join(
    semaphore: &Semaphore,
    place: Place<'_>,
    waker: &Waker,
    room: usize,
) -> Poll<Result<usize, Refusal>> {
    // Who will not wait at all does not lock the line: others would believe that somebody waits.
    let told =
        if room == 0 { semaphore.take_now(place.ask()) } else { semaphore.take_or_tell(place.ask()) };
    let found = match told {
        Ok(n) => return Poll::Ready(Ok(n)),
        Err(Denial::Closed) => return Poll::Ready(Err(Refusal::Closed)),
        Err(Denial::MustWait(_)) if room == 0 => return Poll::Ready(Err(Refusal::QueueFull)),
        Err(Denial::MustWait(found)) => found,
    };
    // The clone is foreign code: it comes before the lock (F4), which is taken only if nothing has changed.
    let waker = waker.clone();
    match semaphore.enter(found) {
        Some(line) => stand_in_line(semaphore, line, place, waker, room),
        None => join_later(semaphore, place, waker, room),
    }
}

/// The word has changed while the waker was cloned, or somebody edits the line.
#[cold]
#[inline(never)]
fn join_later(
    semaphore: &Semaphore,
    place: Place<'_>,
    waker: Waker,
    room: usize,
) -> Poll<Result<usize, Refusal>> {
    match semaphore.enter_later(place.ask()) {
        Ok(Entry::Line(line)) => stand_in_line(semaphore, line, place, waker, room),
        Ok(Entry::Taken(n)) => {
            // The clone was not needed. Should it panic as it is dropped, the permits go back.
            let taken = Permit::new(semaphore, n);
            drop(waker);
            taken.forget();
            Poll::Ready(Ok(n))
        }
        Err(closed) => Poll::Ready(Err(closed)),
    }
}

/// Takes the last place in a line that is locked, unless `room` others stand there already.
#[inline(always)]
fn stand_in_line(
    semaphore: &Semaphore,
    mut line: Locked<'_>,
    place: Place<'_>,
    waker: Waker,
    room: usize,
) -> Poll<Result<usize, Refusal>> {
    if room != ANY_LENGTH && line.len() >= room {
        semaphore.leave(line);
        return Poll::Ready(Err(Refusal::QueueFull));
    }
    // SAFETY: the seat is new, and when it is dropped `cancel` takes it off (A2).
    let joined = unsafe { line.push_back(place, waker) };
    semaphore.leave(line);
    outcome(joined)
}

/// A later poll.
#[cold]
#[inline(never)]
fn poll_again(
    semaphore: &Semaphore,
    place: Place<'_>,
    joined: Joined<'_>,
    waker: &Waker,
) -> Poll<Result<usize, Refusal>> {
    if joined.verdict().is_none() && !joined.wakes(waker) {
        return change_waker(semaphore, place, joined, waker);
    }
    outcome(joined)
}

/// A later poll by another task, or by the same with another waker.
#[inline(never)]
fn change_waker(
    semaphore: &Semaphore,
    place: Place<'_>,
    joined: Joined<'_>,
    waker: &Waker,
) -> Poll<Result<usize, Refusal>> {
    // The clone is foreign code: it comes before the lock (F4), and if it panics nothing has changed.
    let mut waker = waker.clone();
    if let Some(mut line) = semaphore.lock() {
        // SAFETY: A1.
        waker = unsafe { line.replace_waker(place, waker) };
        semaphore.leave(line);
    }
    drop(waker);
    outcome(joined)
}

#[inline]
fn outcome(joined: Joined<'_>) -> Poll<Result<usize, Refusal>> {
    match joined.verdict() {
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
unsafe fn cancel(semaphore: &Semaphore, place: Place<'_>, joined: Joined<'_>) {
    if joined.verdict().is_none() {
        if let Some(mut line) = semaphore.lock() {
            // SAFETY: the caller's.
            return match unsafe { line.remove(place) } {
                // The waker is dropped after the unlock (F4).
                Some(_waker) => semaphore.leave(line),
                None => semaphore.pass_on(line, granted(joined)),
            };
        }
    }
    semaphore.release(granted(joined));
}

/// What a verdict has left with a future that will not take it.
fn granted(joined: Joined<'_>) -> usize {
    match joined.verdict() {
        Some(Verdict::Granted(n)) => n,
        _ => 0,
    }
}
