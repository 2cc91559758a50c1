//! If a waker panics, no permit and no waker is lost, every other waker is still called, and the semaphore
//! stays usable.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use crate::common::panics;
use crate::common::source::{NewSource, SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::{Outcome, State};
use crate::common::waker::{self, WakerEvent};
use crate::common::world::World;

fn panicking_waker() -> Waker {
    waker::on(WakerEvent::Wake, || panic!("the waker panics"))
}

/// The wakers behind a panicking waker run while its panic is pending. The process does not abort.
fn wakers_behind_a_panicking_waker_run_while_its_panic_is_pending<S: SemaphoreSource + SyncSource>() {
    let mut world = World::<S>::new(0);
    let [_, second] = [world.acquire_with(1, &panicking_waker()), world.acquire(1)];
    let during_panic = waker::on(WakerEvent::Wake, || assert!(std::thread::panicking()));
    let third = world.acquire_with(1, &during_panic);
    assert!(panics(|| world.source.add(3)));
    assert_eq!(world.woken(), [second]);
    assert_eq!(world.poll(third), Outcome::Acquired(1));
}

/// Counts waker events and panics at one of them.
struct PanicAt {
    events_left: AtomicUsize,
    panicked: AtomicBool,
}

impl PanicAt {
    fn waker(self: &Arc<Self>) -> Waker {
        let panic_at = self.clone();
        waker::hooked(move |event| {
            let one_less = |left: usize| left.checked_sub(1);
            if panic_at.events_left.fetch_update(SeqCst, SeqCst, one_less) == Ok(1) {
                panic_at.panicked.store(true, SeqCst);
                panic!("at this {event:?}");
            }
        })
    }
}

/// P09, for every source: the waiter whose waker panics keeps its permit, and so does the next.
fn a_panicking_waker_does_not_change_permits_or_order<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let [first, second] = [(); 2].map(|()| world.acquire_with(1, &panicking_waker()));
    let third = world.acquire(1);
    assert!(panics(|| world.source.add(1)));
    let future = world.take_future(first);
    assert!(panics(|| drop(future)), "the second waiter is granted, and its waker panics");
    assert_eq!(world.poll(third), Outcome::Pending);
    assert_eq!(world.poll(second), Outcome::Acquired(1));
    world.release(second);
    assert_eq!(world.woken(), [third]);
    assert_eq!(world.poll(third), Outcome::Acquired(1));
}

type Action<S> = fn(&mut World<S>, &Waker);

/// Four requests are queued, one gets another waker, the front is granted a permit and cancelled. Then `end`. Runs once for each
/// waker event, with a panic at that event.
fn panic_at_each_event<S: NewSource>(
    requests: [usize; 4],
    end: &[Action<S>],
    check: impl Fn(&World<S>, usize),
) {
    let begin: [Action<S>; 7] = [
        |world, waker| _ = world.poll_with(0, waker),
        |world, waker| _ = world.poll_with(1, waker),
        |world, waker| _ = world.poll_with(2, waker),
        |world, waker| _ = world.poll_with(3, waker),
        |world, waker| _ = world.poll_with(2, waker),
        |world, _| world.source.add(1),
        |world, _| world.drop_waiter(0),
    ];
    for event in 1.. {
        let panic_at = Arc::new(PanicAt { events_left: event.into(), panicked: false.into() });
        let mut world = World::<S>::new(0);
        for n in requests {
            world.create(n);
        }
        for step in begin.iter().chain(end) {
            let waker = ManuallyDrop::new(panic_at.waker());
            let _may_panic = panics(|| step(&mut world, &waker));
            let _may_panic = panics(|| drop(ManuallyDrop::into_inner(waker)));
        }
        world.drop_all_waiters();
        check(&world, event);
        assert_eq!(Arc::strong_count(&panic_at), 1, "a waker was leaked at event {event}");
        if !panic_at.panicked.load(SeqCst) {
            assert!(event > 10, "the script causes waker events");
            return;
        }
    }
}

/// P08, P29, for every source: a panic at each waker event in turn.
fn a_panic_at_any_waker_event_loses_no_permit<S: NewSource>() {
    let end: [Action<S>; 2] = [|world, _| world.drop_waiter(1), |world, _| world.drop_waiter(3)];
    panic_at_each_event([1; 4], &end, |world, event| {
        assert_eq!(world.source.counts(), (1, 0), "at event {event}");
    });
}

