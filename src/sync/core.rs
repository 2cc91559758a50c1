//! Atomics and cells from `core` or portable-atomic, threads from `std`.

#[cfg(feature = "std")]
pub(crate) use core::sync::atomic::AtomicBool;
#[cfg(not(feature = "portable-atomic"))]
pub(crate) use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicUsize};
#[cfg(feature = "portable-atomic")]
pub(crate) use portable_atomic::{AtomicIsize, AtomicPtr, AtomicUsize};

/// A pointer that only the holder of the queue lock, or of a claim, accesses: loom checks that.
pub(crate) use AtomicPtr as LockedPtr;

/// Threads, for the blocking methods.
#[cfg(feature = "std")]
pub(crate) mod thread {
    pub(crate) use std::thread::{Thread, current, park, park_timeout};
    pub(crate) use std::thread_local;
    pub(crate) use std::time::Instant;

    /// Waits until `is_done` returns `true`, but no longer than parking a thread and waking it takes: spins while `may_spin`
    /// returns `true`, and yields up to `yields` times to threads that have no core.
    pub(crate) fn wait_briefly(yields: u32, may_spin: impl Fn() -> bool, is_done: impl Fn() -> bool) {
        let (mut spun, mut yielded) = (0, 0);
        while !is_done() {
            if spun < super::SPIN_ROUNDS && may_spin() {
                super::spin(spun);
                spun += 1;
            } else if yielded < yields {
                std::thread::yield_now();
                yielded += 1;
            } else {
                return;
            }
        }
    }
}

/// [`core::cell::UnsafeCell`] with loom's interface, which lets loom check each access.
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    #[inline(always)]
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// How a thread waits for another one that is a few steps away from what it waits for.
#[derive(Debug)]
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// Waits for the `round`th time, counted from 0. Loom asks `is_blocked` whether there is still a reason to.
    #[cold]
    pub(crate) fn wait(&self, round: u32, _is_blocked: impl FnOnce() -> bool) {
        // Modulo a power of two, because some processors cannot divide.
        match round % 8 {
            round @ 0..SPIN_ROUNDS => spin(round),
            _ => rest(),
        }
    }

    /// Wakes the threads that loom has put to sleep.
    #[inline(always)]
    pub(crate) fn notify(&self) {}
}

/// About a microsecond in all: the other thread needs less, unless it has been descheduled.
const SPIN_ROUNDS: u32 = 6;

/// Twice as long as in the round before.
fn spin(round: u32) {
    (0..1 << round).for_each(|_| core::hint::spin_loop());
}

/// Sleeps as briefly as the system allows. Yielding instead would not let a thread of lower priority run, and a thread that
/// spins or yields for long uses up its time slice and then waits for many others.
#[cfg(all(feature = "std", not(target_family = "wasm")))]
fn rest() {
    std::thread::sleep(core::time::Duration::from_micros(1));
}

/// Spins. (On the main thread of a browser, a sleep traps.)
#[cfg(not(all(feature = "std", not(target_family = "wasm"))))]
fn rest() {
    spin(SPIN_ROUNDS);
}

#[cfg(all(test, feature = "std", target_os = "linux"))]
mod tests {
    use super::Backoff;

    /// The number of times this thread has left its core voluntarily.
    fn voluntary_switches() -> usize {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mut lines = status.lines();
        lines
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// A thread of high priority that only spun or yielded would keep a lock holder of lower priority from running. A
    /// single sleep may be over before the thread leaves its core, so the test waits for the twentieth that it leaves.
    #[test]
    fn a_long_wait_sleeps() {
        let (backoff, before) = (Backoff::new(), voluntary_switches());
        for round in 0..7 * 1000 {
            backoff.wait(round, || true);
            if voluntary_switches() - before >= 20 {
                return;
            }
        }
        panic!("the thread slept less than 20 times");
    }
}
