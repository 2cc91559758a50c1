//! One scenario for every executor. [`TASKS`] equal tasks run [`task`] concurrently; when all have completed,
//! [`Shared::check`] asserts what the semaphore and the mutex promise.
//!
//! A task reaches the [`Shared`] state through a pointer that suits its executor: an `Arc` if tasks move between
//! threads, an `Rc` if they do not (which makes them `!Send`), or a `&'static` where there is no heap.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use fairgate::{Mutex, Semaphore, TimeoutExt};
use futures_lite::future::{or, yield_now};

/// The number of tasks that an executor runs.
pub const TASKS: usize = 12;

const LIMIT: usize = 3;

/// The state that all tasks share, and what they observed.
#[derive(Debug)]
pub struct Shared {
    limited: Semaphore,
    holders: AtomicUsize,
    max_holders: AtomicUsize,
    queue: Semaphore,
    enqueued: StdMutex<Vec<usize>>,
    granted: StdMutex<Vec<usize>>,
    empty: Semaphore,
    timed_out: AtomicUsize,
    contended: Semaphore,
    count: Mutex<usize>,
    done: Semaphore,
}

impl Shared {
    /// The state for [`TASKS`] tasks.
    pub const fn new() -> Self {
        Self {
            limited: Semaphore::new(LIMIT),
            holders: AtomicUsize::new(0),
            max_holders: AtomicUsize::new(0),
            queue: Semaphore::new(0),
            enqueued: StdMutex::new(Vec::new()),
            granted: StdMutex::new(Vec::new()),
            empty: Semaphore::new(0),
            timed_out: AtomicUsize::new(0),
            contended: Semaphore::new(1),
            count: Mutex::new(0),
            done: Semaphore::new(0),
        }
    }

    /// Waits until all tasks have completed, for executors that offer no other way.
    pub async fn wait_until_done(&self) {
        self.done.acquire_many(TASKS).await.unwrap().forget();
    }

    /// Panics if a promise was broken. To be called when all tasks have completed.
    pub fn check(&self) {
        let max = self.max_holders.load(Ordering::Relaxed);
        assert!((1..=LIMIT).contains(&max), "at most {LIMIT} tasks hold a permit, but {max} did");
        assert_eq!(self.limited.available_permits(), LIMIT, "every permit is released");

        let (enqueued, granted) = (self.enqueued.lock().unwrap(), self.granted.lock().unwrap());
        assert_eq!(enqueued.len(), TASKS, "every task was queued");
        assert_eq!(*enqueued, *granted, "permits are granted in the order of the queue");

        assert_eq!(self.timed_out.load(Ordering::Relaxed), TASKS, "every acquire timed out");
        assert_eq!((self.empty.waiters(), self.empty.available_permits()), (0, 0), "no waiter is left");

        assert_eq!(self.contended.waiters(), 0, "cancelled waiters have left the queue");
        assert_eq!(self.contended.available_permits(), 1, "and no permit is lost with them");

        assert_eq!(*self.count.try_lock().expect("unlocked"), 2 * TASKS, "no increment is lost");
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

/// What each task does. `deadline` is a timer of the executor, or any other.
pub async fn task(shared: impl Deref<Target = Shared>, id: usize, deadline: impl Future) {
    hold_a_permit(&shared).await;
    queue_in_order(&shared, id).await;
    time_out(&shared, deadline).await;
    cancel(&shared, id).await;
    increment(&shared).await;
    shared.done.add_permits(1);
}

async fn hold_a_permit(shared: &Shared) {
    let _permit = shared.limited.acquire().await.unwrap();
    let holders = 1 + shared.holders.fetch_add(1, Ordering::Relaxed);
    shared.max_holders.fetch_max(holders, Ordering::Relaxed);
    for _ in 0..5 {
        yield_now().await;
    }
    shared.holders.fetch_sub(1, Ordering::Relaxed);
}

/// The last task to be queued adds the permit that then passes through all of them.
async fn queue_in_order(shared: &Shared, id: usize) {
    let mut acquire = pin!(shared.queue.acquire());
    poll_fn(|context| {
        // The lock makes the poll and the record one step.
        let mut enqueued = shared.enqueued.lock().unwrap();
        assert!(acquire.as_mut().poll(context).is_pending());
        enqueued.push(id);
        if enqueued.len() == TASKS {
            shared.queue.add_permits(1);
        }
        Poll::Ready(())
    })
    .await;
    let _permit = acquire.await.unwrap();
    shared.granted.lock().unwrap().push(id);
}

/// The expired adapter is still alive when the queue is checked: it must have cancelled its acquire.
async fn time_out(shared: &Shared, deadline: impl Future) {
    let mut attempt = pin!(shared.empty.acquire().with_timeout(deadline));
    assert!(attempt.as_mut().await.is_err());
    // After the last timeout no waiter is queued.
    if 1 + shared.timed_out.fetch_add(1, Ordering::AcqRel) == TASKS {
        assert_eq!(shared.empty.waiters(), 0);
    }
}

/// Each task cancels an acquire a few times, some of them just when the permit is granted.
async fn cancel(shared: &Shared, id: usize) {
    for attempt in 0..6 {
        let hold = async {
            let _permit = shared.contended.acquire().await.unwrap();
            yield_now().await;
        };
        let turns = async {
            for _ in 0..(id + attempt) % 4 {
                yield_now().await;
            }
        };
        or(hold, turns).await;
    }
}

async fn increment(shared: &Shared) {
    for _ in 0..2 {
        let mut count = shared.count.lock().await;
        let before = *count;
        yield_now().await;
        *count = before + 1;
    }
}
