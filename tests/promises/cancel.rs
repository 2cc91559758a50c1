//! Dropping a future at any time removes its waiter from the queue. Permits granted to it go to the next
//! waiter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::task::{Context, Waker};
use std::thread;

use fairgate::{Mutex, Semaphore};

use crate::common::source::{NewSource, SemaphoreSource, SyncSource, for_each_source, leak};
use crate::common::step::Outcome;
use crate::common::world::World;
use crate::common::{panics, rounds};

/// P01: every waiter that fits now, not only the first.
fn cancelling_a_large_front_grants_every_waiter_that_fits<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(2);
    let [large, second, third, fourth] = [3, 1, 1, 1].map(|n| world.acquire(n));
    world.cancel(large);
    assert_eq!(world.woken(), [second, third]);
    assert_eq!(world.poll(fourth), Outcome::Pending);
}

/// P01: no waiter is woken if it does not fit.
fn cancelling_a_middle_waiter_or_a_front_before_one_that_does_not_fit_wakes_nothing<
    S: SemaphoreSource + NewSource,
>() {
    let mut world = World::<S>::new(1);
    let [front, middle, _back] = [3, 1, 2].map(|n| world.acquire(n));
    world.cancel(middle);
    world.cancel(front);
    assert_eq!(world.woken(), []);
}

/// P01: while permits are owed none are available, whichever waiter is cancelled.
fn cancelling_the_front_while_permits_are_owed_grants_nothing<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(1);
    world.source.reduce_permits(2);
    let (front, next) = (world.acquire(2), world.acquire(1));
    world.cancel(front);
    assert_eq!(world.woken(), []);
    world.source.add(2);
    assert_eq!(world.woken(), [next]);
}

/// P02: a waiter was woken and cancelled before it ran, and its wake-up was lost.
fn cancelling_a_granted_waiter_passes_the_permit_on<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (a, b) = (world.acquire(1), world.acquire(1));
    world.source.add(1);
    assert_eq!(world.woken(), [a]);
    world.cancel(a);
    assert_eq!(world.woken(), [b]);
    assert!(!world.source.is_available());
    assert_eq!(world.poll(b), Outcome::Acquired(1));
}

/// P02: with different numbers of permits.
fn cancelling_a_large_granted_waiter_grants_several<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    let [large, one, two] = [3, 1, 2].map(|n| world.acquire(n));
    world.source.add(3);
    world.cancel(large);
    assert_eq!(world.woken(), [large, one, two]);
    world.drop_all_waiters();
    assert_eq!(world.state().available, 3);
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
#[test]
fn a_million_cancelled_waiters_leave_the_queue_empty() {
    let semaphore = Semaphore::new(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut request = pin!(semaphore.acquire());
    for _ in 0..if cfg!(miri) { 1_000 } else { rounds(1_000_000) } {
        assert!(request.as_mut().poll(&mut cx).is_pending());
        request.set(semaphore.acquire());
    }
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(request.as_mut().poll(&mut cx).is_ready());
}

/// P18: for every source, behind a waiter that stays queued.
fn many_cancelled_waiters_leave_the_queue_as_it_was<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let front = world.acquire(1);
    for _ in 0..rounds(20_000) {
        let mut request = world.source.acquire(1.into());
        assert!(pin!(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let next = world.acquire(1);
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

/// P21, P24: a cancel raced with a grant, and the permit was counted twice. (`loom-tests/` explores every
/// interleaving.)
fn a_cancel_that_races_with_a_grant_counts_the_permit_once<S: SemaphoreSource + SyncSource>() {
    for _ in 0..rounds(500) {
        let mut world = World::<S>::new(0);
        let requests = [(); 3].map(|()| {
            let waiter = world.acquire(1);
            world.take_future(waiter)
        });
        let source = &world.source;
        thread::scope(|scope| {
            scope.spawn(move || source.add(2));
            for request in requests {
                scope.spawn(move || drop(request));
            }
        });
        assert_eq!((world.state().available, world.state().waiters), (2, 0));
    }
}

fn a_future_dropped_during_unwinding_is_cancelled<S: NewSource>() {
    for granted in [false, true] {
        let mut world = World::<S>::new(0);
        let (first, second) = (world.acquire(1), world.acquire(1));
        if granted {
            world.source.add(1);
        }
        let future = world.take_future(first);
        let result = catch_unwind(AssertUnwindSafe(move || {
            let _future = future;
            panic!("while the future waits");
        }));
        assert!(result.is_err());
        if !granted {
            world.source.add(1);
        }
        assert_eq!(world.poll(second), Outcome::Acquired(1));
    }
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

/// A futurelock of a mutex: one task has two futures and polls only the second. (`extensions.rs` has it for a semaphore.)
#[test]
fn a_granted_lock_future_that_is_not_polled_reports_the_grant_and_dropping_it_passes_the_lock_on() {
    let mutex = Arc::new(Mutex::new(()));
    let mut cx = Context::from_waker(Waker::noop());
    let guard = mutex.try_lock().unwrap();
    let mut first = Box::pin(mutex.clone().lock_owned());
    let mut second = pin!(mutex.lock());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    drop(guard);
    assert!(first.is_granted() && !second.is_granted());
    drop(first);
    assert!(second.is_granted());
    assert!(second.as_mut().poll(&mut cx).is_ready());
}

for_each_source! {
    all:
        cancelling_a_granted_waiter_passes_the_permit_on,
        many_cancelled_waiters_leave_the_queue_as_it_was,
        polling_again_after_completion_panics_and_takes_nothing,
        a_future_dropped_during_unwinding_is_cancelled,
        a_leaked_future_keeps_its_place_and_its_permits_and_nothing_else;
    semaphores:
        cancelling_a_large_front_grants_every_waiter_that_fits,
        cancelling_a_middle_waiter_or_a_front_before_one_that_does_not_fit_wakes_nothing,
        cancelling_the_front_while_permits_are_owed_grants_nothing,
        cancelling_a_large_granted_waiter_grants_several,
        cancelling_in_any_order_loses_nothing,
        polling_again_after_an_error_panics,
        a_cancel_that_races_with_a_grant_counts_the_permit_once,
}
