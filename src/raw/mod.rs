#![deny(unsafe_code)]
//! The algorithm of the semaphore. [`Semaphore`](crate::Semaphore) and [`Mutex`](crate::Mutex) are thin layers on top of
//! [`RawSemaphore`]; nothing in this folder knows them.
//!
//! A semaphore could be built from an atomic counter and an event that waiters listen to. A release would then wake a
//! task that has to compete for the permit with all others: the order is lost, and a task that is woken and
//! cancelled may take the wake-up with it. Here a release *grants* permits to the request at the front of the queue, and
//! the request owns them before its task runs. The price is the queue, and a protocol between threads that edit it and
//! threads that only change the number of permits.
//!
//! The state word has the permits and the flags of `state.rs`, the queue is that of `queue.rs`. A request goes through
//! these states:
//!
//! ```text
//!            must wait                front of the queue, permits released
//!    new ───────────────▶ queued ──────────────▶ claimed ──────────────▶ granted
//!     │                     │                                              │
//!     │ permits available   │ cancelled                                    ├─ polled ───▶ completed
//!     ▼                     ▼                                              │
//!  completed             removed                                           └─ cancelled ▶ released
//! ```
//!
//! * **F1** While QUEUED is set, only the request at the front gets permits. *Fairness.*
//! * **F2** While the queue is unlocked, QUEUED is set exactly if the queue is not empty. The lock holder sets QUEUED as it
//!   locks the queue, and clears it as it unlocks an empty one, in the same step as the permits of the last grants
//!   leave the word. So a request that finds QUEUED set is behind another request, which has not seen its grant.
//! * **F3** Whenever the queue is unlocked, the request at the front cannot complete with what the state holds, or a thread is
//!   about to look at it again: a thread that has just added permits, or a thread with more requests to serve than fit
//!   into one [`WakeList`]. *No lost wake-up.* Hence the queue is unlocked by [`RawSemaphore::unlock`] and
//!   [`claim_and_unlock`] only, and both look at the front first.
//! * **F4** Wakers are cloned, called and dropped with the queue unlocked, and after all outcomes of claimed requests have
//!   been stored. *No deadlock with foreign code.*
//! * **F5** The step that unlocks the queue takes the permits of the claimed requests out of the word. From then on they
//!   belong to these requests, which learn of it next. If the semaphore was closed before that step, they fail, and the
//!   permits stay. *Conservation.*
//! * **F6** A thread that adds permits or closes the semaphore while the queue is locked leaves the rest to the lock holder:
//!   its attempt to unlock fails, because the state has changed, and it looks at the front again. *A release never
//!   waits.* Permits are taken away only while the queue is unlocked, so that those of claimed requests stay.

mod acquire;
mod node;
mod queue;
mod state;
mod wake_list;

use core::mem;
use core::panic::{RefUnwindSafe, UnwindSafe};

pub(crate) use self::acquire::{Progress, RawAcquire, Rejected};
use self::queue::{Claims, QueueGuard, WaitQueue};
pub(crate) use self::state::{DEFICIT_TOO_LARGE, MAX_PERMITS, Request, State, TOO_MANY_PERMITS};
use self::wake_list::WakeList;
#[cfg(feature = "std")]
use crate::sync::thread;
use crate::sync::{Ordering, const_fn, contain_panic};

/// A semaphore without documentation for users, and without a way to misuse it from outside the crate.
pub(crate) struct RawSemaphore {
    queue: WaitQueue,
}

// A panic of foreign code never interrupts a change of the semaphore (F4), so its state is valid after one.
impl UnwindSafe for RawSemaphore {}
impl RefUnwindSafe for RawSemaphore {}

/// A handle to a [`RawSemaphore`]: always to the same one, which stays alive and in place as long as the handle is used.
/// (That is what [`Handle`](crate::Handle) promises, and all handles are made from one.)
pub(crate) trait RawHandle {
    fn as_raw(&self) -> &RawSemaphore;
}

/// How often a thread yields before it enqueues its request and blocks. Measured with more threads than cores: without it
/// the threads take the core of the one that has the permit, and each release has to wake a parked thread.
#[cfg(feature = "std")]
const YIELDS: u32 = 16;

/// Why a request cannot complete at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The semaphore is closed.
    Closed,
    /// Too few permits are available, or another request is queued. The state said so.
    MustWait(State),
}

impl RawSemaphore {
    const_fn! {
        pub(crate) const fn new(permits: usize) -> Self {
            Self { queue: WaitQueue::new(permits) }
        }
    }

    /// The state at this moment.
    #[inline]
    pub(crate) fn state(&self) -> State {
        // ORDERING: Acquire, with the Release of the threads that released the permits in the state: a thread that finds
        // all permits available sees what their holders wrote. And with the Release in `update`: a thread that
        // finds the semaphore closed sees what was written before `close`.
        self.queue.state().load(Ordering::Acquire)
    }

