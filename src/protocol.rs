#![forbid(unsafe_code)]
//! The protocol: every step of the semaphore from one state to the next.
//!
//! ```text
//!             word says no                 release, at the front
//!    Idle ────────────────────▶ Waiting ────────────────────────▶ Granted
//!     │                            │                                 │
//!     │ word says yes              │ drop: step out of the line      ├─ poll ─▶ Done
//!     ▼                            ▼                                 │
//!    Done                        (gone)                              └─ drop ─▶ (passed on)
//! ```
//!
//! * **F1** While QUEUED is set, only the front of the line gets permits. *This is the fairness.*
//! * **F2** QUEUED is set exactly while the line is not empty; it changes only under the lock.
//! * **F3** Whenever the lock is free, the front cannot be served with what the word holds, or a thread is on its
//!   way to look again: one that has just added permits, or one between two batches of wakers. *No lost wake-up.*
//!   Hence the lock is given back by `leave`, `serve` and `settle` alone, which look at the front first.
//! * **F4** Wakers are cloned, called and dropped outside the lock. *No deadlock with foreign code.*
//! * **F5** A grant is ownership: its permits leave the word in the CAS that gives the lock back, and from
//!   then on they are a permit's or a future's to give back, closed or not. *Conservation.*
//! * **F6** A thread that finds the line locked may change the word and leave: the holder's unlock then
//!   fails, and the holder looks again. *A release never waits.*

use core::mem;
use core::task::Waker;

use crate::error::TryAcquireError;
use crate::queue::Locked;
use crate::semaphore::Semaphore;
use crate::state::{self, Ask, State, TOO_MANY, Verdict};
use crate::sync::{self, Ordering};
use crate::wakers::Wakers;

impl Semaphore {
    /// Takes permits from the word if nobody waits and there are enough: the fast path.
    #[inline]
    pub(crate) fn take(&self, n: usize) -> bool {
        // ORDERING: Relaxed: the CAS decides.
        let state = self.line.word().load(Ordering::Relaxed);
        match state.take(n) {
            // ORDERING: Acquire, with the Release of those who gave these permits back.
            Some(next) => self.step(state, next, Ordering::Acquire).is_ok(),
            None => false,
        }
    }

    /// Takes permits at once, or says why not.
    #[inline]
    #[track_caller]
    pub(crate) fn try_take(&self, n: usize) -> Result<(), TryAcquireError> {
        check(n);
        if self.take(n) { Ok(()) } else { self.try_take_slow(n) }
    }

    #[cold]
    #[inline(never)]
    fn try_take_slow(&self, n: usize) -> Result<(), TryAcquireError> {
        match self.take_now(Ask::exactly(n)) {
            Ok(_) => Ok(()),
            Err(Denial::Closed) => Err(TryAcquireError::Closed),
            Err(Denial::MustWait(_)) => Err(TryAcquireError::NoPermits),
        }
    }

    /// As `take_or_tell`, for one who will not stand in line. He is not told that somebody waits by a locked word,
    /// when the last one has just been served. (Without `std` that has to do: an interrupt handler must not wait for
    /// the lock.)
    pub(crate) fn take_now(&self, ask: Ask) -> Result<usize, Denial> {
        loop {
            match self.take_or_tell(ask) {
                Err(Denial::MustWait(found)) if cfg!(feature = "std") && found.is_locked() => {
                    let settled = self.line.settled();
                    if settled.must_wait(ask) {
                        return Err(Denial::MustWait(settled));
                    }
                }
                told => return told,
            }
        }
    }

    /// Takes permits at once and says how many, or why not.
    #[inline]
    pub(crate) fn take_or_tell(&self, ask: Ask) -> Result<usize, Denial> {
        // ORDERING: Relaxed: whoever goes on from here takes the lock.
        let state = self.line.word().load(Ordering::Relaxed);
        if state.must_wait(ask) { Err(Denial::MustWait(state)) } else { self.take_share(ask) }
    }

