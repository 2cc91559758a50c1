//! A worker, which performs random operations. A task awaits its requests, and a thread blocks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fairgate::futures::Acquire;
use fairgate::{AcquireError, Guard, Handle, Mutex, Permit, Semaphore, TryAcquireError};
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
        if self.rng.bool() {
            self.request_from(shared, &*shared.semaphore, sleep).await;
        } else {
            self.request_from(shared, shared.semaphore.clone(), sleep).await;
        }
    }

    async fn request_from<H: Handle<Target = Semaphore> + Clone>(
        &mut self,
        shared: &Shared,
        handle: H,
        sleep: Sleep,
    ) {
        let request = self.random_request(shared, handle.clone());
        if let Some(permit) = self.wait(request, sleep).await {
            self.hold(shared, handle, permit).await;
        }
    }

    /// A request of any form.
    fn random_request<H: Handle<Target = Semaphore>>(&mut self, shared: &Shared, handle: H) -> Acquire<H> {
        let n = self.random_size(shared);
        let mut request = Semaphore::acquire_from(handle, n);
        if self.rng.u8(0..4) == 0 {
            request = request.up_to(n + self.rng.usize(0..4));
        }
        if self.rng.u8(0..4) == 0 {
            request = request.max_waiters(self.rng.usize(0..=shared.plan.tasks));
        }
        request
    }

    /// Awaits a request in a random way, and counts its outcome.
    async fn wait<T>(
        &mut self,
        request: impl Future<Output = Result<T, AcquireError>>,
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

    fn refused<T>(&mut self, error: AcquireError) -> Option<T> {
        self.failed(|counts| {
            if error.is_closed() {
                &mut counts.closed
            } else if error.is_full() {
                &mut counts.refused
            } else {
                &mut counts.timed_out
            }
        })
    }

    /// Holds permits for a few turns. May also split them, merge one more, or forget them.
    async fn hold<H: Handle<Target = Semaphore> + Clone>(
        &mut self,
        shared: &Shared,
        handle: H,
        mut permit: Permit<H>,
    ) {
        shared.acquired(permit.num_permits());
        yield_times(self.rng.u8(0..4)).await;
        match self.rng.u8(..) {
            0..32 => self.split(shared, &mut permit).await,
            32..64 => self.merge(shared, handle, &mut permit),
            64..72 => return self.forget(shared, permit).await,
            _ => {}
        }
        release(shared, permit);
    }

    async fn split<H>(&mut self, shared: &Shared, permit: &mut Permit<H>)
    where
        H: Handle<Target = Semaphore> + Clone,
    {
        self.counts.splits += 1;
        let n = self.rng.usize(0..=permit.num_permits());
        release(shared, permit.split(n).expect("at most what the permit holds"));
        yield_now().await;
    }

    fn merge<H: Handle<Target = Semaphore>>(&mut self, shared: &Shared, handle: H, permit: &mut Permit<H>) {
        if let Some(more) = self.tried(Semaphore::acquire_from(handle, 1).try_wait()) {
            shared.acquired(1);
            self.counts.merges += 1;
            permit.merge(more);
        }
    }

    async fn forget<H: Handle<Target = Semaphore>>(&mut self, shared: &Shared, permit: Permit<H>) {
        let n = permit.num_permits();
        shared.releasing(n);
        permit.forget();
        self.replace_forgotten(shared, n).await;
    }

    /// Adds as many permits as were forgotten. If the limit changes in this round, sets a new one instead: another worker
    /// may have set it since, and then as many more would be too many.
    async fn replace_forgotten(&mut self, shared: &Shared, n: usize) {
        self.counts.forgets += 1;
        self.counts.forgotten += n as u64;
        yield_now().await;
        if shared.plan.is_fixed() {
            shared.semaphore.add_permits(n);
        } else {
            self.set_limit(shared);
        }
    }

    fn set_limit(&mut self, shared: &Shared) {
        self.counts.resizes += 1;
        shared.set_limit(self.rng.usize(shared.plan.max_request..=shared.plan.max_limit));
    }

    async fn try_once(&mut self, shared: &Shared) {
        if self.rng.bool() {
            self.try_from(shared, &*shared.semaphore).await;
        } else {
            self.try_from(shared, shared.semaphore.clone()).await;
        }
    }

    async fn try_from<H: Handle<Target = Semaphore> + Clone>(&mut self, shared: &Shared, handle: H) {
        let request = self.random_request(shared, handle.clone());
        if let Some(permit) = self.tried(request.try_wait()) {
            self.hold(shared, handle, permit).await;
        }
    }

    /// Counts a try and its outcome.
    fn tried<H: Handle<Target = Semaphore>>(
        &mut self,
        result: Result<Permit<H>, TryAcquireError>,
    ) -> Option<Permit<H>> {
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
            if let Some(guard) = self.wait(async { Ok::<_, AcquireError>(lock.await) }, sleep).await {
                self.increment(guard).await;
            }
        } else {
            let lock = shared.mutex.clone().lock_owned();
            if let Some(guard) = self.wait(async { Ok::<_, AcquireError>(lock.await) }, sleep).await {
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
                self.set_limit(shared);
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
        if self.rng.bool() {
            self.blocking_request_from(shared, &*shared.semaphore);
        } else {
            self.blocking_request_from(shared, shared.semaphore.clone());
        }
    }

    fn blocking_request_from<H: Handle<Target = Semaphore> + Clone>(&mut self, shared: &Shared, handle: H) {
        let request = self.random_request(shared, handle.clone());
        self.counts.requests += 1;
        let result = match self.rng.bool() {
            true => request.wait(),
            false => request.wait_timeout(Duration::from_micros(self.rng.u64(0..2_000))),
        };
        match result {
            Ok(permit) => {
                self.counts.blocking += 1;
                block_on(self.hold(shared, handle, permit));
            }
            Err(error) => self.refused(error).unwrap_or_default(),
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

fn release<H: Handle<Target = Semaphore>>(shared: &Shared, permit: Permit<H>) {
    shared.releasing(permit.num_permits());
    drop(permit);
}
