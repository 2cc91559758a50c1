//! A worker: what it does next, by its own dice. A task asks and awaits; a thread asks and blocks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fairgate::{
    AcquireError, BoundedAcquireError, Elapsed, Guard, Handle, Mutex, Permit, Semaphore, TimeoutExt,
};
use smol::future::{block_on, yield_now};

use crate::patience::{End, Nap, Patience, have_turns, wait};
use crate::tally::Tally;
use crate::world::World;

/// So many operations are done before they are reported.
const BATCH: u64 = 64;

pub struct Hand {
    rng: fastrand::Rng,
    tally: Tally,
    reported: u64,
}

pub async fn work_as_task(world: Arc<World>, seed: u64, nap: Nap) -> Tally {
    let mut hand = Hand::new(seed);
    while hand.goes_on(&world) {
        match hand.rng.u8(0..100) {
            0..60 => hand.ask(&world, nap).await,
            60..80 => hand.lock(&world, nap).await,
            80..95 => hand.try_once(&world).await,
            _ => hand.change(&world).await,
        }
    }
    hand.tally
}

pub fn work_as_thread(world: &World, seed: u64) -> Tally {
    let mut hand = Hand::new(seed);
    while hand.goes_on(world) {
        match hand.rng.u8(0..100) {
            0..60 => hand.block(world),
            60..80 => hand.block_on_lock(world),
            80..95 => block_on(hand.try_once(world)),
            _ => block_on(hand.change(world)),
        }
    }
    hand.tally
}

/// Why a request is refused.
enum No {
    Closed,
    Full,
}

impl From<AcquireError> for No {
    fn from(_: AcquireError) -> Self {
        Self::Closed
    }
}

impl From<BoundedAcquireError> for No {
    fn from(error: BoundedAcquireError) -> Self {
        match error {
            BoundedAcquireError::Closed => Self::Closed,
            BoundedAcquireError::QueueFull => Self::Full,
        }
    }
}

