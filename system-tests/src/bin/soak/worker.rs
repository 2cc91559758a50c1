//! A worker, which performs random operations. A task awaits its requests, and a thread blocks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fairgate::{
    AcquireError, BoundedAcquireError, Elapsed, Guard, Handle, Mutex, Permit, Semaphore, TimeoutExt,
    TryAcquireError,
};
use smol::future::{block_on, yield_now};

use crate::counts::Counts;
use crate::shared::Shared;
use crate::wait::{Outcome, Sleep, Wait, wait, yield_times};

/// A worker reports its operations in batches of this size.
const BATCH: u64 = 64;

pub struct Worker {
    rng: fastrand::Rng,
    counts: Counts,
    reported: u64,
}

pub async fn run_as_task(shared: Arc<Shared>, seed: u64, sleep: Sleep) -> Counts {
    let mut worker = Worker::new(seed);
    while worker.continues(&shared) {
        match worker.rng.u8(0..100) {
            0..60 => worker.request(&shared, sleep).await,
            60..80 => worker.lock(&shared, sleep).await,
            80..95 => worker.try_once(&shared).await,
            _ => worker.administer(&shared).await,
        }
    }
    worker.counts
}

pub fn run_as_thread(shared: &Shared, seed: u64) -> Counts {
    let mut worker = Worker::new(seed);
    while worker.continues(shared) {
        match worker.rng.u8(0..100) {
            0..60 => worker.blocking_request(shared),
            60..80 => worker.blocking_lock(shared),
            80..95 => block_on(worker.try_once(shared)),
            _ => block_on(worker.administer(shared)),
        }
    }
    worker.counts
}

/// Why a request was refused.
enum Refused {
    Closed,
    QueueFull,
}

impl From<AcquireError> for Refused {
    fn from(_: AcquireError) -> Self {
        Self::Closed
    }
}

impl From<BoundedAcquireError> for Refused {
    fn from(error: BoundedAcquireError) -> Self {
        match error {
            BoundedAcquireError::Closed => Self::Closed,
            BoundedAcquireError::QueueFull => Self::QueueFull,
        }
    }
}

