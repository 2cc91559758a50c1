//! The state that the workers of a round share, and the checks on it.

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use fairgate::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::counts::Counts;

/// Permits that are held until the workers have ended, so that the final count covers held permits, too.
const RESERVED: usize = 2;

/// The parameters of a round.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// The largest request.
    pub max_request: usize,
    /// The number of permits that the workers share at the start.
    pub limit: usize,
    /// The largest limit that a worker may set. If it equals `limit`, the workers never hold more than `limit`.
    pub max_limit: usize,
    pub threads: usize,
    /// On each of the two executors.
    pub tasks: usize,
    /// The round ends after this many operations, or at `until`.
    pub operations: u64,
    pub until: Option<Instant>,
}

impl Plan {
    /// Whether the limit never changes.
    pub fn is_fixed(&self) -> bool {
        self.max_limit == self.limit
    }
}

pub struct Shared {
    pub plan: Plan,
    pub semaphore: Arc<Semaphore>,
    pub mutex: Arc<Mutex<u64>>,
    held: AtomicUsize,
    operations: AtomicU64,
}

impl Shared {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            semaphore: Arc::new(Semaphore::new(plan.limit + RESERVED)),
            mutex: Arc::new(Mutex::new(0)),
            held: AtomicUsize::new(0),
            operations: AtomicU64::new(0),
        }
    }

    /// Acquires the reserved permits, before the workers start.
    pub fn reserve(&self) -> OwnedSemaphorePermit {
        self.semaphore.clone().try_acquire_many_owned(RESERVED).expect("no worker has started")
    }

    /// To be called right after an acquire. The semaphore orders it after [`releasing`](Self::releasing) by the
    /// last holder, so even a relaxed count never exceeds the limit.
    pub fn acquired(&self, n: usize) {
        let held = self.held.fetch_add(n, Ordering::Relaxed) + n;
        let limit = self.plan.max_limit;
        assert!(held <= limit, "{held} permits are held, but the limit is {limit}");
    }

    /// To be called right before a release.
    pub fn releasing(&self, n: usize) {
        self.held.fetch_sub(n, Ordering::Relaxed);
    }

    /// Sets the number of permits that the workers share.
    pub fn set_limit(&self, to: usize) {
        self.semaphore.set_limit(to + RESERVED);
    }

    /// Checks that the observable counts are possible ones.
    pub fn observe(&self) {
        let (available, limit) = (self.semaphore.available_permits(), self.plan.max_limit);
        assert!(available <= limit, "{available} permits are available, but the limit is {limit}");
        let owed = self.semaphore.owed();
        assert!(owed <= limit, "{owed} permits are owed, but the limit was never higher than {limit}");
        let exist = self.semaphore.limit();
        assert!(
            exist <= limit + RESERVED,
            "{exist} permits exist, but the limit was never higher than {limit}"
        );
        let text = format!("{:?}", self.semaphore);
        assert!(text.starts_with("Semaphore"), "{text}");
        let waiters = self.semaphore.waiters();
        let workers = self.plan.threads + 2 * self.plan.tasks;
        assert!(waiters <= workers, "{waiters} waiters are queued, but there are {workers} workers");
    }

    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Adds to the number of operations. The worker that reaches the planned number closes the semaphore.
    pub fn report(&self, operations: u64) {
        let done = self.operations.fetch_add(operations, Ordering::Relaxed) + operations;
        let late = || self.plan.until.is_some_and(|end| Instant::now() >= end);
        if done >= self.plan.operations || late() {
            self.semaphore.close();
        }
    }

    /// Checks, after the workers have ended, that every permit is where the counts say.
    pub fn check(&self, counts: &Counts, reserved: OwnedSemaphorePermit) -> Permits {
        assert_eq!(counts.outcomes(), counts.requests, "each request has one outcome");
        let increments = *self.mutex.try_lock().expect("no worker holds the mutex");
        assert_eq!(increments, counts.locked, "each holder of the mutex incremented its value once");
        assert_eq!(self.held.load(Ordering::Relaxed), 0, "all workers have released their permits");
        assert_eq!(self.semaphore.waiters(), 0, "no waiter is queued");
        assert_eq!(self.semaphore.owed(), 0, "no permit is held that could be owed");
        if self.plan.is_fixed() {
            let limit = self.plan.limit + RESERVED;
            assert_eq!(self.semaphore.limit(), limit, "forgotten permits were replaced");
        }
        let count = |held| {
            let (limit, available) =
                (self.semaphore.limit() as u64, self.semaphore.available_permits() as u64);
            assert_eq!(self.semaphore.held() as u64, held);
            assert_eq!(available + held, limit, "{:?}", self.semaphore);
            Permits { limit, available }
        };
        count(reserved.num_permits() as u64);
        drop(reserved);
        count(0)
    }
}

/// The permits after a round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Permits {
    pub limit: u64,
    pub available: u64,
}

impl AddAssign for Permits {
    fn add_assign(&mut self, other: Self) {
        self.limit += other.limit;
        self.available += other.available;
    }
}
