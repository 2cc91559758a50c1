//! What all workers of a round share, and what must be true of it.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Instant;

use fairgate::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::tally::Tally;

/// Permits that nobody gives back before all is over: what is held at rest must be told from what is free.
const KEPT: usize = 2;

/// What sets one round apart from another.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// The greatest request.
    pub greatest: usize,
    /// The permits that the workers have at the start.
    pub limit: usize,
    /// The limits it may be moved to. As long as there is but one, the workers hold at most so many.
    pub highest: usize,
    pub threads: usize,
    /// On each of the two executors.
    pub tasks: usize,
    /// The round ends after so many operations, or at this moment.
    pub operations: u64,
    pub until: Option<Instant>,
}

impl Plan {
    /// Whether the limit stays what it is.
    pub fn is_steady(&self) -> bool {
        self.highest == self.limit
    }
}

pub struct World {
    pub plan: Plan,
    pub semaphore: Arc<Semaphore>,
    pub mutex: Arc<Mutex<u64>>,
    limit: StdMutex<usize>,
    held: AtomicUsize,
    done: AtomicU64,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            semaphore: Arc::new(Semaphore::new(plan.limit + KEPT)),
            mutex: Arc::new(Mutex::new(0)),
            limit: StdMutex::new(plan.limit),
            held: AtomicUsize::new(0),
            done: AtomicU64::new(0),
        }
    }

    /// Takes what is kept until all is over.
    pub fn keep(&self) -> OwnedSemaphorePermit {
        self.semaphore.clone().try_acquire_many_owned(KEPT).expect("nobody else is there")
    }

    /// To be called as soon as the permits are there. What their last holder did comes before (the semaphore
    /// promises it), so even a relaxed count is never above the limit.
    pub fn took(&self, n: usize) {
        let held = self.held.fetch_add(n, Ordering::Relaxed) + n;
        assert!(held <= self.plan.highest, "{held} permits are held, of {}", self.plan.highest);
    }

    /// To be called before the permits are given back.
    pub fn gives(&self, n: usize) {
        self.held.fetch_sub(n, Ordering::Relaxed);
    }

    /// Moves the limit. Returns how many permits were added, and how many taken away.
    pub fn resize(&self, to: usize) -> (u64, u64) {
        let mut limit = self.limit.lock().expect("nothing panics here");
        self.semaphore.resize(*limit, to);
        let moved = (to.saturating_sub(*limit) as u64, limit.saturating_sub(to) as u64);
        *limit = to;
        moved
    }

    /// What everybody can see is never more than there may be.
    pub fn look(&self) {
        let free = self.semaphore.available_permits();
        assert!(free <= self.plan.highest, "{free} permits lie free, of {}", self.plan.highest);
        let waiting = self.semaphore.waiters();
        let workers = self.plan.threads + 2 * self.plan.tasks;
        assert!(waiting <= workers, "{waiting} of {workers} workers stand in line");
    }

    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Says that so much more was done. Whoever does the last of it closes the semaphore.
    pub fn advance(&self, operations: u64) {
        let done = self.done.fetch_add(operations, Ordering::Relaxed) + operations;
        let late = || self.plan.until.is_some_and(|end| Instant::now() >= end);
        if done >= self.plan.operations || late() {
            self.semaphore.close();
        }
    }

    /// The round is over: every permit must be where the counts say.
    pub fn settle(&self, tally: &Tally, kept: OwnedSemaphorePermit) -> Account {
        assert_eq!(tally.ends(), tally.attempts, "each request has one end");
        assert_eq!(
            *self.mutex.try_lock().expect("nobody holds it"),
            tally.locked,
            "what the mutex counted"
        );
        assert_eq!(self.held.load(Ordering::Relaxed), 0, "the workers have given back what they held");
        assert_eq!(self.semaphore.waiters(), 0, "nobody stands in line");
        let created = (self.plan.limit + KEPT) as u64 + tally.added;
        let account = |held| {
            let free = self.semaphore.available_permits() as u64;
            let account = Account { created, free, held, forgotten: tally.forgotten };
            assert_eq!(account.free + account.held + account.forgotten, account.created, "{account:?}");
            account
        };
        account(kept.num_permits() as u64);
        drop(kept);
        account(0)
    }
}

/// Where all permits are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    pub created: u64,
    pub free: u64,
    pub held: u64,
    pub forgotten: u64,
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.free += other.free;
        self.held += other.held;
        self.forgotten += other.forgotten;
    }
}
