#![forbid(unsafe_code)]
//! The facade: atomics and cells, from `core`, from the crate portable-atomic or from loom, and how a thread
//! waits for the line's lock. No other file knows that loom exists.

pub(crate) use imp::{AtomicPtr, AtomicUsize, Gate, UnsafeCell};

#[cfg(feature = "std")]
pub(crate) use imp::AtomicBool;

pub(crate) use core::sync::atomic::Ordering;

/// Whether this is loom's build, for what is smaller there, or done for loom's eyes alone.
pub(crate) const WATCHED: bool = cfg!(fairgate_loom);

/// Threads, for the blocking forms.
#[cfg(all(feature = "std", not(fairgate_loom)))]
pub(crate) mod thread {
    pub(crate) use std::thread::{Thread, current, park, park_timeout};
    pub(crate) use std::thread_local;
}

#[cfg(all(feature = "std", fairgate_loom))]
pub(crate) mod thread {
    use std::sync::Arc;

    use loom::sync::atomic::{AtomicBool, Ordering};
    pub(crate) use loom::thread_local;

    /// Loom's `unpark` wakes a thread whatever it waits for, be it the end of another. So the token is kept
    /// here, and only a thread that is asleep is woken.
    #[derive(Clone)]
    pub(crate) struct Thread(Arc<Sleeper>);

    struct Sleeper {
        thread: loom::thread::Thread,
        token: AtomicBool,
        /// Loom does not see this one, and it orders nothing.
        asleep: core::sync::atomic::AtomicBool,
    }

    thread_local! {
        static ME: Thread = Thread(Arc::new(Sleeper {
            thread: loom::thread::current(),
            token: AtomicBool::new(false),
            asleep: false.into(),
        }));
    }

    impl Thread {
        pub(crate) fn unpark(&self) {
            // Not a store: loom would let a swap miss it.
            self.0.token.swap(true, Ordering::Relaxed);
            if self.0.asleep.swap(false, Ordering::Relaxed) {
                self.0.thread.unpark();
            }
        }
    }

    pub(crate) fn current() -> Thread {
        ME.with(Thread::clone)
    }

    /// Sleeps until there is a token, and takes it. A real one also orders memory; here a thread that found the token
    /// without a sleep has nothing but what `blocking.rs` does itself.
    pub(crate) fn park() {
        let Thread(me) = current();
        while !me.token.swap(false, Ordering::Relaxed) {
            me.asleep.store(true, Ordering::Relaxed);
            loom::thread::park();
        }
    }

    /// Loom knows no time: it is up at once.
    pub(crate) fn park_timeout(_left: core::time::Duration) {
        loom::thread::yield_now();
    }
}

/// Declares a `const fn`; under loom, whose constructors are not `const`, a plain `fn`.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(fairgate_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(fairgate_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// Runs what may panic while a panic is already on its way: a second one would abort the program. Only
/// `std` can hold it back.
pub(crate) fn contain(run: impl FnOnce()) {
    #[cfg(feature = "std")]
    {
        use core::panic::AssertUnwindSafe;
        use std::panic::catch_unwind;

        // What a panic carries is foreign code, too, and may panic as it is dropped; there it ends.
        if let Err(second) = catch_unwind(AssertUnwindSafe(run)) {
            if let Err(third) = catch_unwind(AssertUnwindSafe(|| drop(second))) {
                core::mem::forget(third);
            }
        }
    }
    #[cfg(not(feature = "std"))]
    run();
}

