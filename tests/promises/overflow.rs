//! Overflow panics in every build and leaves the count unchanged.

use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;

use fairgate::{AcquireOwned, OwnedSemaphorePermit, Semaphore};

use crate::common::source::{NewSource, SemaphoreSource, for_each_source};
use crate::common::step::{Outcome, Request, State};
use crate::common::world::World;
use crate::common::{panics, rounds, with_watchdog};

const MAX: usize = Semaphore::MAX_PERMITS;
const TOO_MANY: [usize; 3] = [MAX + 1, usize::MAX / 2 + 1, usize::MAX];

#[track_caller]
fn assert_panics<R>(run: impl FnOnce() -> R) {
    assert!(panics(run), "expected a panic");
}

/// P13: the count wrapped, or overflowed into the flag bits.
fn adding_past_the_maximum_panics_and_adds_nothing<S: SemaphoreSource + NewSource>() {
    let world = World::<S>::new(MAX - 1);
    for n in [2, MAX, MAX + 1, usize::MAX / 2 + 1, usize::MAX] {
        assert_panics(|| world.source.add_permits(n));
        assert_eq!(world.state(), State { available: MAX - 1, waiters: 0, closed: false });
    }
    world.source.add_permits(1);
    assert_eq!(world.state().available, MAX);
    assert_panics(|| world.source.add_permits(1));
    assert_eq!(world.state().available, MAX);
}

/// P13: also beside a waiter, and while permits are owed.
fn adding_past_the_maximum_panics_beside_waiters_and_owed_permits<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(1);
    world.source.reduce_permits(3);
    let waiter = world.acquire(5);
    for n in TOO_MANY {
        assert_panics(|| world.source.add_permits(n));
        assert_eq!(world.state(), State { available: 0, waiters: 1, closed: false });
    }
    assert_panics(|| world.source.add_permits(MAX + 3));
    world.source.add_permits(MAX);
    assert_eq!(world.poll(waiter), Outcome::Acquired(5));
    assert_eq!(world.state().available, MAX - 7);
}

/// P13: a large request overflowed into the flag bits.
fn acquiring_more_than_the_maximum_panics<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(2);
    for n in TOO_MANY {
        assert_panics(|| drop(world.source.acquire(Request::Exactly(n))));
        assert_panics(|| drop(world.source.acquire(Request::UpTo(1, n))));
        assert_panics(|| drop(world.source.try_acquire(n)));
        assert_panics(|| drop(world.source.try_acquire_up_to(1, n)));
        assert_panics(|| drop(world.source.try_acquire_up_to(n, n)));
    }
    assert_panics(|| drop(world.source.try_acquire_up_to(3, 2)));
    assert_panics(|| drop(world.source.acquire(Request::UpTo(3, 2))));
    assert_eq!(world.state(), State { available: 2, waiters: 0, closed: false });
    let max_permits = world.acquire(MAX);
    assert_eq!(world.state().waiters, 1);
    world.source.add_permits(MAX - 2);
    assert_eq!(world.poll(max_permits), Outcome::Acquired(MAX));
}

#[test]
fn creating_a_semaphore_past_the_maximum_panics() {
    TOO_MANY.into_iter().for_each(|n| assert_panics(|| Semaphore::new(n)));
    assert_eq!(Semaphore::new(MAX).available_permits(), MAX);
}

/// P13: `merge` wrapped and lost permits. P14, P33: a permit that is released past the maximum panics as it is
/// dropped, and the count stays valid.
fn merging_and_releasing_past_the_maximum_panic<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(MAX);
    let mut max_permits = world.source.try_acquire(MAX).unwrap();
    world.source.add_permits(MAX);
    let one = world.source.try_acquire(1).unwrap();
    assert_panics(|| max_permits.merge(one));
    assert_eq!((max_permits.num_permits(), world.state().available), (MAX, MAX));
    assert_panics(|| drop(max_permits));
    assert_eq!(world.state().available, MAX);
    assert_eq!(world.try_acquire(MAX), Outcome::Acquired(MAX));
}

#[test]
fn merging_permits_of_different_semaphores_panics() {
    let (a, b) = (Semaphore::new(2), Semaphore::new(2));
    let mut of_a = a.try_acquire().unwrap();
    let of_b = b.try_acquire().unwrap();
    assert_panics(|| of_a.merge(of_b));
    assert_eq!((of_a.num_permits(), a.available_permits(), b.available_permits()), (1, 1, 2));
}