/// P08: a panic during a poll left a dangling node and lost permits. P29: an assertion under the queue lock
/// left it locked. The script queues, replaces wakers, grants, cancels and closes; each waker event panics
/// once.
fn a_panic_at_any_waker_event_loses_nothing_on_a_semaphore<S: SemaphoreSource + NewSource>() {
    let end: [Action<S>; 3] = [
        |world, _| world.source.add(1),
        |world, _| world.source.close(),
        |world, _| world.drop_all_waiters(),
    ];
    panic_at_each_event([2, 1, 1, 1], &end, |world, event| {
        assert_eq!(world.state(), State { available: 2, waiters: 0, closed: true }, "at event {event}");
    });
}

/// The permit arrives while the waker is cloned. The clone is then not needed and panics as it is dropped.
fn a_panic_while_an_unneeded_clone_is_dropped_loses_no_permit<S: SemaphoreSource + SyncSource>() {
    let mut world = World::<S>::new(0);
    let (source, clones) = (world.source.clone(), AtomicUsize::new(0));
    let waker = waker::hooked(move |event| match event {
        WakerEvent::Clone => {
            clones.fetch_add(1, SeqCst);
            source.add(1);
        }
        WakerEvent::Drop if clones.swap(0, SeqCst) > 0 => panic!("the clone is not needed"),
        _ => {}
    });
    let waiter = world.create(1);
    let _may_panic = panics(|| world.poll_with(waiter, &waker));
    world.drop_all_waiters();
    assert_eq!(world.state(), State { available: 1, waiters: 0, closed: false });
}

/// A panic payload that counts its drops and panics while it is dropped.
struct PanickingPayload(Arc<AtomicUsize>);

impl Drop for PanickingPayload {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        // This payload cannot leak anything.
        panic_any(());
    }
}

/// Only the first of several panics resumes. The payloads of the others are dropped, not leaked, even if their
/// drop panics.
fn the_payload_of_a_suppressed_panic_is_dropped<S: SyncSource>() {
    let drops = Arc::new(AtomicUsize::new(0));
    let payload_drops = drops.clone();
    let with_payload =
        waker::on(WakerEvent::Wake, move || panic_any(PanickingPayload(payload_drops.clone())));
    let mut world = World::<S>::new(0);
    let [_, _, _] =
        [panicking_waker(), with_payload.clone(), with_payload].map(|waker| world.acquire_with(1, &waker));
    let last = world.acquire(1);
    assert!(panics(|| world.source.add(4)));
    assert_eq!(world.woken(), [last]);
    assert_eq!(drops.load(SeqCst), 2);
}

/// P09: when a waker panicked, the wakers after it were lost, and with them their permits. Here every waker panics. All are
/// called; the panic of the first resumes.
fn every_waker_is_called_and_the_first_panic_resumes<S: SemaphoreSource + SyncSource>() {
    type Operation<S> = fn(&mut World<S>);
    // Each operation wakes every waiter behind the front.
    let operations: [Operation<S>; 3] =
        [|world| world.source.add(201), |world| world.source.close(), |world| world.cancel(0)];
    let waiters: &[usize] = if cfg!(miri) { &[2, 3] } else { &[2, 3, 100] };
    for (waiters, operation) in waiters.iter().flat_map(|n| operations.map(|run| (*n, run))) {
        let mut world = World::<S>::new(100);
        let front = world.acquire(101);
        let called = Arc::new(Mutex::new(Vec::new()));
        for index in 0..waiters {
            let called = called.clone();
            let waker = waker::on(WakerEvent::Wake, move || {
                called.lock().unwrap().push(index);
                panic_any(index);
            });
            world.acquire_with(1, &waker);
        }
        let payload = catch_unwind(AssertUnwindSafe(|| operation(&mut world))).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&0_usize), "{waiters} waiters");
        assert_eq!(*called.lock().unwrap(), Vec::from_iter(0..waiters));
        let outcome = if world.state().closed { Outcome::Failed } else { Outcome::Acquired(1) };
        (1..=waiters).for_each(|waiter| assert_eq!(world.poll(waiter), outcome));
        let created = if world.woken() == [front] && !world.state().closed { 301 } else { 100 };
        world.drop_all_waiters();
        assert_eq!((world.state().available, world.state().waiters), (created, 0));
    }
}

for_each_source! {
    all:
        a_panicking_waker_does_not_change_permits_or_order,
        a_panic_at_any_waker_event_loses_no_permit;
    semaphores:
        wakers_behind_a_panicking_waker_run_while_its_panic_is_pending,
        a_panic_at_any_waker_event_loses_nothing_on_a_semaphore,
        a_panic_while_an_unneeded_clone_is_dropped_loses_no_permit,
        the_payload_of_a_suppressed_panic_is_dropped,
        every_waker_is_called_and_the_first_panic_resumes,
}
