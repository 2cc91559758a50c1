//! Dropping a future at any time removes its waiter from the queue. Permits granted to it go to the next
//! waiter.

use std::pin::pin;
use std::sync::atomic::AtomicPtr;
use std::task::{Context, Waker};

use fairgate::{Mutex, Semaphore};

use crate::common::script::{self, Row};
use crate::common::source::{NewSource, SemaphoreSource, for_each_source, leak};
use crate::common::step::Outcome;
use crate::common::world::World;
use crate::common::{panics, rounds};

/// P01, P02, P31. `barging.rs` has rows for mutexes, too.
const TABLE: &[Row] = &[
    // claim, available, script, woken, available at the end
    ("cancelling a large front grants every waiter that fits", 2, "3 1 1 1 x0", &[1, 2], 0),
    ("cancelling a middle waiter, or a front before a large one, wakes nothing", 1, "3 1 2 x1 x0", &[], 1),
    ("cancelling the front keeps the order of the others", 0, "1 1 1 x0 1 +1 +1 +1", &[1, 2, 3], 0),
    ("cancelling a middle waiter links its neighbours", 0, "1 1 1 x1 +1 +1", &[0, 2], 0),
    ("cancelling the back leaves a usable queue", 0, "1 1 x1 +1 1 +1", &[0, 2], 0),
    ("cancelling the front grants nothing while permits are owed", 1, "-2 2 1 x0", &[], 0),
    ("the next one is granted when they are paid", 1, "-2 2 1 x0 +2", &[1], 0),
    ("a large grant that is dropped passes its permits on to several", 0, "3 1 2 +3 x0", &[0, 1, 2], 0),
    ("a grant that is dropped with an empty queue becomes available", 0, "3 +3 x0", &[0], 3),
    ("a cancelled request that is made again is queued at the back", 0, "1 1 x0 1 +1 +1", &[1, 2], 0),
];

fn every_row_of_the_table_is_true<S: SemaphoreSource + NewSource>() {
    script::check::<S>(TABLE);
}

/// P18: a node was freed while it was linked. Four waiters, some of them granted, are cancelled in every order.
fn cancelling_in_any_order_loses_nothing<S: SemaphoreSource + NewSource>() {
    for granted in 0..=4 {
        for order in permutations(vec![0, 1, 2, 3]) {
            let mut world = World::<S>::new(0);
            for _ in 0..4 {
                world.acquire(1);
            }
            world.source.add(granted);
            order.iter().for_each(|&waiter| world.cancel(waiter));
            assert_eq!(
                (world.state().available, world.state().waiters),
                (granted, 0),
                "{granted} {order:?}"
            );
        }
    }
}

fn permutations(rest: Vec<usize>) -> Vec<Vec<usize>> {
    let with_first = |&first: &usize| {
        let rest = rest.iter().copied().filter(|&other| other != first).collect();
        permutations(rest).into_iter().map(move |order| [vec![first], order].concat()).collect::<Vec<_>>()
    };
    if rest.is_empty() { vec![vec![]] } else { rest.iter().flat_map(with_first).collect() }
}

/// P18: cancelled waiters were never removed, and the queue grew.
fn many_cancelled_waiters_leave_the_queue_as_it_was<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let front = world.acquire(1);
    for _ in 0..rounds(20_000) {
        let mut request = world.source.acquire(1.into());
        assert!(pin!(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let next = world.acquire(1);
    assert!(world.source.counts().1 <= 2, "only the first and the last are queued");
    world.source.add(1);
    world.cancel(front);
    assert_eq!(world.woken(), [front, next]);
}

/// P19: polling again returned a second permit.
fn polling_again_after_completion_panics_and_takes_nothing<S: NewSource>() {
    for immediate in [true, false] {
        let source = S::with_permits(usize::from(immediate));
        let mut request = source.acquire(1.into());
        let mut poll = || pin!(&mut request).poll(&mut Context::from_waker(Waker::noop()));
        if !immediate {
            assert!(poll().is_pending());
            source.add(1);
        }
        let permits = poll();
        assert!(permits.is_ready());
        assert!(panics(&mut poll));
        assert!(!source.is_available());
        drop(permits);
        assert!(panics(&mut poll));
        assert!(source.is_available());
    }
}

/// P19: an error completes the future too.
fn polling_again_after_an_error_panics<S: SemaphoreSource + NewSource>() {
    let source = S::with_permits(1);
    source.close();
    let mut request = source.acquire(1.into());
    let mut poll = || pin!(&mut request).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_ready());
    assert!(panics(poll));
    assert_eq!(source.available_permits(), 1);
}

/// A future that is leaked while it waits stays queued. It takes the permits it requested, and the queue stays
/// intact.
fn a_leaked_future_keeps_its_place_and_its_permits_and_nothing_else<S: NewSource<Future: Sync>>() {
    let mut world = World::<S>::new(1);
    let [holder, leaked, last] = [(); 3].map(|()| world.acquire(1));
    leak(world.take_future(leaked));
    world.release(holder);
    assert_eq!(world.woken(), [leaked]);
    assert_eq!(world.poll(last), Outcome::Pending);
    assert_eq!(world.try_acquire(1), Outcome::Failed);
}

/// A leaked future that borrows the semaphore does not keep it alive, as its borrow has ended. The leaked waiter is
/// queued, granted or closed when the semaphore is dropped at the end of the scope.
#[test]
fn a_semaphore_may_be_dropped_after_a_queued_future_on_it_is_leaked() {
    /// Keeps the leaked memory reachable for leak detectors.
    static LEAKED: Mutex<Vec<AtomicPtr<()>>> = Mutex::new(Vec::new());
    for (granted, closed) in [(false, false), (false, true), (true, false), (true, true)] {
        let semaphore = Semaphore::new(0);
        let mut future = Box::pin(semaphore.acquire());
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        LEAKED.blocking_lock().push(AtomicPtr::new((&raw const *future).cast_mut().cast()));
        std::mem::forget(future);
        if granted {
            semaphore.add_permits(3);
        }
        assert_eq!(semaphore.waiters(), usize::from(!granted));
        if closed {
            semaphore.close();
            assert_eq!(semaphore.waiters(), 0);
        }
        assert_eq!(semaphore.available_permits(), if granted { 2 } else { 0 });
    }
}

for_each_source! {
    all:
        many_cancelled_waiters_leave_the_queue_as_it_was,
        polling_again_after_completion_panics_and_takes_nothing,
        a_leaked_future_keeps_its_place_and_its_permits_and_nothing_else;
    semaphores:
        every_row_of_the_table_is_true,
        cancelling_in_any_order_loses_nothing,
        polling_again_after_an_error_panics,
}
