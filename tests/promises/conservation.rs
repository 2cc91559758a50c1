//! Available + held + granted = created - removed, whatever happens.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fairgate::Mutex;
use proptest::test_runner::TestCaseError;

use crate::common::model::Model;
use crate::common::source::{NewSource, SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::{Outcome, Request, SemaphoreAction, Step};
use crate::common::world::World;
use crate::common::{HUNG, rounds};
use crate::specification::{runner, steps};

/// A world that counts permits on its own. The model only decides which steps are possible and what the front
/// requests.
struct RandomProgram<S: SemaphoreSource> {
    world: World<S>,
    model: Model,
    /// Permits created, less those removed.
    total: isize,
}

impl<S: SemaphoreSource + NewSource> RandomProgram<S> {
    fn new(available: usize) -> Self {
        Self { world: World::new(available), model: Model::new(available), total: available as isize }
    }

    fn step(&mut self, step: Step) {
        let held_before = self.world.held();
        self.model.step(step);
        let outcome = self.world.step(step).outcome;
        use SemaphoreAction::{Add, AddUpTo, Forget, ForgetAvailable, Reduce, SetLimit};
        self.total += match (step, outcome) {
            (Step::Semaphore(Add(n)), _) => n as isize,
            (Step::Semaphore(Reduce(n)), _) => -(n as isize),
            (Step::Semaphore(SetLimit(n)), _) => n as isize - self.total,
            (Step::Semaphore(AddUpTo(..)), Outcome::Changed(n)) => n as isize,
            (Step::Semaphore(ForgetAvailable(_)), Outcome::Changed(n)) => -(n as isize),
            (Step::Semaphore(Forget(_)), _) => self.world.held() as isize - held_before as isize,
            _ => 0,
        };
    }

    /// The permits that no waiter has are available. If their number is negative it is owed, and none are
    /// available.
    fn check(&self) -> Result<(), TestCaseError> {
        let (held, granted) = (self.world.held(), self.world.granted());
        let available = self.total - held as isize - granted as isize;
        let state = self.world.state();
        let report = format!("{state:?}, {held} held, {granted} granted, {} in total", self.total);
        if state.available as isize != available.max(0) {
            return Err(TestCaseError::fail(format!("wrong number of available permits: {report}")));
        }
        if self.world.source.owed() as isize != (-available).max(0) {
            return Err(TestCaseError::fail(format!("wrong number of owed permits: {report}")));
        }
        if (self.world.source.limit() as isize, self.world.source.held())
            != (self.total.max(0), held + granted)
        {
            return Err(TestCaseError::fail(format!("wrong limit or number of held permits: {report}")));
        }
        match self.model.needed() {
            Some(needed) if available >= needed as isize => Err(TestCaseError::fail(format!(
                "the front waits although enough permits are available: {report}"
            ))),
            _ => Ok(()),
        }
    }
}

/// P04: a flag stayed set after a cancellation, and the semaphore hung with permits available.
fn every_permit_is_accounted_for_after_every_step_of_a_random_program<S: SemaphoreSource + NewSource>() {
    let outcome = runner().run(&(0..6_usize, steps()), |(available, steps)| {
        let mut program = RandomProgram::<S>::new(available);
        for step in steps {
            if program.model.allows(step) {
                program.step(step);
                program.check()?;
            }
        }
        program.world.drop_all_waiters();
        assert_eq!(program.world.state().available as isize, program.total.max(0));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

const PERMITS: usize = 5;
const THREADS: usize = 4;
const SERVED: &str = "a waiter that can be granted is woken";

/// A small random number generator, seeded per thread.
struct Rng(u32);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % bound
    }
}

/// Runs the same work in several threads at once.
fn run_in_threads(work: impl Fn(Rng) + Sync) {
    let work = &work;
    thread::scope(|scope| {
        for seed in 1..=THREADS as u32 {
            scope.spawn(move || work(Rng(seed.wrapping_mul(0x9E37_79B9))));
        }
    });
}

/// Polls at most this many times.
fn poll_up_to<F: Future + Unpin>(mut future: F, polls: usize) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match Pin::new(&mut future).poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            thread::yield_now();
            None
        }
    })
}

