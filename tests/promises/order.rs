//! Waiting requests are granted in the order of their first `Pending` poll. Nothing overtakes a queued request.

use crate::common::script::{self, Row};
use crate::common::source::{NewSource, SemaphoreSource, for_each_source};
use crate::common::step::{Outcome, Request};
use crate::common::world::World;

/// P03, P05, P07. `barging.rs` has rows for mutexes, too.
const TABLE: &[Row] = &[
    // claim, available, script, woken, available at the end
    ("an acquire that completes at once wakes nothing", 2, "1 1", &[], 0),
    ("the first poll decides the order", 0, "n1 1 p0 +1", &[1], 0),
    ("one permit wakes one waiter", 0, "1 1 1 +1", &[0], 0),
    ("one release grants as many waiters as it covers", 0, "1 1 2 1 +4", &[0, 1, 2], 0),
    ("permits left over become available", 0, "1 +3", &[0], 2),
    ("no waiter is granted permits past one that needs more", 0, "1 3 1 +3", &[0], 2),
    ("permits for the second waiter are not granted past the first", 1, "2 1", &[], 1),
    ("a large front request is granted first", 1, "2 1 +1 +1", &[0, 1], 0),
    ("a large front request accumulates while small ones wait", 0, "3 1 1 +1 +1", &[], 2),
    ("the waiters behind a large request follow in order", 0, "3 1 1 +5", &[0, 1, 2], 0),
    ("a range takes what is available in its turn", 1, "2 1-5 1 +4", &[0, 1], 0),
    ("a try does not overtake", 1, "2 t1 +1", &[0], 0),
    ("a try does not overtake, even if it would fit", 3, "4 t1 t1 t1-2 t* +1", &[0], 0),
    ("owed permits are paid before any waiter is granted", 0, "-2 1 +1 +1 +1", &[0], 0),
    ("owed permits keep all waiters waiting", 1, "-3 1 +2", &[], 0),
    ("removing permits does not change the order", 2, "3 1 -2 +1 +2 +1", &[0, 1], 0),
];

fn every_row_of_the_table_is_true<S: SemaphoreSource + NewSource>() {
    script::check::<S>(TABLE);
}

/// P07: a poll returned `Pending` without queueing the future. P22: the wakers were called last to first.
fn a_hundred_waiters_are_queued_and_woken_in_order<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    for length in 1..=100 {
        world.acquire(1);
        assert_eq!(world.state().waiters, length);
    }
    world.source.add(100);
    assert_eq!(world.woken(), Vec::from_iter(0..100));
}

/// P27: a future that moves to another task wakes only that task.
fn only_the_newest_waker_is_woken<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (moved, next) = (world.acquire(1), world.acquire(1));
    for _ in 0..100 {
        assert_eq!(world.poll_with_new_waker(moved), Outcome::Pending);
    }
    world.source.add(1);
    assert_eq!(world.wake_log.take(), [(moved, 100)]);
    assert_eq!(world.poll_with_new_waker(moved), Outcome::Acquired(1));
    world.release(moved);
    assert_eq!(world.wake_log.take(), [(next, 0)]);
}

/// P30: the behaviour of a request for 0 permits was undefined. It never waits: not for permits, not behind
/// other waiters, not while permits are owed.
fn a_request_for_zero_permits_never_waits<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    let queued = world.acquire(1);
    world.source.reduce_permits(1);
    let zero = Request::exactly(0);
    for request in [zero, zero.max_waiters(0), Request::up_to(0, 0), Request::up_to(0, 9).max_waiters(0)] {
        let zero = world.create(request);
        assert_eq!(world.poll(zero), Outcome::Acquired(0), "{request:?}");
        world.release(zero);
    }
    assert_eq!(world.try_acquire(0), Outcome::Acquired(0));
    assert_eq!(world.state().waiters, 1);
    world.source.add(2);
    assert_eq!(world.woken(), [queued]);
}

/// The first poll compares the bound with the length of the queue.
fn a_bounded_request_is_not_queued_behind_too_many<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    let bounded = |max_waiters| Request::exactly(1).max_waiters(max_waiters);
    let first_refused = world.create(bounded(0));
    assert_eq!(world.poll(first_refused), Outcome::Failed);
    let first = world.acquire(bounded(1));
    let second = world.create(bounded(1));
    assert_eq!(world.poll(second), Outcome::Failed);
    let third = world.create(bounded(2));
    assert_eq!(world.poll(third), Outcome::Pending);
    assert_eq!(world.state().waiters, 2);
    assert_eq!(world.poll(first), Outcome::Pending, "the bound does not apply once it is queued");
}

for_each_source! {
    all:
        only_the_newest_waker_is_woken;
    semaphores:
        a_request_for_zero_permits_never_waits,
        every_row_of_the_table_is_true,
        a_hundred_waiters_are_queued_and_woken_in_order,
        a_bounded_request_is_not_queued_behind_too_many,
}