impl Worker {
    fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), counts: Counts::default(), reported: 0 }
    }

    fn continues(&mut self, shared: &Shared) -> bool {
        let done = self.counts.operations() - self.reported;
        if done >= BATCH {
            shared.report(done);
            self.reported += done;
        }
        !shared.semaphore.is_closed()
    }

    /// How many permits to request. Small numbers are common.
    fn random_size(&mut self, shared: &Shared) -> usize {
        if self.rng.bool() { 1 } else { self.rng.usize(1..=shared.plan.max_request) }
    }

    async fn request(&mut self, shared: &Shared, sleep: Sleep) {
        let n = self.random_size(shared);
        let (max, bound) = (n + self.rng.usize(0..4), self.rng.usize(0..=shared.plan.tasks));
        let borrowed = || shared.semaphore.acquire_many(n);
        let owned = || shared.semaphore.clone().acquire_many_owned(n);
        match self.rng.u8(0..8) {
            0..2 => self.wait_and_hold(shared, borrowed(), sleep).await,
            2..4 => self.wait_and_hold(shared, owned(), sleep).await,
            4 => self.wait_and_hold(shared, borrowed().up_to(max), sleep).await,
            5 => self.wait_and_hold(shared, owned().up_to(max), sleep).await,
            6 => self.wait_and_hold(shared, borrowed().bounded(bound), sleep).await,
            _ => self.wait_and_hold(shared, owned().bounded(bound), sleep).await,
        }
    }

    async fn wait_and_hold<O, E>(
        &mut self,
        shared: &Shared,
        request: impl Future<Output = Result<Permit<O>, E>>,
        sleep: Sleep,
    ) where
        O: Handle<Target = Semaphore> + Clone,
        E: Into<Refused>,
    {
        if let Some(permit) = self.wait(request, sleep).await {
            self.hold(shared, permit).await;
        }
    }

    /// Awaits a request in a random way, and counts its outcome.
    async fn wait<T, E: Into<Refused>>(
        &mut self,
        request: impl Future<Output = Result<T, E>>,
        sleep: Sleep,
    ) -> Option<T> {
        self.counts.requests += 1;
        let how = Wait::random(&mut self.rng);
        let (count, result) = match wait(request, how, sleep).await {
            Outcome::Immediate(result) => (&mut self.counts.immediate, result),
            Outcome::Queued(result) => (&mut self.counts.queued, result),
            Outcome::TimedOut => return self.failed(|counts| &mut counts.timed_out),
            Outcome::Cancelled => return self.failed(|counts| &mut counts.cancelled),
        };
        match result {
            Ok(permit) => {
                *count += 1;
                Some(permit)
            }
            Err(error) => self.refused(error),
        }
    }

    fn failed<T>(&mut self, count: impl FnOnce(&mut Counts) -> &mut u64) -> Option<T> {
        *count(&mut self.counts) += 1;
        None
    }

    fn refused<T>(&mut self, error: impl Into<Refused>) -> Option<T> {
        match error.into() {
            Refused::Closed => self.failed(|counts| &mut counts.closed),
            Refused::QueueFull => self.failed(|counts| &mut counts.refused),
        }
    }

    /// Holds permits for a few turns. May also split them, merge one more, or forget them.
    async fn hold<O: Handle<Target = Semaphore> + Clone>(
        &mut self,
        shared: &Shared,
        mut permit: Permit<O>,
    ) {
        shared.acquired(permit.num_permits());
        yield_times(self.rng.u8(0..4)).await;
        match self.rng.u8(..) {
            0..32 => self.split(shared, &mut permit).await,
            32..64 => self.merge(shared, &mut permit),
            64..72 => return self.forget(shared, permit).await,
            _ => {}
        }
        release(shared, permit);
    }

    async fn split<O>(&mut self, shared: &Shared, permit: &mut Permit<O>)
    where
        O: Handle<Target = Semaphore> + Clone,
    {
        self.counts.splits += 1;
        let n = self.rng.usize(0..=permit.num_permits());
        release(shared, permit.split(n).expect("at most what the permit holds"));
        yield_now().await;
    }

    fn merge<O: Handle<Target = Semaphore> + Clone>(&mut self, shared: &Shared, permit: &mut Permit<O>) {
        if let Some(more) = self.try_acquire(permit.handle().clone(), 1) {
            shared.acquired(1);
            self.counts.merges += 1;
            permit.merge(more);
        }
    }

    async fn forget<O: Handle<Target = Semaphore>>(&mut self, shared: &Shared, permit: Permit<O>) {
        let n = permit.num_permits();
        shared.releasing(n);
        permit.forget();
        self.replace_forgotten(shared, n).await;
    }

    /// Adds as many permits as were forgotten.
    async fn replace_forgotten(&mut self, shared: &Shared, n: usize) {
        self.counts.forgets += 1;
        self.counts.removed += n as u64;
        yield_now().await;
        shared.semaphore.add_permits(n);
        self.counts.added += n as u64;
    }

    async fn try_once(&mut self, shared: &Shared) {
        let n = self.random_size(shared);
        match self.rng.u8(0..3) {
            0 => {
                let permit = shared.semaphore.try_acquire_up_to(n, n + self.rng.usize(0..4));
                if let Some(permit) = self.tried(permit) {
                    self.hold(shared, permit).await;
                }
            }
            1 => {
                if let Some(permit) = self.try_acquire(&*shared.semaphore, n) {
                    self.hold(shared, permit).await;
                }
            }
            _ => {
                if let Some(permit) = self.try_acquire(shared.semaphore.clone(), n) {
                    self.hold(shared, permit).await;
                }
            }
        }
    }

    fn try_acquire<O: Handle<Target = Semaphore>>(&mut self, handle: O, n: usize) -> Option<Permit<O>> {
        self.tried(Semaphore::try_acquire_from(handle, n))
    }

    /// Counts a try and its outcome.
    fn tried<O: Handle<Target = Semaphore>>(
        &mut self,
        result: Result<Permit<O>, TryAcquireError>,
    ) -> Option<Permit<O>> {
        self.counts.requests += 1;
        match result {
            Ok(permit) => {
                self.counts.immediate += 1;
                Some(permit)
            }
            Err(_) => self.failed(|counts| &mut counts.refused),
        }
    }

    async fn lock(&mut self, shared: &Shared, sleep: Sleep) {
        if self.rng.bool() {
            let lock = shared.mutex.lock();
            if let Some(guard) = self.wait(async { Ok::<_, Refused>(lock.await) }, sleep).await {
                self.increment(guard).await;
            }
        } else {
            let lock = shared.mutex.clone().lock_owned();
            if let Some(guard) = self.wait(async { Ok::<_, Refused>(lock.await) }, sleep).await {
                self.increment(guard).await;
            }
        }
    }

    /// Reads the value, yields, and writes it incremented: without mutual exclusion, increments are lost.
    async fn increment<M: Handle<Target = Mutex<u64>>>(&mut self, mut guard: Guard<M>) {
        let seen = *guard;
        yield_times(self.rng.u8(0..2)).await;
        *guard = seen + 1;
        self.counts.locked += 1;
    }

    async fn administer(&mut self, shared: &Shared) {
        match self.rng.u8(0..16) {
            0 if !shared.plan.is_fixed() => {
                let to = self.rng.usize(shared.plan.max_request..=shared.plan.max_limit);
                let (added, removed) = shared.resize(to);
                self.counts.resizes += 1;
                self.counts.added += added;
                self.counts.removed += removed;
            }
            1 => {
                self.counts.observations += 1;
                shared.observe();
            }
            2 => {
                let n = shared.semaphore.forget_permits(self.rng.usize(1..4));
                self.replace_forgotten(shared, n).await;
            }
            _ => yield_now().await,
        }
    }

    fn blocking_request(&mut self, shared: &Shared) {
        let n = self.random_size(shared);
        self.counts.requests += 1;
        let timeout = Duration::from_micros(self.rng.u64(0..2_000));
        match self.rng.u8(0..4) {
            0 => self.blocking_done(shared, Ok(shared.semaphore.blocking_acquire_many(n))),
            1 => self.blocking_done(shared, Ok(shared.semaphore.clone().blocking_acquire_many_owned(n))),
            2 => self.blocking_done(shared, shared.semaphore.acquire_many(n).blocking_timeout(timeout)),
            _ => {
                let owned = shared.semaphore.clone().acquire_many_owned(n);
                self.blocking_done(shared, owned.blocking_timeout(timeout));
            }
        }
    }

    fn blocking_done<O>(
        &mut self,
        shared: &Shared,
        result: Result<Result<Permit<O>, AcquireError>, Elapsed>,
    ) where
        O: Handle<Target = Semaphore> + Clone,
    {
        let permit = match result {
            Ok(Ok(permit)) => Some(permit),
            Ok(Err(error)) => self.refused(error),
            Err(_) => self.failed(|counts| &mut counts.timed_out),
        };
        if let Some(permit) = permit {
            self.counts.blocking += 1;
            block_on(self.hold(shared, permit));
        }
    }

    fn blocking_lock(&mut self, shared: &Shared) {
        self.counts.requests += 1;
        self.counts.blocking += 1;
        if self.rng.bool() {
            block_on(self.increment(shared.mutex.blocking_lock()));
        } else {
            block_on(self.increment(shared.mutex.clone().blocking_lock_owned()));
        }
    }
}

fn release<O: Handle<Target = Semaphore>>(shared: &Shared, permit: Permit<O>) {
    shared.releasing(permit.num_permits());
    drop(permit);
}
