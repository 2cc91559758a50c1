#![deny(unsafe_code)]
//! The algorithm of the semaphore. [`Semaphore`](crate::Semaphore) and [`Mutex`](crate::Mutex) are thin layers on top of
//! [`RawSemaphore`]; nothing in this folder knows them.
//!
//! Why not an atomic counter and a list of wakers? A release would then wake a task, which has to compete for the
//! permit with all other tasks: the order is lost, and if the task that was woken is cancelled, the wake-up may be
//! lost, too. Here a release *grants* permits to the request at the front of the queue, and the request owns them
//! before its task runs. The price is a protocol between threads that edit the queue and threads that only change the
//! number of permits.
//!
//! The number of permits is in the state word, together with four flags (`state.rs`). The queue is a list of nodes
//! (`queue.rs`). A request goes through these states:
//!
//! ```text
//!            must wait        at the front, enough permits      outcome stored
//!    new ───────────────▶ queued ──────────────▶ claimed ──────────────▶ granted
//!     │                     │                                              │
//!     │ permits available   │ cancelled                                    ├─ polled ───▶ completed
//!     ▼                     ▼                                              │
//!  completed             removed                                           └─ cancelled ▶ released
//! ```
//!
//! If the semaphore is closed, the request at the front is claimed as well, and its outcome is a failure instead of a grant.
//! A request that is cancelled while it is claimed waits for its outcome first.
//!
//! *Foreign code* is code outside the crate: that of wakers. The *lock holder* is the thread that has set LOCKED.
//!
//! * **F1** While QUEUED is set, only the request at the front gets permits. *Fairness.*
//! * **F2** While the queue is unlocked, QUEUED is set if and only if the queue is not empty. The lock holder sets QUEUED in
//!   the step that locks the queue, and clears it in the step that unlocks an empty one, in which the permits of the last
//!   grants leave the word (F5). So a request that finds QUEUED set is behind another request whose grant is not visible
//!   yet.
//! * **F3** Whenever the queue is unlocked, the request at the front cannot complete with the permits in the word, or a
//!   thread is about to examine the front: a thread that has just added permits, or one with more requests to serve
//!   than fit into one [`WakeList`]. *No lost wake-up.* Only [`RawSemaphore::unlock`] and [`claim_and_unlock`] unlock
//!   the queue, and both examine the front first.
//! * **F4** Wakers are cloned, called and dropped by a thread that does not hold the queue lock and has stored the outcomes
//!   of all requests that it has claimed. *No deadlock with foreign code.*
//! * **F5** The step that unlocks the queue takes the permits of the claimed requests out of the word. From then on the
//!   requests own these permits, and their outcomes are stored next. If the semaphore was closed before that step, the
//!   requests fail, and the permits stay in the word. *Conservation.*
//! * **F6** A thread that adds permits or closes the semaphore while the queue is locked does not wait: the lock holder's
//!   attempt to unlock fails, because the state has changed, and the lock holder examines the front again. *A release never
//!   waits.* Permits are taken away, other than by F5, only while the queue is unlocked. So the permits of claimed requests
//!   are still in the word when it is unlocked.

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
use crate::sync::{Ordering, Step, const_fn, contain_panic, report};

/// The semaphore under [`Semaphore`](crate::Semaphore) and [`Mutex`](crate::Mutex). It counts permits, but has no type for
/// a held permit: the caller releases what it acquires.
pub(crate) struct RawSemaphore {
    queue: WaitQueue,
}

// A panic of foreign code never interrupts a change of the semaphore (F4), so its state is valid after one.
impl UnwindSafe for RawSemaphore {}
impl RefUnwindSafe for RawSemaphore {}

/// A handle to a [`RawSemaphore`].
///
/// # Safety
/// `as_raw` does not panic and returns the same semaphore in every call, which stays alive and in place as long as the
/// handle is used. ([`Handle`](crate::Handle) promises that, and each raw handle is or contains one.)
#[allow(unsafe_code)]
pub(crate) unsafe trait RawHandle {
    fn as_raw(&self) -> &RawSemaphore;
}

/// How often a thread yields before it enqueues its request and blocks. Measured with more threads than cores: without the
/// yields, waiting threads occupy the core that the holder of the permit needs, and each release has to wake a parked
/// thread.
#[cfg(feature = "std")]
const YIELDS: u32 = 16;

