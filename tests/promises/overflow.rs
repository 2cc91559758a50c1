//! Overflow panics in every build and leaves the count unchanged.

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;

use fairgate::Semaphore;

use crate::common::panics;
use crate::common::source::{NewSource, SemaphoreSource, for_each_source};
use crate::common::step::{Outcome, Request, State};
use crate::common::world::World;

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

/// P13: also beside a waiter, and while permits are owed: two are added on top of the maximum to pay them.
fn adding_past_the_maximum_panics_beside_waiters_and_owed_permits<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(1);
    world.source.reduce_permits(3);
    let waiter = world.acquire(5);
    for n in [MAX + 3, usize::MAX / 2 + 1, usize::MAX] {
        assert_panics(|| world.source.add_permits(n));
        assert_eq!(world.state(), State { available: 0, waiters: 1, closed: false });
    }
    world.source.add_permits(MAX + 2);
    assert_eq!(world.poll(waiter), Outcome::Acquired(5));
    assert_eq!((world.state().available, world.source.limit()), (MAX - 5, MAX));
}

/// P13: a large request overflowed into the flag bits.
fn acquiring_more_than_the_maximum_panics<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(2);
    for n in TOO_MANY {
        assert_panics(|| drop(world.source.acquire(Request::exactly(n))));
        assert_panics(|| drop(world.source.acquire(Request::up_to(1, n))));
        assert_panics(|| drop(world.source.try_acquire(n)));
    }
    assert_panics(|| drop(world.source.acquire(Request::up_to(3, 2))));
    assert_panics(|| drop(world.source.acquire_all().up_to(2)));
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

/// P13: `merge` wrapped and lost permits. P14, P33: a permit that was released past the maximum panicked as it was
/// dropped. Here at most the maximum exists, held or available, so permits always fit into one, and back.
fn no_more_than_the_maximum_exist_so_a_release_always_fits<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(MAX);
    let (mut most, last) =
        (world.source.try_acquire(MAX - 1).unwrap(), world.source.try_acquire(1).unwrap());
    for n in [1, MAX, usize::MAX] {
        assert_panics(|| world.source.add_permits(n));
        assert_eq!(world.source.add_permits_up_to(n, 0), 0);
        assert_panics(|| world.source.add_permits_up_to(n, 1));
    }
    assert_eq!((world.source.limit(), world.source.held(), world.state().available), (MAX, MAX, 0));
    most.merge(last);
    drop(most);
    assert_eq!((world.source.limit(), world.source.held(), world.state().available), (MAX, 0, MAX));
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
    assert_eq!((world.source.owed(), world.source.limit()), (MAX - 1, 0));
    world.source.add_permits(MAX);
    assert_eq!(world.state().available, 1);
}

/// The largest deficit: as many permits are owed as can be, while as many are held.
fn the_maximum_may_be_owed_while_the_maximum_is_held<S: SemaphoreSource + NewSource>() {
    let world = World::<S>::new(MAX);
    let all = world.source.try_acquire(MAX).unwrap();
    world.source.reduce_permits(MAX);
    world.source.reduce_permits(MAX);
    assert_panics(|| world.source.reduce_permits(1));
    assert_eq!((world.source.owed(), world.source.limit(), world.source.held()), (2 * MAX, 0, MAX));
    drop(all);
    assert_eq!((world.source.owed(), world.source.limit(), world.source.held()), (MAX, 0, 0));
    world.source.set_limit(MAX);
    assert_eq!((world.source.limit(), world.state().available), (MAX, MAX));
}

fn a_limit_past_the_maximum_panics_and_changes_nothing<S: SemaphoreSource + NewSource>() {
    let world = World::<S>::new(2);
    for n in TOO_MANY {
        assert_panics(|| world.source.set_limit(n));
        assert_panics(|| world.source.add_permits_up_to(1, n));
        assert_eq!((world.source.limit(), world.state().available), (2, 2));
    }
    world.source.set_limit(MAX);
    assert_eq!((world.source.limit(), world.state().available), (MAX, MAX));
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

for_each_source! {
    semaphores:
        adding_past_the_maximum_panics_and_adds_nothing,
        adding_past_the_maximum_panics_beside_waiters_and_owed_permits,
        acquiring_more_than_the_maximum_panics,
        no_more_than_the_maximum_exist_so_a_release_always_fits,
        the_maximum_may_be_owed_while_the_maximum_is_held,
        a_limit_past_the_maximum_panics_and_changes_nothing,
        owing_more_than_the_maximum_panics_and_removes_nothing,
}

/// The two numbers above the documented maximum of `needed` stand for all permits, and for an empty queue.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_request_for_more_permits_than_needed_can_say_counts_as_its_maximum() {
    const LARGEST: usize = i32::MAX as usize - 2;
    for n in [LARGEST, LARGEST + 1, LARGEST + 2, MAX] {
        let semaphore = Semaphore::new(0);
        let mut waiting = pin!(semaphore.acquire_many(n));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(semaphore.needed(), Some(LARGEST));
    }
}
