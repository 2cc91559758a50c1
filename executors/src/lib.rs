//! One scenario, whatever runs it: a number of equal tasks go through all acts at once, and at the end the
//! scene tells whether the promises were kept.
//!
//! A task keeps its [`Scene`] through a pointer of its executor's choice: an `Arc` where tasks wander between
//! threads, an `Rc` where they stay, which makes them `!Send`, or a `&'static` where there is no heap.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use fairgate::{Mutex, Semaphore, TimeoutExt};
use futures_lite::future::{or, yield_now};

/// How many tasks an executor is asked to run.
pub const TASKS: usize = 12;

const LIMIT: usize = 3;

/// What the tasks share, and what they found.
#[derive(Debug)]
pub struct Scene {
    slots: Semaphore,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    line: Semaphore,
    arrived: StdMutex<Vec<usize>>,
    served: StdMutex<Vec<usize>>,
    shut: Semaphore,
    timed_out: AtomicUsize,
    contested: Semaphore,
    count: Mutex<usize>,
    done: Semaphore,
}

impl Scene {
    /// A scene for [`TASKS`] tasks.
    pub const fn new() -> Self {
        Self {
            slots: Semaphore::new(LIMIT),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
            line: Semaphore::new(0),
            arrived: StdMutex::new(Vec::new()),
            served: StdMutex::new(Vec::new()),
            shut: Semaphore::new(0),
            timed_out: AtomicUsize::new(0),
            contested: Semaphore::new(1),
            count: Mutex::new(0),
            done: Semaphore::new(0),
        }
    }

    /// Waits until all tasks are done, for executors that cannot say it themselves.
    pub async fn wait_until_done(&self) {
        self.done.acquire_many(TASKS).await.unwrap().forget();
    }

    /// Panics if a promise was broken. For when all tasks are done.
    pub fn check(&self) {
        let most = self.most_inside.load(Ordering::Relaxed);
        assert!((1..=LIMIT).contains(&most), "the limit holds: {most} were inside");
        assert_eq!(self.slots.available_permits(), LIMIT, "every slot is back");

        let (arrived, served) = (self.arrived.lock().unwrap(), self.served.lock().unwrap());
        assert_eq!(arrived.len(), TASKS, "everybody stood in line");
        assert_eq!(*arrived, *served, "and was served in the order of arrival");

        assert_eq!(self.timed_out.load(Ordering::Relaxed), TASKS, "every deadline was kept");
        assert_eq!((self.shut.waiters(), self.shut.available_permits()), (0, 0), "and left no trace");

        assert_eq!(self.contested.waiters(), 0, "who gave up is out of the line");
        assert_eq!(self.contested.available_permits(), 1, "and left the permit to the others");

        assert_eq!(*self.count.try_lock().expect("unlocked"), 2 * TASKS, "no count was lost");
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// What each task does. The `deadline` is the executor's own timer, or any other.
pub async fn task(scene: impl Deref<Target = Scene>, id: usize, deadline: impl Future) {
    stay_below_the_limit(&scene).await;
    keep_the_order(&scene, id).await;
    run_into_the_deadline(&scene, deadline).await;
    give_up_halfway(&scene, id).await;
    count(&scene).await;
    scene.done.add_permits(1);
}

async fn stay_below_the_limit(scene: &Scene) {
    let _slot = scene.slots.acquire().await.unwrap();
    let inside = 1 + scene.inside.fetch_add(1, Ordering::Relaxed);
    scene.most_inside.fetch_max(inside, Ordering::Relaxed);
    for _ in 0..5 {
        yield_now().await;
    }
    scene.inside.fetch_sub(1, Ordering::Relaxed);
}

/// The last to arrive opens the gate, and takes part himself.
async fn keep_the_order(scene: &Scene, id: usize) {
    let mut turn = pin!(scene.line.acquire());
    poll_fn(|context| {
        // Arriving and writing it down are one step.
        let mut arrived = scene.arrived.lock().unwrap();
        assert!(turn.as_mut().poll(context).is_pending());
        arrived.push(id);
        if arrived.len() == TASKS {
            scene.line.add_permits(1);
        }
        Poll::Ready(())
    })
    .await;
    let _turn = turn.await.unwrap();
    scene.served.lock().unwrap().push(id);
}

/// The adapter is kept: it must let go all the same.
async fn run_into_the_deadline(scene: &Scene, deadline: impl Future) {
    let mut attempt = pin!(scene.shut.acquire().with_timeout(deadline));
    assert!(attempt.as_mut().await.is_err());
    // The last one finds nobody else in line.
    if 1 + scene.timed_out.fetch_add(1, Ordering::AcqRel) == TASKS {
        assert_eq!(scene.shut.waiters(), 0);
    }
}

/// Everybody gives up a few times, some of them just as they are granted the permit.
async fn give_up_halfway(scene: &Scene, id: usize) {
    for patience in 0..6 {
        let get_and_hold = async {
            let _permit = scene.contested.acquire().await.unwrap();
            yield_now().await;
        };
        let lose_patience = async {
            for _ in 0..(id + patience) % 4 {
                yield_now().await;
            }
        };
        or(get_and_hold, lose_patience).await;
    }
}

async fn count(scene: &Scene) {
    for _ in 0..2 {
        let mut count = scene.count.lock().await;
        let before = *count;
        yield_now().await;
        *count = before + 1;
    }
}
