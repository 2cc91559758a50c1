//! Atomics, cells and threads from loom.

use core::cell::Cell;
use std::sync::Mutex;
use std::vec::Vec;

use super::Ordering;
pub(crate) use loom::cell::UnsafeCell;
use loom::sync::atomic;
#[cfg(feature = "std")]
pub(crate) use loom::sync::atomic::AtomicBool;

pub(crate) type AtomicUsize = Tracked<atomic::AtomicUsize>;
pub(crate) type AtomicPtr<T> = Tracked<atomic::AtomicPtr<T>>;

/// An atomic whose loads count as accesses. Loom itself remembers only the last access to an atomic, so a thread's
/// load that is followed by its own store hides a race between the store and another thread's load. A Relaxed
/// increment of a second atomic before each load makes loom try both orders.
#[derive(Debug)]
pub(crate) struct Tracked<A> {
    atomic: A,
    loads: atomic::AtomicUsize,
}

impl<A> Tracked<A> {
    fn count_load(&self) {
        self.loads.fetch_add(1, Ordering::Relaxed);
    }
}

impl AtomicUsize {
    pub(crate) fn new(value: usize) -> Self {
        Self { atomic: atomic::AtomicUsize::new(value), loads: atomic::AtomicUsize::new(0) }
    }

    pub(crate) fn load(&self, order: Ordering) -> usize {
        self.count_load();
        self.atomic.load(order)
    }
}

impl<T> AtomicPtr<T> {
    pub(crate) fn new(value: *mut T) -> Self {
        Self { atomic: atomic::AtomicPtr::new(value), loads: atomic::AtomicUsize::new(0) }
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.count_load();
        self.atomic.load(order)
    }
}

impl<A> core::ops::Deref for Tracked<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.atomic
    }
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
        self.pointer.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, pointer: *mut T) {
        self.locked.with_mut(|_| ());
        if PEEKING.get() > 0 {
            self.peeked.fetch_add(1, Ordering::Release);
        }
        self.pointer.store(pointer, Ordering::Relaxed);
    }

    /// An access that no peek may be concurrent with.
    pub(crate) fn check_unshared(&self) {
        self.freed.with_mut(|_| ());
    }

    pub(crate) fn peek(&self) -> *mut T {
        self.peeked.fetch_add(1, Ordering::Acquire);
        self.freed.with(|_| ());
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