    #[cold]
    #[inline(never)]
    fn take_share(&self, ask: Ask) -> Result<usize, Denial> {
        loop {
            // ORDERING: Acquire, with the Release in `change`: the one refused sees what was written
            // before the semaphore was closed.
            let state = self.line.word().load(Ordering::Acquire);
            if state.is_closed() {
                return Err(Denial::Closed);
            }
            let n = match state.share_at_once(ask) {
                None if ask.least > 0 => return Err(Denial::MustWait(state)),
                // A request for none takes what it may and never waits.
                None | Some(0) => return Ok(0),
                Some(n) => n,
            };
            // ORDERING: Acquire, as in `take`.
            if self.step(state, state.minus(n), Ordering::Acquire).is_ok() {
                return Ok(n);
            }
        }
    }

    /// The line, locked for a newcomer who was told to wait by the word it `found`; `None` if that has changed, or
    /// somebody edits the line.
    #[inline]
    pub(crate) fn enter(&self, found: State) -> Option<Locked<'_>> {
        if found.is_locked() { None } else { self.line.try_lock(found, found).ok() }
    }

    /// As `enter`, for one who looks again and again.
    pub(crate) fn enter_later(&self, ask: Ask) -> Result<Entry<'_>, Refusal> {
        loop {
            self.line.settled();
            match self.take_or_tell(ask) {
                Ok(n) => return Ok(Entry::Taken(n)),
                Err(Denial::Closed) => return Err(Refusal::Closed),
                Err(Denial::MustWait(found)) => {
                    if let Some(line) = self.enter(found) {
                        return Ok(Entry::Line(line));
                    }
                }
            }
        }
    }

    /// The word, and how many stand in line, at one moment.
    pub(crate) fn look(&self) -> (State, usize) {
        loop {
            let state = self.line.settled();
            if !state.is_queued() {
                return (state, 0);
            }
            if let Ok(line) = self.line.try_lock(state, state) {
                let waiters = line.len();
                self.leave(line);
                return (state, waiters);
            }
        }
    }

    /// Waits for the line's lock; `None` if nobody stands in line.
    pub(crate) fn lock(&self) -> Option<Locked<'_>> {
        self.line.lock()
    }

    /// Gives permits back. May call wakers.
    #[inline]
    pub(crate) fn release(&self, n: usize) {
        // ORDERING: Relaxed: a hint; the add tells the truth.
        if self.line.word().load(Ordering::Relaxed).is_queued() {
            return self.release_in_line(n);
        }
        // ORDERING: Release, with the Acquire of whoever takes these permits: in `take`, `try_lock`, or a
        // failed `unlock`.
        let before = self.line.word().add(n, Ordering::Release);
        if before.is_queued() || before.add(n).is_none() {
            self.release_late(before, n);
        }
    }

    /// Gives permits back to a word that says QUEUED.
    #[cold]
    #[inline(never)]
    fn release_in_line(&self, n: usize) {
        assert!(self.add(n), "{}", TOO_MANY);
    }

    /// The permits are in the word already. Somebody queued just before, or they are too many.
    #[cold]
    #[inline(never)]
    fn release_late(&self, before: State, n: usize) {
        if before.add(n).is_some() {
            self.change(Some);
            return;
        }
        self.undo(n);
        assert!(before.is_locked() && self.add(n), "{}", TOO_MANY);
    }

    /// Takes permits out of the word again. Fewer permits serve nobody, so there is nothing to look at, and no waker
    /// can panic before the permits have found another place.
    fn undo(&self, n: usize) {
        // ORDERING: Relaxed, here and below: nothing was written for those who find fewer permits.
        let mut state = self.line.word().load(Ordering::Relaxed);
        while let Err(now) = self.step(state, state.minus(n), Ordering::Relaxed) {
            state = now;
        }
    }

    /// Adds permits; false if they are too many.
    #[inline]
    pub(crate) fn add(&self, n: usize) -> bool {
        self.change(|state| state.add(n)) || self.add_close_to_the_limit(n)
    }

    /// Only a free word can tell that permits are too many: a locked one may still hold some that were granted and
    /// have come back already (F5).
    #[cold]
    #[inline(never)]
    fn add_close_to_the_limit(&self, n: usize) -> bool {
        while self.line.settled().add(n).is_some() {
            if self.change(|state| state.add(n)) {
                return true;
            }
        }
        false
    }

    /// Changes the word. If somebody waits and nobody edits the line, takes the lock in the same step and
    /// serves; if somebody edits the line, leaves that to him (F6). False if there is no next state.
    pub(crate) fn change(&self, next: impl Fn(State) -> Option<State>) -> bool {
        // ORDERING: Relaxed: the CAS decides.
        let mut state = self.line.word().load(Ordering::Relaxed);
        while let Some(next) = next(state) {
            let done = if state.is_queued() && !state.is_locked() {
                self.line.try_lock(state, next).map(|line| self.serve(line))
            } else {
                // ORDERING: Release, with the Acquire of whoever takes these permits, as in `release`, and
                // of those who find the semaphore closed.
                self.step(state, next, Ordering::Release)
            };
            match done {
                Ok(()) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// One CAS on the word.
    #[inline]
    fn step(&self, seen: State, next: State, order: Ordering) -> Result<(), State> {
        // ORDERING: Relaxed on failure: the caller looks again before it takes anything.
        self.line.word().compare_exchange(seen, next, order, Ordering::Relaxed)
    }

    /// Takes up to `n` free permits away; returns how many.
    pub(crate) fn forget_free(&self, n: usize) -> usize {
        loop {
            // A word without LOCKED, so that none of the permits in it is granted already.
            let state = self.line.settled();
            let forgotten = n.min(state.free());
            // ORDERING: Acquire, with the Release of the threads that released these permits: a caller that has
            // taken the last permit away may act on that, as after an acquire. The load does not do, since
            // the word may have changed and changed back in between.
            if self.step(state, state.minus(forgotten), Ordering::Acquire).is_ok() {
                return forgotten;
            }
        }
    }

    /// Takes `n` permits away, into debt if need be. False if the debt would be too large.
    pub(crate) fn take_away(&self, n: usize) -> bool {
        // As in `forget_free`: only a free word tells how much is owed.
        loop {
            let state = self.line.settled();
            let Some(next) = state.reduce(n) else { return false };
            // ORDERING: Acquire: as in `forget_free`.
            if self.step(state, next, Ordering::Acquire).is_ok() {
                return true;
            }
        }
    }

    pub(crate) fn says_closed(&self) -> bool {
        // ORDERING: Acquire, with the Release in `change`: who sees it closed sees what was written before.
        self.line.word().load(Ordering::Acquire).is_closed()
    }

    /// Gives permits back by one who holds the lock, and then the lock.
    pub(crate) fn pass_on(&self, line: Locked<'_>, n: usize) {
        let fits = self.change(|state| state.add(n));
        self.serve(line);
        assert!(fits, "{}", TOO_MANY);
    }

    /// Gives the lock back by one who has nothing to give: most often nobody else has, either.
    #[inline]
    pub(crate) fn leave(&self, line: Locked<'_>) {
        if line.front_verdict(0).is_some() {
            return self.serve(line);
        }
        if let Err(seen_anew) = line.unlock(0) {
            self.serve(seen_anew);
        }
    }

    /// Gives the lock back, after a look at the front (F3), and calls the wakers of those served. Most often
    /// that is nobody, or one; then there is no batch to carry, and nothing is owed if the one waker panics.
    #[inline(never)]
    pub(crate) fn serve(&self, mut line: Locked<'_>) {
        loop {
            if let Some(verdict) = line.front_verdict(0) {
                return self.serve_front(line, verdict);
            }
            match line.unlock(0) {
                Ok(()) => return,
                Err(seen_anew) => line = seen_anew,
            }
        }
    }

    #[inline]
    fn serve_front(&self, mut line: Locked<'_>, verdict: Verdict) {
        let (spent, waker) = line.pop_front(verdict);
        if line.front_verdict(spent).is_some() {
            return self.serve_more(line, spent, waker);
        }
        match line.unlock(spent) {
            Ok(()) => waker.wake(),
            Err(seen_anew) => self.serve_more(seen_anew, spent, waker),
        }
    }

    #[cold]
    #[inline(never)]
    fn serve_more(&self, line: Locked<'_>, spent: usize, first: Waker) {
        let mut round = Round { semaphore: self, wakers: Wakers::new(), unserved: false };
        round.wakers.push(first);
        round.unserved = settle(line, spent, &mut round.wakers);
        round.finish();
    }
}

/// No line is as long as that.
pub(crate) const ANY_LENGTH: usize = usize::MAX;

/// Why permits cannot be had at once.
pub(crate) enum Denial {
    /// The semaphore is closed.
    Closed,
    /// The word said no, as it was here.
    MustWait(State),
}

/// How a newcomer got in.
pub(crate) enum Entry<'a> {
    /// It has so many permits.
    Taken(usize),
    /// It must stand in this line, which is locked.
    Line(Locked<'a>),
}

/// Why a request is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The semaphore is closed.
    Closed,
    /// More stand in line than the request would wait behind.
    QueueFull,
}

/// Panics for a request that could never be met.
#[inline]
#[track_caller]
pub(crate) const fn check(n: usize) {
    assert!(n <= state::MAX_PERMITS, "a request for more than MAX_PERMITS permits can never be met");
}

/// Serves the line from the front, as far as permits and batch reach, and gives the lock back. True if the
/// batch was full before the permits were spent: then the caller looks again (F3).
fn settle(mut line: Locked<'_>, mut spent: usize, wakers: &mut Wakers) -> bool {
    loop {
        let mut unserved = false;
        while let Some(verdict) = line.front_verdict(spent) {
            if wakers.is_full() {
                unserved = true;
                break;
            }
            let (n, waker) = line.pop_front(verdict);
            spent += n;
            wakers.push(waker);
        }
        match line.unlock(spent) {
            Ok(()) => return unserved,
            Err(seen_anew) => line = seen_anew,
        }
    }
}

/// The wakers owed to those served, and perhaps a second look at the line. What is owed is done even if a
/// waker panics; that panic then goes on.
struct Round<'a> {
    semaphore: &'a Semaphore,
    wakers: Wakers,
    unserved: bool,
}