#[cfg(not(fairgate_loom))]
mod imp {
    #[cfg(feature = "std")]
    pub(crate) use core::sync::atomic::AtomicBool;
    #[cfg(not(feature = "portable-atomic"))]
    pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize};
    #[cfg(feature = "portable-atomic")]
    pub(crate) use portable_atomic::{AtomicPtr, AtomicUsize};

    /// `core`'s cell with loom's way in, so that loom can watch each access.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }

    /// Where threads wait for the line's lock. The lock is held for a few steps and never across
    /// foreign code, so there is nothing to register: look, pause a little longer, look again.
    #[derive(Debug)]
    pub(crate) struct Gate;

    impl Gate {
        pub(crate) const fn new() -> Self {
            Self
        }

        /// Pauses for the `round`th time (from 0) because the lock was seen held.
        #[cold]
        pub(crate) fn wait(&self, _word: &AtomicUsize, _held: usize, round: u32) {
            match round {
                0..SPINS => (0..1 << round).for_each(|_| core::hint::spin_loop()),
                _ => rest(round - SPINS),
            }
        }

        #[inline]
        pub(crate) fn open(&self) {}
    }

    const SPINS: u32 = 6;

    /// The holder has perhaps been descheduled: give it the core, then the time.
    #[cfg(feature = "std")]
    fn rest(round: u32) {
        match round {
            0..10 => std::thread::yield_now(),
            _ => std::thread::sleep(core::time::Duration::from_micros(20 << (round - 10).min(5))),
        }
    }

    #[cfg(not(feature = "std"))]
    fn rest(_round: u32) {
        (0..1 << SPINS).for_each(|_| core::hint::spin_loop());
    }
}

#[cfg(fairgate_loom)]
mod imp {
    use super::Ordering;
    pub(crate) use loom::cell::UnsafeCell;
    use loom::sync::atomic;
    #[cfg(feature = "std")]
    pub(crate) use loom::sync::atomic::AtomicBool;

    pub(crate) type AtomicUsize = Watched<atomic::AtomicUsize>;
    pub(crate) type AtomicPtr<T> = Watched<atomic::AtomicPtr<T>>;

    /// An atomic whose loads loom takes into account. By itself it remembers the last access alone, so a
    /// thread's load followed by its store hides that the store races with another thread's load. A relaxed
    /// step on a counter beside it, before each load, orders nothing and lays the race bare.
    #[derive(Debug)]
    pub(crate) struct Watched<A> {
        atomic: A,
        loads: atomic::AtomicUsize,
    }

    impl AtomicUsize {
        pub(crate) fn new(value: usize) -> Self {
            Self { atomic: atomic::AtomicUsize::new(value), loads: atomic::AtomicUsize::new(0) }
        }

        pub(crate) fn load(&self, order: Ordering) -> usize {
            self.loads.fetch_add(1, Ordering::Relaxed);
            self.atomic.load(order)
        }
    }

    impl<T> AtomicPtr<T> {
        pub(crate) fn new(value: *mut T) -> Self {
            Self { atomic: atomic::AtomicPtr::new(value), loads: atomic::AtomicUsize::new(0) }
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.loads.fetch_add(1, Ordering::Relaxed);
            self.atomic.load(order)
        }
    }

    impl<A> core::ops::Deref for Watched<A> {
        type Target = A;

        fn deref(&self) -> &A {
            &self.atomic
        }
    }

    /// Spinning would make loom explore every number of rounds: its threads sleep at the gate.
    #[derive(Debug)]
    pub(crate) struct Gate(std::sync::Mutex<std::vec::Vec<loom::thread::Thread>>);

    impl Gate {
        pub(crate) fn new() -> Self {
            Self(std::sync::Mutex::new(std::vec::Vec::new()))
        }

        /// Sleeps until the gate opens, if the lock (bit `held`) is really held: a plain load may
        /// return a stale word, a read-modify-write never does.
        pub(crate) fn wait(&self, word: &AtomicUsize, held: usize, _round: u32) {
            if word.fetch_or(0, Ordering::Relaxed) & held != 0 {
                self.0.lock().unwrap().push(loom::thread::current());
                loom::thread::park();
            }
        }

        pub(crate) fn open(&self) {
            let sleepers = core::mem::take(&mut *self.0.lock().unwrap());
            sleepers.iter().for_each(loom::thread::Thread::unpark);
        }
    }
}

#[cfg(all(test, feature = "std", target_os = "linux", not(fairgate_loom)))]
mod tests {
    use super::{AtomicUsize, Gate};

    /// How often this thread has let go of its core of its own accord.
    fn sleeps() -> usize {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mut lines = status.lines();
        lines
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// A thread of high priority that only ever spun would keep the lock's holder from its core for ever.
    #[test]
    fn whoever_waits_long_for_the_lock_sleeps() {
        let (gate, word, before) = (Gate::new(), AtomicUsize::new(0), sleeps());
        (0..40).for_each(|round| gate.wait(&word, 0, round));
        assert!(sleeps() - before >= 20);
    }
}