/// Why a request cannot complete at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The semaphore is closed.
    Closed,
    /// Too few permits are available, or another request is queued, in this state.
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
        // ORDERING: Acquire, with the Release in `release` and `update`: a thread that finds all permits available sees
        // what their holders wrote, and a thread that finds the semaphore closed sees what was written before `close`.
        self.queue.state().load(Ordering::Acquire)
    }

    /// The number of queued requests, and the permits that the front needs. Calls no foreign code.
    pub(crate) fn peek(&self) -> (usize, Option<usize>) {
        self.queue.peek()
    }

    /// Takes `n` permits if they are available and no request is queued: the fast path. Makes one attempt, so it fails
    /// spuriously if another thread changes the state.
    #[inline]
    pub(crate) fn try_acquire_fast(&self, n: usize) -> bool {
        // ORDERING: Relaxed: the CAS compares the state again.
        let state = self.queue.state().load(Ordering::Relaxed);
        match state.try_take(n) {
            Some(new) => self.take(state, new),
            None => false,
        }
    }

    /// Takes `n` permits if they become available within a few microseconds and no request is queued before that. For
    /// threads that are about to block: this usually costs less than to park the thread and to wake it.
    // FAIRNESS: no queued request is overtaken (F1). This thread is not queued yet, so another request may be granted first.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn try_acquire_briefly(&self, n: usize) -> bool {
        self.try_acquire_fast(n) || self.try_acquire_briefly_slow(n)
    }

    #[cfg(feature = "std")]
    #[cold]
    #[inline(never)]
    fn try_acquire_briefly_slow(&self, n: usize) -> bool {
        let mut is_acquired = false;
        thread::wait_briefly(YIELDS, || {
            is_acquired = self.try_acquire_fast(n);
            let state = self.state();
            is_acquired || state.is_queued() || state.is_closed()
        });
        is_acquired
    }

    /// Takes the permits of a request if they are available and no request is queued; returns how many. The path of a
    /// caller that does not wait, after the fast path has failed: out of line, so that callers stay small.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_acquire(&self, request: Request) -> Result<usize, Unavailable> {
        self.take_share(request)
    }

    /// The same, for inlining into `poll_new`.
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

    /// Changes the state to `new`, which has fewer permits. Returns `false` if the state is no longer `state`.
    #[inline]
    fn take(&self, state: State, new: State) -> bool {
        // ORDERING: Acquire, with the Release in `release` and `update`: the thread sees what was written before these
        // permits were released. An Acquire load of `state` is not enough: the word may have changed and changed back
        // since. Relaxed on failure: the caller loads the state again or fails.
        self.queue.state().compare_exchange(state, new, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Releases `n` permits that were acquired. May call wakers.
    ///
    /// # Panics
    /// Panics if there would be more than [`MAX_PERMITS`]. (Concurrent releases may exceed it, see
    /// [`State::can_add_unchecked`].)
    #[inline]
    pub(crate) fn release(&self, n: usize) {
        report(Step::Release);
        // ORDERING: Relaxed: only a hint, `fetch_add` returns the state that decides.
        if !self.queue.state().load(Ordering::Relaxed).can_add_unchecked(n) {
            return self.release_slow(n);
        }
        // ORDERING: Release, with the Acquire in `take`, in `WaitQueue::try_lock`, in a failed `QueueGuard::unlock`, and in
        // `state`: threads that take or see these permits see what their holder wrote.
        if self.queue.state().fetch_add(n, Ordering::Release).is_queued() {
            self.serve_if_unlocked();
        }
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, n: usize) {
        assert!(self.add_released(n), "{}", TOO_MANY_PERMITS);
    }

    /// Adds `n` new permits. May call wakers. Returns `false`, and changes nothing, if there would be more than
    /// [`MAX_PERMITS`].
    #[inline]
    pub(crate) fn add(&self, n: usize) -> bool {
        report(Step::Add);
        self.add_released(n)
    }

    /// Adds `n` permits, new ones or ones that were acquired. The rest is like [`add`](Self::add).
    fn add_released(&self, n: usize) -> bool {
        n == 0 || self.update(|state| state.add(n))
    }

    /// Closes the semaphore. May call wakers.
    pub(crate) fn close(&self) {
        self.update(|state| Some(state.close()));
    }

    /// Changes the state. If the queue is unlocked and not empty, locks it in the same step and serves it; if it is locked,
    /// its holder serves the waiters (F6). Returns `false` if `new` returns `None`.
    fn update(&self, new: impl Fn(State) -> Option<State>) -> bool {
        // ORDERING: Relaxed: the CAS compares the state again.
        let mut state = self.queue.state().load(Ordering::Relaxed);
        while let Some(new) = new(state) {
            let result = if state.is_queued() && !state.is_locked() {
                // ORDERING: AcqRel: Acquire to lock (see `try_lock`), Release as below.
                self.queue.try_lock(state, new, Ordering::AcqRel).map(|queue| self.serve(queue))
            } else {
                // ORDERING: Release, with the same Acquires as in `release`: threads that take these permits or find the
                // semaphore closed see what was written before. Relaxed on failure: the loop retries.
                self.queue.state().compare_exchange(state, new, Ordering::Release, Ordering::Relaxed)
            };
            match result {
                Ok(()) => return true,
                Err(actual) => state = actual,
            }
        }
        false
    }

    /// Takes up to `n` available permits away; returns how many. Waits until the queue is unlocked (F6).
    pub(crate) fn forget(&self, n: usize) -> usize {
        loop {
            let state = self.queue.wait_for_state(|state| !state.is_locked());
            let forgotten = n.min(state.available());
            if forgotten == 0 {
                return 0;
            }
            report(Step::Forget);
            // A caller that takes the last permit away may access what the permit guards, so `take` is used for its
            // ordering.
            if self.take(state, state.minus(forgotten)) {
                return forgotten;
            }
        }
    }

    /// Takes `n` permits away, into a deficit if necessary. Waits until the queue is unlocked (F6). Returns `false`, and
    /// changes nothing, if the deficit would be too large.
    pub(crate) fn reduce(&self, n: usize) -> bool {
        loop {
            let state = self.queue.wait_for_state(|state| !state.is_locked());
            let Some(new) = state.reduce(n) else { return false };
            report(Step::Reduce);
            if self.take(state, new) {
                return true;
            }
        }
    }

    /// Unlocks the queue after a node was enqueued, removed or given another waker. If the front can complete, which is
    /// rare, serves the queue instead (F3).
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

    /// Locks the queue for a thread that has added permits, or has more requests to serve. Returns `None` if no request is
    /// queued, or if another thread holds the lock: that one serves the queue (F6).
    fn try_lock_to_serve(&self) -> Option<QueueGuard<'_>> {
        report(Step::Look);
        // ORDERING: Relaxed: the load returns this thread's own change of the state or a later one, and the CAS compares the
        // state again.
        let mut state = self.queue.state().load(Ordering::Relaxed);
        while state.is_queued() && !state.is_locked() {
            // ORDERING: Acquire, see `try_lock`. No Release: this step publishes nothing, the permits are in the word
            // already.
            match self.queue.try_lock(state, state, Ordering::Acquire) {
                Ok(queue) => return Some(queue),
                Err(actual) => state = actual,
            }
        }
        None
    }

    /// Claims the requests at the front for which there are permits, unlocks the queue, stores their outcomes and calls
    /// their wakers, in this order.
    #[inline(never)]
    fn serve(&self, queue: QueueGuard<'_>) {
        let mut batch = claim_and_unlock(queue);
        if batch.claims.count() > 1 {
            return self.serve_many(batch);
        }
        // The usual case: one request or none. The batch is not full, so nothing is left to do if the waker panics.
        if let Some(waker) = batch.claims.complete_next(&self.queue, batch.unlocked) {
            waker.wake();
        }
    }

    /// The rest of `serve` for more than one request.
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

/// The work of a thread that serves several requests. If a waker panics, dropping it finishes the work before the panic
/// resumes.
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

    /// Calls the wakers, then serves the rest of the queue if the last batch was full.
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
        // There is work left only if a waker has panicked.
        while self.is_unfinished || !self.wakers.is_empty() {
            contain_panic(|| self.finish());
        }
    }
}
