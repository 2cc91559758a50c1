//! The transitions of the semaphore: taking, releasing, adding and removing permits, and serving the queue. The fast path of
//! an acquire is [`RawSemaphore::try_acquire_fast`], that of a release is [`RawSemaphore::release`]. Everything that grants
//! permits to waiters goes through [`RawSemaphore::serve`].

use core::mem;
use core::ops::Deref;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::task::Waker;

use super::queue::{QueueGuard, WaitQueue};
use super::state::{Limit, MAX_PERMITS, Refused, Request, State};
use crate::sync::{Ordering, Step, const_fn, contain_panic, report};

/// The semaphore under [`Semaphore`](crate::Semaphore) and [`Mutex`](crate::Mutex). It counts permits, but has no type for
/// a held permit: the caller releases what it acquires.
pub(crate) struct RawSemaphore {
    pub(super) queue: WaitQueue,
}

// A panic of foreign code never interrupts a change of the semaphore (F4), so its state is valid after one.
impl UnwindSafe for RawSemaphore {}
impl RefUnwindSafe for RawSemaphore {}

/// A value that contains a [`RawSemaphore`].
pub trait AsRaw {
    #[expect(private_interfaces, reason = "the trait is sealed")]
    fn as_raw(&self) -> &RawSemaphore;
}

/// A handle to a [`RawSemaphore`].
///
/// # Safety
/// `deref` returns the same reference in every call, even after the handle was moved, and does not panic. The value is not
/// moved or dropped, and no `&mut` reference to it is created, until the handle is dropped, or, if it is leaked, until the
/// end of its lifetime.
#[allow(unsafe_code)]
pub unsafe trait RawHandle: Deref<Target: AsRaw> {}

impl RawSemaphore {
    const_fn! {
        pub(crate) const fn new(permits: usize) -> Self {
            Self { queue: WaitQueue::new(permits) }
        }
    }

    /// The state at this moment.
    #[inline]
    pub(crate) fn state(&self) -> State {
        // ORDERING: Acquire, with the Release in `release` and `try_update`: a thread that finds all permits available sees
        // what their holders wrote, and a thread that finds the semaphore closed sees what was written before `close`.
        State(self.queue.state.load(Ordering::Acquire))
    }

    /// The permits that exist: those available and those held, less those owed.
    pub(crate) fn limit(&self) -> isize {
        // ORDERING: Acquire, with the Release in `try_change_limit` and `forget_held`.
        Limit(self.queue.limit.load(Ordering::Acquire)).permits()
    }

    /// The number of queued requests.
    pub(crate) fn waiters(&self) -> usize {
        self.queue.len()
    }

    /// The permits that the front of the queue needs.
    pub(crate) fn needed(&self) -> Option<usize> {
        self.queue.needed()
    }

    /// Takes `n` permits if they are available and no request is queued: the fast path. Makes one attempt, so it fails
    /// spuriously if another thread changes the state.
    #[cfg_attr(feature = "std", inline)]
    #[cfg_attr(not(feature = "std"), inline(never))]
    pub(crate) fn try_acquire_fast(&self, n: usize) -> bool {
        // ORDERING: Relaxed: the CAS compares the state again.
        let state = State(self.queue.state.load(Ordering::Relaxed));
        match state.try_take(n) {
            Some(new) => self.take(state, new),
            None => false,
        }
    }

