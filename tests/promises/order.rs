//! Waiting requests are granted in the order of their first `Pending` poll. Nothing overtakes a queued request.

use crate::common::source::{NewSource, SemaphoreSource, for_each_source};
use crate::common::step::{Outcome, Request};
use crate::common::world::World;

/// A claim that no test below or in `cancel.rs` makes, the permits available at the start, the script, the waiters woken
/// in order, the permits available at the end.
///
/// `3` a new waiter requests 3 permits and is polled once · `+2` adds two permits · `-2` removes two ·
/// `x0` drops the future or the permits of waiter 0 · `t2` tries to acquire two permits and forgets them on success
type Row = (&'static str, usize, &'static str, &'static [usize], usize);

const TABLE: &[Row] = &[
    // claim                                        available  script                  woken    available
    ("an acquire that completes at once wakes nothing", 2, "1 1", &[], 0),
    ("permits for the second waiter are not granted past the first", 1, "2 1", &[], 1),
    ("a large front request is granted first", 1, "2 1 +1 +1", &[0, 1], 0),
    ("a large front request accumulates while small ones wait", 0, "3 1 1 +1 +1", &[], 2),
    ("the waiters behind a large request follow in order", 0, "3 1 1 +5", &[0, 1, 2], 0),
    ("one permit wakes one waiter", 0, "1 1 1 +1", &[0], 0),
    ("no waiter is granted permits past one that needs more", 0, "1 3 1 +3", &[0], 2),
    ("permits left over become available", 0, "1 +3", &[0], 2),
    ("a try does not overtake", 1, "2 t1 +1", &[0], 0),
    ("a try does not overtake, even if it would fit", 3, "4 t1 t1 +1", &[0], 0),
    ("cancelling a middle waiter links its neighbours", 0, "1 1 1 x1 +1 +1", &[0, 2], 0),
    ("cancelling the back leaves a usable queue", 0, "1 1 x1 +1 1 +1", &[0, 2], 0),
    ("a grant that is dropped with an empty queue becomes available", 0, "3 +3 x0", &[0], 3),
    ("a cancelled request that is made again is queued at the back", 0, "1 1 x0 1 +1 +1", &[1, 2], 0),
    ("owed permits are paid before any waiter is granted", 0, "-2 1 +1 +1 +1", &[0], 0),
    ("owed permits keep all waiters waiting", 1, "-3 1 +2", &[], 0),
    ("removing permits does not change the order", 2, "3 1 -2 +1 +2 +1", &[0, 1], 0),
];

fn run_word<S: SemaphoreSource>(world: &mut World<S>, word: &str) {
    let number = || word[1..].parse().unwrap();
    match word.as_bytes()[0] {
        b'+' => world.source.add_permits(number()),
        b'-' => world.source.reduce_permits(number()),
        b'x' => world.drop_waiter(number()),
        b't' => drop(world.source.try_acquire(number()).map(S::Permits::forget)),
        _ => drop(world.acquire(word.parse::<usize>().unwrap())),
    }
}

fn every_row_of_the_table_is_true<S: SemaphoreSource + NewSource>() {
    for &(claim, available, script, woken, left) in TABLE {
        let mut world = World::<S>::new(available);
        script.split_whitespace().for_each(|word| run_word(&mut world, word));
        assert_eq!(world.woken(), woken, "{claim}: {script}");
        assert_eq!(world.state().available, left, "{claim}: {script}");
    }
}

/// P03: a woken waiter lost a race and went to the back of the queue; new requests barged.
fn a_new_request_does_not_overtake_a_granted_waiter_that_was_not_polled<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (a, b) = (world.acquire(1), world.acquire(1));
    world.source.add(1);
    assert_eq!(world.try_acquire(1), Outcome::Failed);
    let late = world.acquire(1);
    assert_eq!(world.poll(late), Outcome::Pending);
    assert_eq!(world.poll(a), Outcome::Acquired(1));
    world.release(a);
    assert_eq!(world.poll(late), Outcome::Pending);
    assert_eq!(world.poll(b), Outcome::Acquired(1));
    assert_eq!(world.woken(), [a, b]);
}

