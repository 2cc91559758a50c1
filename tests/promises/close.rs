//! Closing fails all pending and all future acquires. Earlier grants stand, and every permit still counts.

use std::time::Duration;

use fairgate::{AcquireError, Semaphore, TryAcquireError};
use futures_lite::future::block_on;

use crate::common::script::{self, Row};
use crate::common::source::{NewSource, SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::{Outcome, Request};
use crate::common::waker::{self, WakerEvent};
use crate::common::world::World;

/// P20: closing revoked a grant.
const TABLE: &[Row] = &[
    // claim, available, script, woken, available at the end
    ("closing fails every waiter and wakes it", 1, "2 1 1 c p0 p1 p2", &[0, 1, 2], 1),
    ("closing does not revoke a grant", 0, "1 1 +1 c p0 p1 x0", &[0, 1], 1),
    ("a grant that is dropped after closing becomes available", 0, "3 +3 c x0", &[0], 3),
    ("a closed semaphore still owes permits", 3, "3 -2 1 c p1 x0", &[1], 1),
];

fn every_row_of_the_table_is_true<S: SemaphoreSource + NewSource>() {
    script::check::<S>(TABLE);
}

/// P30: a request for 0 permits fails too.
fn every_acquire_fails_after_closing<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(5);
    let created_before = world.create(1);
    world.source.close();
    world.source.close();
    assert_eq!(world.poll(created_before), Outcome::Failed);
    for request in [
        Request::exactly(0),
        Request::exactly(1),
        Request::up_to(0, 0),
        Request::up_to(1, 2),
        Request::exactly(1).max_waiters(0),
        Request::ALL,
    ] {
        let late = world.create(request);
        assert_eq!(world.poll(late), Outcome::Failed, "{request:?}");
    }
    assert_eq!(world.try_acquire(0), Outcome::Failed);
    assert_eq!(world.try_acquire(1), Outcome::Failed);
    assert_eq!(world.try_acquire(Request::ALL), Outcome::Failed);
    assert_eq!(world.state().available, 5);
}

#[test]
fn every_way_to_acquire_returns_its_closed_error() {
    let semaphore = Semaphore::new(1);
    semaphore.close();
    let closed: AcquireError = block_on(semaphore.acquire()).unwrap_err();
    assert_eq!(semaphore.blocking_acquire().unwrap_err(), closed);
    assert!(closed.is_closed() && !closed.is_full() && !closed.is_timed_out());
    assert_eq!(block_on(semaphore.acquire().up_to(2).max_waiters(1)).unwrap_err(), closed);
    assert_eq!(block_on(semaphore.acquire_all()).unwrap_err(), closed);
    assert_eq!(semaphore.acquire().wait_timeout(Duration::ZERO).unwrap_err(), closed);
    assert_eq!(semaphore.acquire().up_to(2).try_wait().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(semaphore.try_acquire_many(0).unwrap_err(), TryAcquireError::Closed);
}

/// P06: a later operation cleared the closed bit.
fn every_operation_on_a_closed_semaphore_keeps_it_closed<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(4);
    let [held, split, forgotten] = [2, 1, 1].map(|n| world.acquire(n));
    let (granted, waiting) = (world.acquire(1), world.acquire(9));
    world.source.add(1);
    world.source.close();
    let operations: &[fn(&mut World<S>, usize)] = &[
        |world, _| world.source.add_permits(7),
        |world, _| assert!(world.source.forget_permits(2) <= 2),
        |world, _| world.source.reduce_permits(20),
        |world, _| world.source.set_limit(30),
        |world, _| world.source.set_limit(2),
        |world, _| assert!(world.source.add_permits_up_to(3, 2) <= 3),
        |world, _| world.source.close(),
        |world, waiter| world.drop_waiter(waiter),
    ];
    for waiter in [held, split, forgotten, granted, waiting] {
        for operation in operations {
            operation(&mut world, waiter);
            assert!(world.state().closed);
            assert_eq!(world.try_acquire(0), Outcome::Failed);
        }
    }
    assert_eq!(world.state().waiters, 0);
}

/// P06: a waker closes the semaphore in the middle of a large release. Granted waiters keep their permits, all
/// others fail, and the remaining permits become available.
fn closing_from_a_waker_during_a_large_release_loses_nothing<S: SemaphoreSource + SyncSource>() {
    let mut world = World::<S>::new(0);
    let source = world.source.clone();
    let closer = waker::on(WakerEvent::Wake, move || source.close());
    let closes = world.acquire_with(1, &closer);
    let others: Vec<_> = (0..99).map(|_| world.acquire(1)).collect();
    world.source.add(60);
    assert_eq!(world.state().waiters, 0);
    // The wakers of the failed waiters run inside the waker that closes, so the order differs.
    let mut woken = world.woken();
    woken.sort_unstable();
    assert_eq!(woken, others);
    assert_eq!(world.poll(closes), Outcome::Acquired(1));
    let got = others.iter().filter(|&&waiter| world.poll(waiter) == Outcome::Acquired(1)).count();
    assert_eq!(1 + got + world.state().available, 60);
    assert!(world.state().closed);
    world.drop_all_waiters();
    assert_eq!(world.state().available, 60);
}

for_each_source! {
    semaphores:
        every_row_of_the_table_is_true,
        every_acquire_fails_after_closing,
        every_operation_on_a_closed_semaphore_keeps_it_closed,
        closing_from_a_waker_during_a_large_release_loses_nothing,
}
