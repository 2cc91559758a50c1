//! Atomics, cells and threads from loom.

use core::cell::Cell;
use std::sync::Mutex;
use std::vec::Vec;

use super::{Ordering, Step};
pub(crate) use loom::cell::UnsafeCell;
use loom::sync::atomic;
#[cfg(feature = "std")]
pub(crate) use loom::sync::atomic::AtomicBool;

/// An access that the checks in `loom-tests/` learn of, or a step that the algorithm reports.
///
/// Loom switches threads before an access and never after it, so each event is reported before any other thread runs.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A word was created. `word` is a number that no other word has.
    Created { word: usize, value: usize },
    /// A word was dropped.
    Dropped { word: usize },
    /// A load returned `value`, which may be an old value.
    Loaded { word: usize, value: usize },
    /// A read-modify-write changed the word; `by_addition` if it was not a compare-and-swap.
    Changed { word: usize, old: usize, new: usize, by_addition: bool },
    /// A compare-and-swap failed.
    Failed { word: usize, actual: usize },
    /// `value` was written to the link at the address `link`.
    LinkWritten { link: usize, value: usize },
    /// The link at this address was read by a thread that should hold the queue lock, or have claimed its node.
    LinkRead { link: usize },
    /// The link at this address was read by a thread that should have set PEEKED.
    LinkPeeked { link: usize },
    /// The node whose `next` has this address is about to be freed.
    Freed { link: usize },
    /// A thread waits until another thread unlocks the queue, finishes reading it, or stores an outcome.
    Waiting,
    /// A blocked thread is woken, which only a waker does while another thread runs.
    Unparked,
    /// A step that no access shows.
    Reported(Step),
}

std::thread_local! {
    static OBSERVER: Cell<Option<fn(Event)>> = const { Cell::new(None) };
    /// The number of words that were created on this thread.
    static WORDS: Cell<usize> = const { Cell::new(0) };
}

/// Calls `observer` for all events on this real thread, which runs all threads of a model.
pub fn observe(observer: Option<fn(Event)>) {
    OBSERVER.set(observer);
}

fn emit(event: Event) {
    if let Some(observer) = OBSERVER.get() {
        observer(event);
    }
}

/// Reports a step that the accesses do not show.
pub(crate) fn report(step: Step) {
    emit(Event::Reported(step));
}

/// An atomic whose loads count as accesses. Loom itself remembers only the last access to an atomic, so a thread's
/// load that is followed by its own store hides a race between the store and another thread's load. A Relaxed
/// increment of a second atomic before each load makes loom try both orders.
#[derive(Debug)]
struct Tracked<A> {
    atomic: A,
    loads: atomic::AtomicUsize,
}

impl<A> Tracked<A> {
    fn new(atomic: A) -> Self {
        Self { atomic, loads: atomic::AtomicUsize::new(0) }
    }

    /// The atomic, for a load.
    fn to_load(&self) -> &A {
        self.loads.fetch_add(1, Ordering::Relaxed);
        &self.atomic
    }
}

/// The state word: no other number of the crate is atomic. It has only those accesses that it reports.
#[derive(Debug)]
pub(crate) struct AtomicUsize {
    tracked: Tracked<atomic::AtomicUsize>,
    word: usize,
}

impl AtomicUsize {
    pub(crate) fn new(value: usize) -> Self {
        let word = WORDS.get();
        WORDS.set(word + 1);
        emit(Event::Created { word, value });
        Self { tracked: Tracked::new(atomic::AtomicUsize::new(value)), word }
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> usize {
        let value = self.tracked.to_load().load(order);
        emit(Event::Loaded { word: self.word, value });
        value
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        let result = self.tracked.atomic.compare_exchange(current, new, success, failure);
        let word = self.word;
        emit(match result {
            Ok(old) => Event::Changed { word, old, new, by_addition: false },
            Err(actual) => Event::Failed { word, actual },
        });
        result
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, n: usize, order: Ordering) -> usize {
        let old = self.tracked.atomic.fetch_add(n, order);
        let new = old.wrapping_add(n);
        emit(Event::Changed { word: self.word, old, new, by_addition: true });
        old
    }

    #[track_caller]
    pub(crate) fn fetch_and(&self, mask: usize, order: Ordering) -> usize {
        let old = self.tracked.atomic.fetch_and(mask, order);
        emit(Event::Changed { word: self.word, old, new: old & mask, by_addition: false });
        old
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, mask: usize, order: Ordering) -> usize {
        let old = self.tracked.atomic.fetch_or(mask, order);
        if old | mask != old {
            emit(Event::Changed { word: self.word, old, new: old | mask, by_addition: false });
        }
        old
    }
}

impl Drop for AtomicUsize {
    fn drop(&mut self) {
        emit(Event::Dropped { word: self.word });
    }
}

/// The link of a node that other threads load without the queue lock.
#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(Tracked<atomic::AtomicPtr<T>>);

impl<T> AtomicPtr<T> {
    pub(crate) fn new(value: *mut T) -> Self {
        Self(Tracked::new(atomic::AtomicPtr::new(value)))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.0.to_load().load(order)
    }

    #[track_caller]
    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.0.atomic.store(value, order);
        emit(Event::LinkWritten { link: address(self), value: value.addr() });
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.0.atomic.compare_exchange(current, new, success, failure)
    }
}