/// P05: one wake-up for several released permits.
fn one_release_grants_as_many_waiters_as_it_covers<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    let all = [1, 1, 2, 1].map(|n| world.acquire(n));
    world.source.add(4);
    assert_eq!(world.woken(), all[..3]);
    assert_eq!(world.poll(all[3]), Outcome::Pending);
}

/// P07: a poll returned `Pending` without queueing the future.
fn a_pending_future_is_queued<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    for length in 1..=50 {
        world.acquire(1);
        assert_eq!(world.state().waiters, length);
    }
    world.source.add(50);
    assert_eq!(world.woken(), (0..50).collect::<Vec<_>>());
}

/// P07: a future that was never polled is not queued.
fn the_first_poll_decides_the_order<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (created_first, polled_first) = (world.create(1), world.acquire(1));
    assert_eq!(world.poll(created_first), Outcome::Pending);
    world.source.add(1);
    assert_eq!(world.woken(), [polled_first]);
}

/// P07: a holder that released and acquired again at once overtook the waiters.
fn a_holder_that_acquires_again_at_once_is_queued_at_the_back<S: NewSource>() {
    let mut world = World::<S>::new(1);
    let (holder, waiter) = (world.acquire(1), world.acquire(1));
    world.release(holder);
    assert_eq!(world.try_acquire(1), Outcome::Failed);
    let again = world.acquire(1);
    assert_eq!(world.poll(again), Outcome::Pending);
    assert_eq!(world.poll(waiter), Outcome::Acquired(1));
}

/// P22: the wakers were called last to first.
fn a_hundred_waiters_are_woken_in_order<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    let all: Vec<_> = (0..100).map(|_| world.acquire(1)).collect();
    world.source.add(100);
    assert_eq!(world.woken(), all);
}

/// P27: two waiters shared one waker slot and woke each other endlessly. P28: spurious polls.
fn a_spurious_poll_wakes_nothing_and_keeps_the_order<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (a, b) = (world.acquire(1), world.acquire(1));
    for _ in 0..100 {
        assert_eq!(world.poll(b), Outcome::Pending);
        assert_eq!(world.poll(a), Outcome::Pending);
    }
    assert_eq!(world.woken(), []);
    world.source.add(1);
    assert_eq!(world.woken(), [a]);
    assert_eq!(world.poll(b), Outcome::Pending);
    assert_eq!(world.poll(a), Outcome::Acquired(1));
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

/// P31: cancelling a waiter moved its neighbour to the back.
fn cancelling_the_front_keeps_the_order_of_the_others<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let [a, b, c] = [(); 3].map(|()| world.acquire(1));
    world.cancel(a);
    let d = world.acquire(1);
    world.source.add(1);
    for (next, name) in [(b, "b"), (c, "c"), (d, "d")] {
        assert_eq!(world.poll(next), Outcome::Acquired(1), "{name} is next");
        assert_eq!(world.woken(), [next]);
        world.release(next);
    }
}

/// `up_to` takes what is available, but its future is queued like every other.
fn a_request_with_a_maximum_waits_for_its_turn<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(1);
    let plain = world.acquire(2);
    let up_to = world.acquire(Request::up_to(1, 5));
    let last = world.acquire(1);
    world.source.add(4);
    assert_eq!(world.woken(), [plain, up_to]);
    assert_eq!(world.poll(up_to), Outcome::Acquired(3));
    assert_eq!(world.poll(last), Outcome::Pending);
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
        a_new_request_does_not_overtake_a_granted_waiter_that_was_not_polled,
        the_first_poll_decides_the_order,
        a_holder_that_acquires_again_at_once_is_queued_at_the_back,
        a_spurious_poll_wakes_nothing_and_keeps_the_order,
        only_the_newest_waker_is_woken,
        cancelling_the_front_keeps_the_order_of_the_others;
    semaphores:
        a_request_for_zero_permits_never_waits,
        every_row_of_the_table_is_true,
        one_release_grants_as_many_waiters_as_it_covers,
        a_pending_future_is_queued,
        a_hundred_waiters_are_woken_in_order,
        a_request_with_a_maximum_waits_for_its_turn,
        a_bounded_request_is_not_queued_behind_too_many,
}
