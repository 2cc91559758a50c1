//! Atomics, cells and threads from loom.

use std::sync::Mutex;
use std::vec::Vec;

use super::Ordering;
pub(crate) use loom::cell::UnsafeCell;
#[cfg(fairgate_loom)]
use loom::sync::atomic;
#[cfg(feature = "std")]
pub(crate) use loom::sync::atomic::AtomicBool;
#[cfg(not(fairgate_loom))]
pub(crate) use loom::sync::atomic::{AtomicIsize, AtomicPtr, AtomicUsize};

#[cfg(fairgate_steps)]
use super::steps::{Event, emit};

/// An atomic whose loads count as accesses, for our own models. Loom itself remembers only the last access to an atomic, so a
/// thread's load that is followed by its own store hides a race between the store and another thread's load. A Relaxed
/// increment of a second atomic before each load makes loom try both orders.
#[cfg(fairgate_loom)]
macro_rules! tracked {
    ($name:ident $(<$T:ident>)?, $value:ty) => {
        #[derive(Debug)]
        pub(crate) struct $name $(<$T>)? {
            atomic: atomic::$name $(<$T>)?,
            loads: atomic::AtomicUsize,
        }

        impl $(<$T>)? $name $(<$T>)? {
            pub(crate) fn new(value: $value) -> Self {
                Self { atomic: atomic::$name::new(value), loads: atomic::AtomicUsize::new(0) }
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.loads.fetch_add(1, Ordering::Relaxed);
                self.atomic.load(order)
            }
        }

        impl $(<$T>)? core::ops::Deref for $name $(<$T>)? {
            type Target = atomic::$name $(<$T>)?;

            fn deref(&self) -> &Self::Target {
                &self.atomic
            }
        }
    };
}
#[cfg(fairgate_loom)]
tracked!(AtomicUsize, usize);
#[cfg(fairgate_loom)]
tracked!(AtomicIsize, isize);
#[cfg(fairgate_loom)]
tracked!(AtomicPtr<T>, *mut T);

/// A pointer that only the holder of the queue lock, or of a claim, accesses: an access to a cell, so that loom finds one
/// without the lock. The value itself is in an atomic that loom does not know.
#[derive(Debug)]
pub(crate) struct LockedPtr<T> {
    pointer: core::sync::atomic::AtomicPtr<T>,
    access: UnsafeCell<()>,
}

impl<T> LockedPtr<T> {
    pub(crate) fn new(pointer: *mut T) -> Self {
        Self { pointer: core::sync::atomic::AtomicPtr::new(pointer), access: UnsafeCell::new(()) }
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.access.with(|_| ());
        self.pointer.load(order)
    }

    #[track_caller]
    pub(crate) fn store(&self, pointer: *mut T, order: Ordering) {
        self.access.with_mut(|_| ());
        self.pointer.store(pointer, order);
    }
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
        #[cfg(fairgate_steps)]
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
    use core::time::Duration;
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
            #[cfg(fairgate_steps)]
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

    /// Loom has no clock, and a model must not depend on one: all moments are the same, so each deadline has passed.
    #[derive(Clone, Copy, PartialEq, PartialOrd)]
    pub(crate) struct Instant;

    impl Instant {
        pub(crate) fn now() -> Self {
            Self
        }

        pub(crate) fn checked_add(self, _limit: Duration) -> Option<Self> {
            Some(self)
        }

        pub(crate) fn saturating_duration_since(self, _earlier: Self) -> Duration {
            Duration::ZERO
        }
    }

    /// Never called, because each deadline has passed.
    pub(crate) fn park_timeout(_left: Duration) {
        loom::thread::yield_now();
    }

    /// Loom would try every number of rounds: does not wait.
    pub(crate) fn wait_briefly(_yields: u32, _may_spin: impl Fn() -> bool, _is_done: impl Fn() -> bool) {}
}