/// P04, P21, P24, with threads: never more permits are held than exist, and at the end all are available.
/// Threads release permits whole or split, and often cancel.
fn threads_do_not_lose_or_duplicate_permits<S: SemaphoreSource + SyncSource>() {
    let (source, holders) = (S::with_permits(PERMITS), AtomicUsize::new(0));
    let hold = |mut held: S::Permits, rng: &mut Rng| {
        let n = S::count(&held);
        assert!(holders.fetch_add(n, Relaxed) + n <= PERMITS, "more permits are held than exist");
        assert!(source.counts().0 + n <= PERMITS, "held permits are shown as available");
        thread::yield_now();
        holders.fetch_sub(n, Relaxed);
        let part = held.split(rng.below(n + 1));
        drop(held);
        drop(part);
    };
    run_in_threads(|mut rng| {
        for _ in 0..rounds(3000) {
            let request = match rng.below(6) {
                0 => Request::up_to(1, PERMITS),
                1 => Request::exactly(1).max_waiters(2),
                2 => Request::up_to(1, 3).max_waiters(2),
                3 => Request::ALL,
                _ => Request::exactly(rng.below(PERMITS) + 1),
            };
            let acquired = match rng.below(8) {
                0 => source.try_acquire(request),
                1 if request.max_waiters.is_none() => {
                    Some(source.wait_timeout(request, HUNG).expect(SERVED))
                }
                1 => source.wait_timeout(request, HUNG),
                2 => source.wait_timeout(request, Duration::from_micros(30)),
                polls => poll_up_to(source.acquire(request), polls).flatten(),
            };
            if let Some(held) = acquired {
                hold(held, &mut rng);
            }
        }
    });
    assert_eq!(source.counts(), (PERMITS, 0));
}

/// The same for a mutex: every increment of its value counts.
#[test]
fn threads_lose_no_lock_of_a_mutex() {
    let (mutex, expected) = (Arc::new(Mutex::new(0_usize)), AtomicUsize::new(0));
    run_in_threads(|mut rng| {
        for _ in 0..rounds(3000) {
            let locked = match rng.below(6) {
                0 => mutex.try_lock().map(|mut value| *value += 1).is_ok(),
                1 => mutex.clone().try_lock_owned().map(|mut value| *value += 1).is_ok(),
                2 => {
                    *mutex.lock().wait_timeout(HUNG).expect(SERVED) += 1;
                    true
                }
                3 => poll_up_to(Box::pin(mutex.clone().lock_owned()), 5)
                    .map(|mut value| *value += 1)
                    .is_some(),
                polls => poll_up_to(pin!(mutex.lock()), polls).map(|mut value| *value += 1).is_some(),
            };
            expected.fetch_add(usize::from(locked), Relaxed);
        }
    });
    assert_eq!(*mutex.try_lock().expect("no thread holds it"), expected.into_inner());
}

/// P26: owed permits were counted outside the lock. While the limit changes under the workers, a holder of all
/// permits of the current limit is the only holder.
fn a_limit_that_is_resized_under_threads_holds<S: SemaphoreSource + SyncSource>() {
    let (source, holders) = (S::with_permits(PERMITS), AtomicUsize::new(0));
    let work = |mut rng: Rng| {
        for _ in 0..rounds(2000) {
            let Some(held) = poll_up_to(source.acquire(Request::exactly(1)), 1 + rng.below(4)).flatten()
            else {
                continue;
            };
            holders.fetch_add(1, Relaxed);
            thread::yield_now();
            holders.fetch_sub(1, Relaxed);
            drop(held);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| run_in_threads(work));
        let mut rng = Rng(7);
        for round in 0..rounds(300) {
            let limit = rng.below(2 * PERMITS);
            source.set_limit(limit);
            let all = match round % 2 {
                0 => source.acquire_many(limit),
                _ => source.acquire_all(),
            };
            let all = all.wait_timeout(HUNG).expect(SERVED);
            let is_exclusive = limit > 0 || round % 2 == 1;
            assert!(
                !is_exclusive || holders.load(Relaxed) == 0,
                "a permit beyond the limit of {limit} is held"
            );
            assert_eq!(all.num_permits(), limit);
            drop(all);
        }
        source.set_limit(PERMITS);
    });
    assert_eq!(source.counts(), (PERMITS, 0));
}

/// P14: more permits were released than acquired, and the counts became wrong. A permit is released once here:
/// splitting and merging keep the total.
fn splitting_and_merging_keep_the_total<S: SemaphoreSource + NewSource>() {
    let world = World::<S>::new(6);
    let mut whole = world.source.try_acquire(5).unwrap();
    let mut part = whole.split(3).unwrap();
    assert!(whole.split(3).is_none());
    assert!(part.split(0).is_some_and(|zero| zero.num_permits() == 0));
    part.merge(whole.split(2).unwrap());
    assert_eq!((whole.num_permits(), part.num_permits(), world.state().available), (0, 5, 1));
    drop(whole);
    assert_eq!(world.state().available, 1);
    part.split(1).unwrap().forget();
    drop(part);
    assert_eq!(world.state().available, 5);
}

for_each_source! {
    semaphores:
        every_permit_is_accounted_for_after_every_step_of_a_random_program,
        threads_do_not_lose_or_duplicate_permits,
        a_limit_that_is_resized_under_threads_holds,
        splitting_and_merging_keep_the_total,
}