impl Round<'_> {
    fn finish(&mut self) {
        loop {
            self.wakers.wake_all();
            if !mem::take(&mut self.unserved) {
                return;
            }
            if let Some(line) = self.semaphore.line.lock_if_free() {
                self.unserved = settle(line, 0, &mut self.wakers);
            }
        }
    }
}

impl Drop for Round<'_> {
    #[inline]
    fn drop(&mut self) {
        while self.unserved || !self.wakers.is_empty() {
            sync::contain(|| self.finish());
        }
    }
}

#[cfg(all(test, feature = "std", not(fairgate_loom)))]
mod tests {
    use core::task::Context;
    use std::future::Future;
    use std::panic::catch_unwind;
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own");
        }
    }

    /// What it takes four threads to bring about: one has added a permit to a locked word that was full of grants
    /// already given back, and now the lock is free, and another's permits wait for a look at the front.
    #[test]
    fn a_waker_that_panics_in_a_release_close_to_the_limit_costs_no_permit() {
        let semaphore = Semaphore::new(0);
        let mut front = std::boxed::Box::pin(semaphore.acquire_many(6));
        let panics = Waker::from(Arc::new(Panics));
        assert!(front.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
        let found = state::Word::new(state::MAX_PERMITS).load(Ordering::Relaxed).lock();
        semaphore.line.word().add(7 + 1, Ordering::Relaxed);
        assert!(catch_unwind(|| semaphore.release_late(found, 1)).is_err());
        drop(front);
        assert_eq!(semaphore.available_permits(), 8);
    }
}