impl Hand {
    fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), tally: Tally::default(), reported: 0 }
    }

    fn goes_on(&mut self, world: &World) -> bool {
        let done = self.tally.operations() - self.reported;
        if done >= BATCH {
            world.advance(done);
            self.reported += done;
        }
        !world.semaphore.is_closed()
    }

    /// Small requests are common.
    fn need(&mut self, world: &World) -> usize {
        if self.rng.bool() { 1 } else { self.rng.usize(1..=world.plan.greatest) }
    }

    async fn ask(&mut self, world: &World, nap: Nap) {
        let n = self.need(world);
        let (most, room) = (n + self.rng.usize(0..4), self.rng.usize(0..=world.plan.tasks));
        let borrowed = || world.semaphore.acquire_many(n);
        let owned = || world.semaphore.clone().acquire_many_owned(n);
        match self.rng.u8(0..8) {
            0..2 => self.wait_and_hold(world, borrowed(), nap).await,
            2..4 => self.wait_and_hold(world, owned(), nap).await,
            4 => self.wait_and_hold(world, borrowed().up_to(most), nap).await,
            5 => self.wait_and_hold(world, owned().up_to(most), nap).await,
            6 => self.wait_and_hold(world, borrowed().bounded(room), nap).await,
            _ => self.wait_and_hold(world, owned().bounded(room), nap).await,
        }
    }

    async fn wait_and_hold<O, E>(
        &mut self,
        world: &World,
        request: impl Future<Output = Result<Permit<O>, E>>,
        nap: Nap,
    ) where
        O: Handle<Target = Semaphore> + Clone,
        E: Into<No>,
    {
        if let Some(permit) = self.wait(request, nap).await {
            self.hold(world, permit).await;
        }
    }

    /// Counts a request and its end.
    async fn wait<T, E: Into<No>>(
        &mut self,
        request: impl Future<Output = Result<T, E>>,
        nap: Nap,
    ) -> Option<T> {
        self.tally.attempts += 1;
        let patience = Patience::of(&mut self.rng);
        let (met, answer) = match wait(request, patience, nap).await {
            End::AtOnce(answer) => (&mut self.tally.at_once, answer),
            End::HandedOver(answer) => (&mut self.tally.handed_over, answer),
            End::TimedOut => return self.left(|tally| &mut tally.timed_out),
            End::Cancelled => return self.left(|tally| &mut tally.cancelled),
        };
        match answer {
            Ok(permit) => {
                *met += 1;
                Some(permit)
            }
            Err(no) => self.refused(no),
        }
    }

    fn left<T>(&mut self, count: impl FnOnce(&mut Tally) -> &mut u64) -> Option<T> {
        *count(&mut self.tally) += 1;
        None
    }

    fn refused<T>(&mut self, no: impl Into<No>) -> Option<T> {
        match no.into() {
            No::Closed => self.left(|tally| &mut tally.told_closed),
            No::Full => self.left(|tally| &mut tally.refused),
        }
    }

    /// Holds permits for a while, perhaps in two parts, perhaps with one more, perhaps for good.
    async fn hold<O: Handle<Target = Semaphore> + Clone>(&mut self, world: &World, mut permit: Permit<O>) {
        world.took(permit.num_permits());
        have_turns(self.rng.u8(0..4)).await;
        match self.rng.u8(..) {
            0..32 => self.split(world, &mut permit).await,
            32..64 => self.merge(world, &mut permit),
            64..72 => return self.forget(world, permit).await,
            _ => {}
        }
        give_back(world, permit);
    }

    async fn split<O>(&mut self, world: &World, permit: &mut Permit<O>)
    where
        O: Handle<Target = Semaphore> + Clone,
    {
        self.tally.splits += 1;
        let n = self.rng.usize(0..=permit.num_permits());
        give_back(world, permit.split(n).expect("there are so many"));
        yield_now().await;
    }

    fn merge<O: Handle<Target = Semaphore> + Clone>(&mut self, world: &World, permit: &mut Permit<O>) {
        if let Some(more) = self.try_take(permit.handle().clone(), 1) {
            world.took(1);
            self.tally.merges += 1;
            permit.merge(more);
        }
    }

    async fn forget<O: Handle<Target = Semaphore>>(&mut self, world: &World, permit: Permit<O>) {
        let n = permit.num_permits();
        world.gives(n);
        permit.forget();
        self.put_new_ones(world, n).await;
    }

    /// Replaces permits that were forgotten.
    async fn put_new_ones(&mut self, world: &World, n: usize) {
        self.tally.forgets += 1;
        self.tally.forgotten += n as u64;
        yield_now().await;
        world.semaphore.add_permits(n);
        self.tally.added += n as u64;
    }

    async fn try_once(&mut self, world: &World) {
        let n = self.need(world);
        if self.rng.bool() {
            if let Some(permit) = self.try_take(&*world.semaphore, n) {
                self.hold(world, permit).await;
            }
        } else if let Some(permit) = self.try_take(world.semaphore.clone(), n) {
            self.hold(world, permit).await;
        }
    }

    fn try_take<O: Handle<Target = Semaphore>>(&mut self, owner: O, n: usize) -> Option<Permit<O>> {
        self.tally.attempts += 1;
        match Semaphore::try_acquire_from(owner, n) {
            Ok(permit) => {
                self.tally.at_once += 1;
                Some(permit)
            }
            Err(_) => self.left(|tally| &mut tally.refused),
        }
    }

    async fn lock(&mut self, world: &World, nap: Nap) {
        if self.rng.bool() {
            let lock = world.mutex.lock();
            if let Some(guard) = self.wait(async { Ok::<_, No>(lock.await) }, nap).await {
                self.count(guard).await;
            }
        } else {
            let lock = world.mutex.clone().lock_owned();
            if let Some(guard) = self.wait(async { Ok::<_, No>(lock.await) }, nap).await {
                self.count(guard).await;
            }
        }
    }

    /// Reads, is away for a while, and writes: two at once would lose a count.
    async fn count<M: Handle<Target = Mutex<u64>>>(&mut self, mut guard: Guard<M>) {
        let seen = *guard;
        have_turns(self.rng.u8(0..2)).await;
        *guard = seen + 1;
        self.tally.locked += 1;
    }

    async fn change(&mut self, world: &World) {
        match self.rng.u8(0..16) {
            0 if !world.plan.is_steady() => {
                let to = self.rng.usize(world.plan.greatest..=world.plan.highest);
                let (added, taken) = world.resize(to);
                self.tally.resizes += 1;
                self.tally.added += added;
                self.tally.forgotten += taken;
            }
            1 => {
                self.tally.looks += 1;
                world.look();
            }
            2 => {
                let n = world.semaphore.forget_permits(self.rng.usize(1..4));
                self.put_new_ones(world, n).await;
            }
            _ => yield_now().await,
        }
    }

    fn block(&mut self, world: &World) {
        let n = self.need(world);
        self.tally.attempts += 1;
        let limit = Duration::from_micros(self.rng.u64(0..2_000));
        match self.rng.u8(0..4) {
            0 => self.blocked(world, Ok(world.semaphore.blocking_acquire_many(n))),
            1 => self.blocked(world, Ok(world.semaphore.clone().blocking_acquire_many_owned(n))),
            2 => self.blocked(world, world.semaphore.acquire_many(n).blocking_timeout(limit)),
            _ => {
                let owned = world.semaphore.clone().acquire_many_owned(n);
                self.blocked(world, owned.blocking_timeout(limit));
            }
        }
    }

    fn blocked<O>(&mut self, world: &World, answer: Result<Result<Permit<O>, AcquireError>, Elapsed>)
    where
        O: Handle<Target = Semaphore> + Clone,
    {
        let permit = match answer {
            Ok(Ok(permit)) => Some(permit),
            Ok(Err(closed)) => self.refused(closed),
            Err(_) => self.left(|tally| &mut tally.timed_out),
        };
        if let Some(permit) = permit {
            self.tally.to_threads += 1;
            block_on(self.hold(world, permit));
        }
    }

    fn block_on_lock(&mut self, world: &World) {
        self.tally.attempts += 1;
        self.tally.to_threads += 1;
        if self.rng.bool() {
            block_on(self.count(world.mutex.blocking_lock()));
        } else {
            block_on(self.count(world.mutex.clone().blocking_lock_owned()));
        }
    }
}

fn give_back<O: Handle<Target = Semaphore>>(world: &World, permit: Permit<O>) {
    world.gives(permit.num_permits());
    drop(permit);
}