    /// The number of queued requests, and the permits that the first of them needs. Calls no foreign code.
    pub(crate) fn peek(&self) -> (usize, Option<usize>) {
        self.queue.peek()
    }

    /// Takes `n` permits if they are available and no request is queued: the fast path. May fail spuriously.
    #[inline]
    pub(crate) fn try_acquire_fast(&self, n: usize) -> bool {
        // ORDERING: Relaxed: the CAS decides.
        let state = self.queue.state().load(Ordering::Relaxed);
        match state.try_take(n) {
            Some(new) => self.take(state, new),
            None => false,
        }
    }

    /// Takes `n` permits if they become available within a few microseconds, in which no request is queued. For threads that
    /// are about to block: most often this costs less than parking the thread and waking it.
    // FAIRNESS: no queued request is overtaken (F1). The thread itself is not queued yet, so another one may be faster.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn acquire_soon(&self, n: usize) -> bool {
        self.try_acquire_fast(n) || self.acquire_soon_slow(n)
    }

    #[cfg(feature = "std")]
    #[cold]
    #[inline(never)]
    fn acquire_soon_slow(&self, n: usize) -> bool {
        let mut is_acquired = false;
        thread::wait_briefly(YIELDS, || {
            is_acquired = self.try_acquire_fast(n);
            let state = self.state();
            is_acquired || state.is_queued() || state.is_closed()
        });
        is_acquired
    }

    /// Takes the permits of a request if they are available and no request is queued; returns how many.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_acquire(&self, request: Request) -> Result<usize, Unavailable> {
        self.take_share(request)
    }

    #[inline]
    fn take_share(&self, request: Request) -> Result<usize, Unavailable> {
        loop {
            let state = self.state();
            if state.is_closed() {
                return Err(Unavailable::Closed);
            }
            match state.share_of_new(request) {
                None => return Err(Unavailable::MustWait(state)),
                Some(0) => return Ok(0),
                Some(n) if self.take(state, state.minus(n)) => return Ok(n),
                Some(_) => {}
            }
        }
    }

    /// Changes the state to `new`, which has fewer permits.
    #[inline]
    fn take(&self, state: State, new: State) -> bool {
        // ORDERING: Acquire, with the Release of the threads that released these permits. That the state was loaded with
        // Acquire would not be enough: it may have changed and changed back since.
        // Relaxed on failure: the caller looks again or gives up.
        self.queue.state().compare_exchange(state, new, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Releases `n` permits that were acquired. May call wakers.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`].
    #[inline]
    pub(crate) fn release(&self, n: usize) {
        // ORDERING: Relaxed: a hint; `fetch_add` returns the state that counts.
        if !self.queue.state().load(Ordering::Relaxed).can_add_unchecked(n) {
            return self.release_slow(n);
        }
        // ORDERING: Release, with the Acquire of the threads that take these permits: in `take`, in `WaitQueue::try_lock`, or
        // in a failed `QueueGuard::unlock`.
        if self.queue.state().fetch_add(n, Ordering::Release).is_queued() {
            self.serve_if_unlocked();
        }
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, n: usize) {
        assert!(self.add(n), "{}", TOO_MANY_PERMITS);
    }

    /// Adds `n` permits. May call wakers. Returns `false`, and changes nothing, if there would be more than
    /// [`MAX_PERMITS`].
    pub(crate) fn add(&self, n: usize) -> bool {
        n == 0 || self.update(|state| state.add(n))
    }

    /// Closes the semaphore. May call wakers.
    pub(crate) fn close(&self) {
        self.update(|state| Some(state.close()));
    }

    /// Changes the state. If the queue is unlocked and not empty, locks it in the same step and serves it; if it is locked,
    /// its holder serves the waiters (F6). Returns `false` if `new` returns `None`.
    fn update(&self, new: impl Fn(State) -> Option<State>) -> bool {
        // ORDERING: Relaxed: the CAS decides.
        let mut state = self.queue.state().load(Ordering::Relaxed);
        while let Some(new) = new(state) {
            let result = if state.is_queued() && !state.is_locked() {
                // ORDERING: Release as well, as below.
                self.queue.try_lock(state, new, Ordering::AcqRel).map(|queue| self.serve(queue))
            } else {
                // ORDERING: Release, with the Acquire of the threads that take these permits, as in `release`, or find the
                // semaphore closed. Relaxed on failure: the loop looks again.
                self.queue.state().compare_exchange(state, new, Ordering::Release, Ordering::Relaxed)
            };
            match result {
                Ok(()) => return true,
                Err(actual) => state = actual,
            }
        }
        false
    }

    /// Takes up to `n` available permits away; returns how many. Waits for the lock holder.
    pub(crate) fn forget(&self, n: usize) -> usize {
        loop {
            let state = self.queue.wait_for_state(|state| !state.is_locked());
            let forgotten = n.min(state.available());
            // A thread that takes the last permit away may act as if it held it: the ordering is that of an acquire.
            if forgotten == 0 || self.take(state, state.minus(forgotten)) {
                return forgotten;
            }
        }
    }

    /// Takes `n` permits away, into a deficit if necessary. Waits for the lock holder. Returns `false`, and changes nothing, if
    /// the deficit would be too large.
    pub(crate) fn reduce(&self, n: usize) -> bool {
        loop {
            let state = self.queue.wait_for_state(|state| !state.is_locked());
            let Some(new) = state.reduce(n) else { return false };
            if self.take(state, new) {
                return true;
            }
        }
    }

    /// Unlocks the queue. Serves the front first if it can complete, which is rare.
    #[inline]
    fn unlock(&self, queue: QueueGuard<'_>) {
        let none = Claims::new();
        if queue.servable_front(&none).is_some() {
            return self.serve(queue);
        }
        if let Err(queue) = queue.unlock(&none) {
            self.serve(queue);
        }
    }

    /// Serves the queue if it is unlocked and not empty.
    #[cold]
    #[inline(never)]
    fn serve_if_unlocked(&self) {
        if let Some(queue) = self.try_lock_to_serve() {
            self.serve(queue);
        }
    }

    /// Locks the queue for a thread that knows of permits in the state. Returns `None` if there is nothing to serve, or if
    /// another thread holds the lock and will (F6).
    fn try_lock_to_serve(&self) -> Option<QueueGuard<'_>> {
        // ORDERING: Relaxed: the load returns this thread's own change of the state, or a later value. If that is unlocked
        // and not empty, the CAS decides.
        let mut state = self.queue.state().load(Ordering::Relaxed);
        while state.is_queued() && !state.is_locked() {
            // ORDERING: Acquire is enough: the permits are in the state already.
            match self.queue.try_lock(state, state, Ordering::Acquire) {
                Ok(queue) => return Some(queue),
                Err(actual) => state = actual,
            }
        }
        None
    }

    /// Completes the requests at the front for which there are permits, unlocks the queue and calls their wakers.
    #[inline(never)]
    fn serve(&self, queue: QueueGuard<'_>) {
        let mut batch = claim_and_unlock(queue);
        if batch.claims.count() > 1 {
            return self.serve_many(batch);
        }
        // Most often there is one request, or none. Then the batch is not full, and nothing is left to do if the waker
        // panics.
        if let Some(waker) = batch.claims.complete_next(&self.queue, batch.unlocked) {
            waker.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn serve_many(&self, batch: Batch) {
        let mut serving = Serving { semaphore: self, wakers: WakeList::new(), is_unfinished: false };
        serving.complete(batch);
        serving.finish();
    }
}

/// The requests that a thread has claimed in one critical section.
struct Batch {
    claims: Claims,
    /// The state with which the queue was unlocked.
    unlocked: State,
    /// The request at the front can complete, but the batch is as large as a wake list.
    is_unfinished: bool,
}

/// Claims the requests at the front for which there are permits, and unlocks the queue.
#[inline(always)]
fn claim_and_unlock(mut queue: QueueGuard<'_>) -> Batch {
    let mut claims = Claims::new();
    loop {
        while claims.count() < WakeList::CAPACITY && queue.claim_front(&mut claims) {}
        let is_unfinished = claims.count() == WakeList::CAPACITY && queue.servable_front(&claims).is_some();
        match queue.unlock(&claims) {
            Ok(unlocked) => return Batch { claims, unlocked, is_unfinished },
            Err(changed) => queue = changed,
        }
    }
}

/// A thread that serves several requests. Dropping it finishes the work, also if a waker panics.
struct Serving<'a> {
    semaphore: &'a RawSemaphore,
    wakers: WakeList,
    is_unfinished: bool,
}

impl Serving<'_> {
    /// Stores the outcomes, and collects the wakers.
    fn complete(&mut self, mut batch: Batch) {
        self.is_unfinished = batch.is_unfinished;
        while let Some(waker) = batch.claims.complete_next(&self.semaphore.queue, batch.unlocked) {
            self.wakers.push(waker);
        }
    }

    /// Calls the wakers, and serves the rest of the queue if one batch was not enough.
    fn finish(&mut self) {
        loop {
            self.wakers.wake_all();
            if !mem::take(&mut self.is_unfinished) {
                return;
            }
            if let Some(queue) = self.semaphore.try_lock_to_serve() {
                self.complete(claim_and_unlock(queue));
            }
        }
    }
}

impl Drop for Serving<'_> {
    #[inline]
    fn drop(&mut self) {
        // Not empty only if a waker has panicked. The others are called before the panic resumes.
        while self.is_unfinished || !self.wakers.is_empty() {
            contain_panic(|| self.finish());
        }
    }
}
