#![forbid(unsafe_code)]
//! Running a future on the current thread. Threads wait in the same queue as tasks.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::sync::thread::{self, Instant, Thread};
use crate::sync::{AtomicBool, Ordering};

/// Number of `yield_now` calls before a blocked thread parks. Measured with more threads than cores: without them, each release
/// has to wake a parked thread.
const YIELDS: u32 = 16;

/// Polls the future on the current thread, and parks the thread in between. Only the front of the queue spins before that:
/// others would occupy the core that the holder of the permit needs.
pub(crate) fn block_on<F: Future>(future: F, is_front: impl Fn(&F) -> bool) -> F::Output {
    match block_until(future, is_front, None) {
        Some(output) => output,
        None => unreachable!("there is no deadline"),
    }
}

/// `block_on` with a timeout: returns `None` if the future has not completed after `limit`.
pub(crate) fn block_on_timeout<F: Future>(
    future: F,
    is_front: impl Fn(&F) -> bool,
    limit: Duration,
) -> Option<F::Output> {
    // If the deadline is too late for an `Instant`, there is no deadline.
    block_until(future, is_front, Instant::now().checked_add(limit))
}

fn block_until<F: Future>(
    future: F,
    is_front: impl Fn(&F) -> bool,
    deadline: Option<Instant>,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let signal = Signal::of_current_thread();
    let waker = Waker::from(Arc::clone(&signal));
    let mut cx = Context::from_waker(&waker);
    let mut token = ParkToken { thread: &signal.thread, is_consumed: false };
    let output = loop {
        // The clock is read before the future is polled, so that the future is polled once more after the deadline.
        let is_expired = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            break Some(output);
        }
        if is_expired {
            break None;
        }
        token.is_consumed |= signal.wait_until(|| is_front(&future), deadline);
    };
    drop(token);
    signal.keep_for_next_call();
    output
}

/// The park token of the current thread. Parking may have consumed one that was meant for other code on this thread, such as
/// an outer `block_on`. Dropping this makes a new one, even if the future panics. An additional token only causes a spurious
/// wake-up.
struct ParkToken<'a> {
    thread: &'a Thread,
    is_consumed: bool,
}

impl Drop for ParkToken<'_> {
    fn drop(&mut self) {
        if self.is_consumed {
            self.thread.unpark();
        }
    }
}

/// The waker of a blocked thread: the thread, and whether it was woken. The thread's park token alone is not enough, because
/// the future may consume it while it is polled.
struct Signal {
    thread: Thread,
    is_woken: AtomicBool,
}

thread::thread_local! {
    /// One signal per thread, so that only the first call allocates. While it is in use the cell is empty, and a nested call
    /// makes its own.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro has no const form")]
    static UNUSED: Cell<Option<Arc<Signal>>> = Cell::new(None);
}

impl Signal {
    fn of_current_thread() -> Arc<Self> {
        // While a thread exits, the thread local may be gone.
        let unused = UNUSED.try_with(Cell::take).unwrap_or(None);
        unused.unwrap_or_else(|| {
            Arc::new(Self { thread: thread::current(), is_woken: AtomicBool::new(false) })
        })
    }

    fn keep_for_next_call(self: Arc<Self>) {
        let _exiting = UNUSED.try_with(|unused| unused.set(Some(self)));
    }

    /// Waits until the waker is called, or until the deadline. Returns whether the thread has parked.
    fn wait_until(&self, is_front: impl Fn() -> bool, deadline: Option<Instant>) -> bool {
        // A permit is often released within a microsecond. Spinning does not change the order of the requests: this one is
        // queued, and the thread that releases the permit grants it.
        // ORDERING: Relaxed: `take_wake` follows.
        thread::wait_briefly(YIELDS, is_front, || self.is_woken.load(Ordering::Relaxed));
        let mut has_parked = false;
        while !self.take_wake() {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => break,
                Some(left) => thread::park_timeout(left),
            }
            has_parked = true;
        }
        has_parked
    }

    /// Whether the waker was called since the last call of this function.
    fn take_wake(&self) -> bool {
        // ORDERING: Acquire, with the Release in `wake_by_ref`: the next poll sees the outcome that was stored before the
        // wake-up that is consumed here.
        self.is_woken.swap(false, Ordering::Acquire)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release, with the Acquire in `take_wake`.
        if !self.is_woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}