fn address<T>(object: &T) -> usize {
    core::ptr::from_ref(object).addr()
}

/// A pointer that only the holder of the queue lock writes. Accesses of lock holders are accesses to a cell, so that loom
/// finds one without the lock. Only while a thread peeks are they also accesses to an atomic: each of them would give loom
/// more orders to try. The value itself is in an atomic that loom does not know, so a peek never sees a stale one.
#[derive(Debug)]
pub(crate) struct SharedPtr<T> {
    pointer: core::sync::atomic::AtomicPtr<T>,
    locked: UnsafeCell<()>,
    peeked: atomic::AtomicUsize,
    /// Read by each peek, and written before the memory is freed.
    freed: UnsafeCell<()>,
}

impl<T> SharedPtr<T> {
    pub(crate) fn new(pointer: *mut T) -> Self {
        Self {
            pointer: core::sync::atomic::AtomicPtr::new(pointer),
            locked: UnsafeCell::new(()),
            peeked: atomic::AtomicUsize::new(0),
            freed: UnsafeCell::new(()),
        }
    }

    pub(crate) fn get(&self) -> *mut T {
        self.locked.with(|_| ());
        emit(Event::LinkRead { link: address(self) });
        self.pointer.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, pointer: *mut T) {
        self.locked.with_mut(|_| ());
        if PEEKING.get() > 0 {
            self.peeked.fetch_add(1, Ordering::Release);
        }
        self.pointer.store(pointer, Ordering::Relaxed);
        emit(Event::LinkWritten { link: address(self), value: pointer.addr() });
    }

    /// An access that no peek may be concurrent with.
    pub(crate) fn check_unshared(&self) {
        self.freed.with_mut(|_| ());
        emit(Event::Freed { link: address(self) });
    }

    pub(crate) fn peek(&self) -> *mut T {
        self.peeked.fetch_add(1, Ordering::Acquire);
        self.freed.with(|_| ());
        emit(Event::LinkPeeked { link: address(self) });
        self.pointer.load(Ordering::Relaxed)
    }
}

std::thread_local! {
    /// The number of threads that peek. Loom runs all threads of a model on one real thread.
    static PEEKING: Cell<usize> = const { Cell::new(0) };
}

/// Runs a closure that calls [`SharedPtr::peek`].
pub(crate) fn peeking<R>(read: impl FnOnce() -> R) -> R {
    PEEKING.set(PEEKING.get() + 1);
    let result = read();
    PEEKING.set(PEEKING.get() - 1);
    result
}

/// Threads that wait sleep in a list: loom would try every number of rounds of a loop that spins.
#[derive(Debug)]
pub(crate) struct Backoff(Mutex<Vec<loom::thread::Thread>>);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Sleeps until the next [`notify`](Self::notify) if `is_blocked`, which must not see a stale value. (A load may
    /// return one, a read-modify-write never does.)
    pub(crate) fn wait(&self, _round: u32, is_blocked: impl FnOnce() -> bool) {
        emit(Event::Waiting);
        if is_blocked() {
            self.0.lock().unwrap().push(loom::thread::current());
            loom::thread::park();
        }
    }

    pub(crate) fn notify(&self) {
        let sleepers = core::mem::take(&mut *self.0.lock().unwrap());
        sleepers.iter().for_each(loom::thread::Thread::unpark);
    }
}

/// Threads, for the blocking methods.
#[cfg(feature = "std")]
pub(crate) mod thread {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use loom::thread_local;

    /// A thread and its token. Loom's own `unpark` wakes a thread whatever it waits for, even a `join`. So the token is
    /// kept here, and only a parked thread is woken.
    #[derive(Clone)]
    pub(crate) struct Thread(Arc<Parker>);

    struct Parker {
        thread: loom::thread::Thread,
        token: AtomicBool,
        /// Not loom's: it orders nothing.
        is_parked: core::sync::atomic::AtomicBool,
    }

    thread_local! {
        static CURRENT: Thread = Thread(Arc::new(Parker {
            thread: loom::thread::current(),
            token: AtomicBool::new(false),
            is_parked: false.into(),
        }));
    }

    impl Thread {
        pub(crate) fn unpark(&self) {
            super::emit(super::Event::Unparked);
            // Not a store: loom would let the swap in `park` miss it.
            self.0.token.swap(true, Ordering::Relaxed);
            if self.0.is_parked.swap(false, Ordering::Relaxed) {
                self.0.thread.unpark();
            }
        }
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    /// Parks until there is a token, and takes it. std's token also orders memory; this one does not, so that the
    /// models only see what `blocking.rs` itself orders.
    pub(crate) fn park() {
        let Thread(parker) = current();
        while !parker.token.swap(false, Ordering::Relaxed) {
            parker.is_parked.store(true, Ordering::Relaxed);
            loom::thread::park();
        }
    }

    /// Loom has no clock: times out immediately.
    pub(crate) fn park_timeout(_left: core::time::Duration) {
        loom::thread::yield_now();
    }

    /// Loom would try every number of rounds: does not wait.
    pub(crate) fn wait_briefly(_yields: u32, _is_done: impl FnMut() -> bool) {}
}