/// P14: the counts were already wrong when the panic was raised.
fn owing_more_than_the_maximum_panics_and_removes_nothing<S: SemaphoreSource + NewSource>() {
    let world = World::<S>::new(0);
    world.source.reduce_permits(MAX - 1);
    for n in [2, MAX, MAX + 1, usize::MAX / 2 + 1, usize::MAX] {
        assert_panics(|| world.source.reduce_permits(n));
    }
    assert_eq!(world.source.permits_owed(), MAX - 1);
    assert_panics(|| world.source.resize(2, 0));
    assert_panics(|| world.source.resize(usize::MAX, 0));
    assert_panics(|| world.source.resize(0, usize::MAX));
    world.source.add_permits(MAX);
    assert_eq!(world.state().available, 1);
}

/// P13: several threads reach the maximum at once.
#[test]
fn threads_that_race_past_the_maximum_add_exactly_what_fits() {
    let semaphore = Semaphore::new(MAX - 3);
    let add = || (0..5).filter(|_| catch_unwind(|| semaphore.add_permits(1)).is_ok()).count();
    let added: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(add)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((added, semaphore.available_permits()), (3, MAX));
}

/// P13: without the standard library this release span endlessly while another thread held the queue lock.
#[test]
fn adding_far_too_many_panics_at_once_beside_threads_that_enqueue_and_cancel() {
    with_watchdog("adding usize::MAX permits", || {
        let (semaphore, stop) = (Semaphore::new(1), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        let future = pin!(semaphore.acquire_many(2));
                        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
                    }
                });
            }
            let all_panicked = (0..rounds(300)).all(|_| panics(|| semaphore.add_permits(usize::MAX)));
            stop.store(true, SeqCst);
            assert!(all_panicked);
        });
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    });
}

/// A semaphore with `MAX_PERMITS` available permits, a permit that no longer fits, and a future that `close` has failed.
fn full_with_a_closed_future() -> (Arc<Semaphore>, OwnedSemaphorePermit, Pin<Box<AcquireOwned>>) {
    let semaphore = Arc::new(Semaphore::new(MAX));
    let excess = semaphore.clone().try_acquire_owned().unwrap();
    let rest = semaphore.clone().try_acquire_many_owned(MAX - 1).unwrap();
    let mut future = Box::pin(semaphore.clone().acquire_owned());
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    semaphore.close();
    drop(rest);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), MAX);
    (semaphore, excess, future)
}

/// A future that holds nothing releases nothing.
#[test]
fn dropping_a_closed_future_at_the_maximum_does_not_panic() {
    let (semaphore, excess, future) = full_with_a_closed_future();
    drop(future);
    assert_panics(|| drop(excess));
    assert_eq!(semaphore.available_permits(), MAX);
}

/// The same while another thread releases past the maximum.
#[test]
fn dropping_a_closed_future_beside_a_release_past_the_maximum_does_not_panic() {
    for _ in 0..rounds(1000) {
        let (semaphore, excess, future) = full_with_a_closed_future();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            let release = scope.spawn(|| {
                start.wait();
                panics(|| drop(excess))
            });
            start.wait();
            assert!(!panics(|| drop(future)), "the future holds nothing");
            assert!(release.join().unwrap(), "the release does not fit");
        });
        assert_eq!(semaphore.available_permits(), MAX);
    }
}

/// Two releases at the same time, of which one fits: it succeeds in either order.
#[test]
fn a_release_that_fits_succeeds_beside_one_that_does_not() {
    for _ in 0..rounds(1000) {
        let (semaphore, start) = (Semaphore::new(MAX), Barrier::new(2));
        let (large, small) = (semaphore.try_acquire_many(2).unwrap(), semaphore.try_acquire().unwrap());
        semaphore.add_permits(2);
        assert_eq!(semaphore.available_permits(), MAX - 1);
        thread::scope(|scope| {
            let release = scope.spawn(|| {
                start.wait();
                panics(|| drop(large))
            });
            start.wait();
            assert!(!panics(|| drop(small)), "the small release fits");
            assert!(release.join().unwrap(), "the large release does not fit");
        });
        assert_eq!(semaphore.available_permits(), MAX);
    }
}

for_each_source! {
    semaphores:
        adding_past_the_maximum_panics_and_adds_nothing,
        adding_past_the_maximum_panics_beside_waiters_and_owed_permits,
        acquiring_more_than_the_maximum_panics,
        merging_and_releasing_past_the_maximum_panic,
        owing_more_than_the_maximum_panics_and_removes_nothing,
}