    /// Takes the permits of a request if they are available and no request is queued; returns how many. The path of a
    /// caller that does not wait, after the fast path has failed: out of line, so that callers stay small.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_acquire(&self, request: Request) -> Result<usize, Refused> {
        match request.is_all() {
            true => self.take_all(),
            false => self.take_share(request).map_err(|(refused, _)| refused),
        }
    }

    /// The same for a caller that waits next, which needs the state in which the request must wait.
    pub(super) fn take_share(&self, request: Request) -> Result<usize, (Refused, State)> {
        loop {
            let state = self.state();
            match state.share_of_new(request) {
                Err(refused) => return Err((refused, state)),
                Ok(0) => return Ok(0),
                Ok(n) => {
                    report(Step::Acquire { min: request.min, max: request.max });
                    if self.take(state, state.minus(n)) {
                        return Ok(n);
                    }
                }
            }
        }
    }

    /// Takes all permits if none is held and no request is queued. Locks the queue to make sure of that (F7), so that other
    /// new requests find it queued for a moment.
    #[cold]
    pub(super) fn take_all(&self) -> Result<usize, Refused> {
        loop {
            let state = self.state();
            if state.is_closed() {
                return Err(Refused::Closed);
            }
            if state.is_queued() || state.permits() < self.limit() {
                return Err(Refused::NoPermits);
            }
            report(Step::LockForAll);
            let Ok(queue) = self.queue.try_lock(state) else { continue };
            match queue.take_all() {
                Ok(n) => return Ok(n),
                Err(queue) => self.unlock(queue),
            };
        }
    }

    /// Changes the state to `new`, which has fewer permits. Returns `false` if the state is no longer `state`.
    #[inline]
    fn take(&self, state: State, new: State) -> bool {
        // ORDERING: Acquire, with the Release in `release` and `try_update`: the thread sees what was written before these
        // permits were released. An Acquire load of `state` is not enough: the word may have changed and changed back
        // since. Relaxed on failure: the caller loads the state again or fails.
        self.queue.state.compare_exchange(state.0, new.0, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Releases `n` permits that were acquired. May call wakers. The permits exist, so there is room for them in the word.
    #[cfg_attr(feature = "std", inline)]
    pub(crate) fn release(&self, n: usize) {
        report(Step::Release);
        // ORDERING: Relaxed: only a hint, `fetch_add` returns the state that decides.
        if State(self.queue.state.load(Ordering::Relaxed)).is_queued() {
            return self.hand_off(n);
        }
        // ORDERING: Release, with the Acquire in `take`, in `WaitQueue::try_lock`, in a failed `QueueGuard::unlock`, and in
        // `state`: threads that take or see these permits see what their holder wrote.
        if State(self.queue.state.fetch_add(State::new(n).0, Ordering::Release)).is_queued() {
            // A request was queued since the load. Serves it, unless another thread does (F6).
            self.serve_rest(None);
        }
    }

    /// Releases `n` permits of a request that was cancelled.
    pub(super) fn release_slow(&self, n: usize) {
        report(Step::Release);
        self.hand_off(n);
    }

    /// Adds `n` permits and serves the queue: a release while requests are queued, and each addition.
    #[cold]
    #[inline(never)]
    fn hand_off(&self, n: usize) {
        self.update(|state| state.plus(n));
    }

    /// Closes the semaphore. May call wakers.
    pub(crate) fn close(&self) {
        self.update(State::close);
    }

    /// Changes the state. May call wakers.
    fn update(&self, new: impl Fn(State) -> State) {
        // ORDERING: Relaxed: the CAS compares the state again.
        let mut state = State(self.queue.state.load(Ordering::Relaxed));
        while let Err(actual) = self.try_update(state, new(state)) {
            state = actual;
        }
    }

    /// Changes the state from `state` to `new`. If the queue is unlocked and not empty, locks it in the same step and serves
    /// it; if it is locked, its holder serves the waiters (F6). Returns the actual state as an error if it is another one.
    fn try_update(&self, state: State, new: State) -> Result<(), State> {
        if state.must_serve() {
            // ORDERING: AcqRel: Acquire to lock (see there), Release as below.
            return self
                .queue
                .try_update_and_lock(state, new, Ordering::AcqRel)
                .map(|queue| self.serve(queue));
        }
        // ORDERING: Release, with the same Acquires as in `release`: threads that take these permits or find the semaphore
        // closed see what was written before. Relaxed on failure: the caller tries again.
        match self.queue.state.compare_exchange(state.0, new.0, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(actual) => Err(State(actual)),
        }
    }

    /// The limit at this moment, for a compare-and-swap of it.
    fn limit_word(&self) -> Limit {
        // ORDERING: Relaxed: the CAS compares the limit again.
        Limit(self.queue.limit.load(Ordering::Relaxed))
    }

    /// Changes the limit from `limit` to `new`. Returns the actual limit as an error if it is another one.
    fn try_change_limit(&self, limit: Limit, new: Limit) -> Result<(), Limit> {
        // ORDERING: Release, with the Acquire in `QueueGuard::limit`: see there. Relaxed on failure: the caller tries again.
        match self.queue.limit.compare_exchange(limit.0, new.0, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(actual) => Err(Limit(actual)),
        }
    }

    /// Adds `n` new permits. May call wakers. Returns `false`, and changes nothing, if more than [`MAX_PERMITS`] would exist.
    pub(crate) fn add(&self, n: usize) -> bool {
        let is_raised = self.raise_limit(n).is_some();
        if is_raised && n > 0 {
            report(Step::Add);
            self.hand_off(n);
        }
        is_raised
    }

    /// Adds up to `n` permits, but no more than make `most` available; returns how many. May call wakers. Returns `None`, and
    /// changes nothing, if more than [`MAX_PERMITS`] would exist.
    pub(crate) fn add_up_to(&self, n: usize, most: usize) -> Option<usize> {
        // ORDERING: Relaxed: the CAS compares the state again.
        let mut state = State(self.queue.state.load(Ordering::Relaxed));
        let mut has_lowered = false;
        let added = loop {
            let n = n.min(state.room(most));
            if n == 0 {
                break Some(0);
            }
            let Some(raised) = self.raise_limit(n) else { break None };
            report(Step::Add);
            match self.try_update(state, state.plus(n)) {
                Ok(()) => return Some(n),
                Err(actual) => state = actual,
            }
            // The front is not examined again before the last attempt: that would change the word, and the next attempt
            // would fail, too. An attempt that succeeds makes the front examined anyway.
            self.take_back(n, raised);
            has_lowered = true;
        };
        if has_lowered {
            self.recheck();
        }
        added
    }

    /// Raises the limit before the permits are added to the word (F7); returns the new one. Returns `None`, and changes
    /// nothing, if more than [`MAX_PERMITS`] would exist.
    fn raise_limit(&self, n: usize) -> Option<Limit> {
        let mut limit = self.limit_word();
        loop {
            let permits = limit.permits().checked_add_unsigned(n).filter(|&n| n <= MAX_PERMITS as isize)?;
            match self.try_change_limit(limit, limit.raise(permits)) {
                Ok(()) => return Some(limit.raise(permits)),
                Err(actual) => limit = actual,
            }
        }
    }

    /// Takes back what [`raise_limit`](Self::raise_limit) has added, if no permits follow. If the limit was set since, it
    /// includes them, so they are added to the word after all. The caller makes the front examined.
    fn take_back(&self, n: usize, raised: Limit) {
        let mut limit = self.limit_word();
        while !limit.was_set_since(raised) {
            match self.try_change_limit(limit, limit.with(limit.permits() - n as isize)) {
                Ok(()) => return,
                Err(actual) => limit = actual,
            }
        }
        report(Step::Add);
        self.hand_off(n);
    }

    /// Takes `n` permits away, into a deficit if necessary. May call wakers. Returns `false`, and changes nothing, if the
    /// deficit would be too large.
    pub(crate) fn reduce(&self, n: usize) -> bool {
        let least = -(MAX_PERMITS as isize);
        self.change_limit(|limit| {
            let new = limit.permits().checked_sub_unsigned(n).filter(|&new| n == 0 || new >= least)?;
            Some(limit.with(new))
        })
    }

    /// Makes `n` permits exist, at most [`MAX_PERMITS`]. May call wakers. Returns `false` if several calls at the same time
    /// together lower the limit by more than the word holds; nothing has changed then.
    pub(crate) fn set_limit(&self, n: usize) -> bool {
        self.change_limit(|limit| Some(limit.set(n as isize)))
    }

    /// Changes the limit and, by the same number, the permits in the word, in the order that F7 asks for.
    fn change_limit(&self, new: impl Fn(Limit) -> Option<Limit>) -> bool {
        let (mut lowered, mut limit) = (0, self.limit_word());
        let (is_changed, raised) = loop {
            let Some(new) = new(limit) else { break (false, 0) };
            let raised = new.permits() - limit.permits();
            let excess = (-raised).max(0) as usize;
            if excess > lowered {
                if !self.lower(excess - lowered) {
                    break (false, 0);
                }
                lowered = excess;
            }
            match self.try_change_limit(limit, new) {
                Ok(()) => break (true, raised),
                Err(actual) => limit = actual,
            }
        };
        // The word was lowered by `lowered`, and has to change by `raised`.
        let surplus = (lowered as isize + raised) as usize;
        if surplus > 0 {
            report(Step::Add);
            self.hand_off(surplus);
        } else if raised < 0 {
            self.recheck();
        }
        is_changed
    }

    /// Takes `n` permits out of the word. Returns `false` if the field would not hold the deficit.
    fn lower(&self, n: usize) -> bool {
        loop {
            let state = self.state();
            let Some(new) = state.reduce(n) else { return false };
            report(Step::Reduce);
            // A caller that takes the last permit away may access what the permits guard, so `take` is used for its ordering.
            if self.take(state, new) {
                return true;
            }
        }
    }

    /// Makes sure that the front is examined after this call: the limit was lowered, so that it may complete (F7). A change
    /// of the word even where the new state is the old one: either the lock holder sees the lower limit, or this thread
    /// sees the lock.
    #[cold]
    fn recheck(&self) {
        report(Step::Recheck);
        self.update(State::recheck);
    }

    /// Takes up to `n` available permits away for good; returns how many. May call wakers.
    pub(crate) fn forget(&self, n: usize) -> usize {
        loop {
            let state = self.state();
            let (new, forgotten) = state.forget(n);
            if forgotten == 0 {
                return 0;
            }
            report(Step::Forget);
            // As in `lower`.
            if self.take(state, new) {
                self.forget_held(forgotten);
                return forgotten;
            }
        }
    }

    /// Takes `n` permits that are held, or were taken out of the word, away for good. May call wakers.
    pub(crate) fn forget_held(&self, n: usize) {
        // ORDERING: Release, as in `try_change_limit`.
        self.queue.limit.fetch_sub(Limit::new(n as isize).0, Ordering::Release);
        self.recheck();
    }

    /// Locks the queue to enqueue a request that must wait in `state`. Returns `None` after waiting for another lock holder,
    /// or if the state has changed.
    pub(super) fn try_lock_to_enqueue(&self, state: State) -> Option<QueueGuard<'_>> {
        if !state.is_locked() {
            report(Step::LockToEnqueue);
            if let Ok(queue) = self.queue.try_lock(state) {
                return Some(queue);
            }
        }
        self.queue.wait_for_unlock();
        None
    }

    /// Unlocks the queue after a node was enqueued, removed or given another waker. If the front can complete, which is
    /// rare, serves the queue instead (F3), and returns `true`.
    pub(super) fn unlock(&self, mut queue: QueueGuard<'_>) -> bool {
        if !queue.can_serve(0) {
            match queue.unlock(0) {
                Ok(_) => return false,
                Err(changed) => queue = changed,
            }
        }
        self.serve(queue);
        true
    }

    /// Locks the queue for a thread that has added permits, or has more requests to serve. Returns `None` if no request is
    /// queued, or if another thread holds the lock: that one serves the queue (F6).
    fn try_lock_to_serve(&self) -> Option<QueueGuard<'_>> {
        report(Step::Look);
        // ORDERING: Relaxed: the load returns this thread's own change of the state or a later one, and the CAS compares the
        // state again.
        let mut state = State(self.queue.state.load(Ordering::Relaxed));
        while state.must_serve() {
            match self.queue.try_lock(state) {
                Ok(queue) => return Some(queue),
                Err(actual) => state = actual,
            }
        }
        None
    }

    /// Grants permits to the requests at the front, one after another: the waker of each is called, with the queue unlocked,
    /// before the next one is looked at.
    #[inline(never)]
    fn serve(&self, queue: QueueGuard<'_>) {
        match self.serve_front(queue) {
            (waker, true) => self.serve_rest(waker),
            (Some(waker), false) => waker.wake(),
            (None, false) => {}
        }
    }

    /// Claims the front if it can complete, unlocks the queue and stores the outcome. Returns the waker, and whether the next
    /// request can complete as well.
    #[inline]
    fn serve_front(&self, mut queue: QueueGuard<'_>) -> (Option<Waker>, bool) {
        loop {
            let Some(claim) = queue.claim_front() else {
                match queue.unlock(0) {
                    Ok(_) => return (None, false),
                    Err(changed) => queue = changed,
                }
                continue;
            };
            let is_unfinished = queue.can_serve(claim.permits);
            match queue.unlock(claim.permits) {
                Ok(state) => return (Some(claim.complete(&self.queue, state)), is_unfinished),
                Err(changed) => queue = changed,
            }
            // The state has changed, so the claim may no longer be right.
            queue.put_back(claim);
        }
    }

    /// Calls the waker, and serves the rest of the queue: the path of a thread that is committed to examine it (F3).
    #[cold]
    #[inline(never)]
    fn serve_rest(&self, waker: Option<Waker>) {
        let mut serving = Serving { semaphore: self, is_unfinished: true };
        if let Some(waker) = waker {
            waker.wake();
        }
        serving.serve_rest();
        // Only a panic drops it.
        mem::forget(serving);
    }
}

/// The work of a thread that serves the queue. If a waker panics, dropping it serves the rest before the panic resumes.
struct Serving<'a> {
    semaphore: &'a RawSemaphore,
    is_unfinished: bool,
}

impl Serving<'_> {
    fn serve_rest(&mut self) {
        while mem::take(&mut self.is_unfinished) {
            let Some(queue) = self.semaphore.try_lock_to_serve() else { return };
            let (waker, is_unfinished) = self.semaphore.serve_front(queue);
            self.is_unfinished = is_unfinished;
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        // There is work left only if a waker has panicked.
        while self.is_unfinished {
            contain_panic(|| self.serve_rest());
        }
    }
}
