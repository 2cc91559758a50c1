//! A timeout cancels: at the deadline the future is dropped before the adapter returns `Elapsed`.

use std::cell::Cell;
use std::future::{Future, Pending, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use fairgate::futures::WithTimeout;
use fairgate::{Elapsed, Mutex, Semaphore, TimeoutExt, with_timeout};

use crate::common::panics;
use crate::common::source::{NewSource, PermitSource, SyncSource, for_each_source};
use crate::common::step::Outcome;
use crate::common::waker::{self, WakerEvent};
use crate::common::world::World;

/// A deadline that expires when the test says so.
#[derive(Clone, Default)]
struct ManualDeadline(Rc<Cell<bool>>);

impl ManualDeadline {
    fn expire(&self) {
        self.0.set(true);
    }
}

impl Future for ManualDeadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn elapsed<T>(polled: Poll<Result<T, Elapsed>>) -> bool {
    matches!(polled, Poll::Ready(Err(_)))
}

type Adapter<S, D> = WithTimeout<<S as PermitSource>::Future, D>;

/// An adapter whose future is queued, and its deadline.
fn pending_adapter<S: PermitSource>(source: &S, n: usize) -> (Adapter<S, ManualDeadline>, ManualDeadline) {
    let deadline = ManualDeadline::default();
    let mut adapter = with_timeout(source.acquire(n.into()), deadline.clone());
    assert!(poll(&mut adapter).is_pending());
    (adapter, deadline)
}

/// A new waiter is granted the next permit, so no other waiter is queued.
fn assert_queue_is_empty<S: NewSource>(world: &mut World<S>) {
    let only = world.acquire(1);
    world.source.add(1);
    assert_eq!(world.poll(only), Outcome::Acquired(1), "another waiter is queued");
    world.release(only);
    assert!(world.source.is_available());
}

/// P25: an expired adapter that was kept stayed queued and swallowed the next permit.
fn an_expired_adapter_that_is_kept_is_not_queued<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (mut expired, deadline) = pending_adapter(&world.source, 1);
    deadline.expire();
    assert!(elapsed(poll(&mut expired)));
    assert_queue_is_empty(&mut world);
    drop(expired);
    assert_eq!(world.source.counts(), (1, 0));
}

/// P25: polling it again does not queue it again.
fn a_completed_adapter_panics_when_polled_and_acquires_nothing<S: NewSource>() {
    let world = World::<S>::new(0);
    let (mut expired, deadline) = pending_adapter(&world.source, 1);
    deadline.expire();
    assert!(elapsed(poll(&mut expired)));
    assert!(panics(|| poll(&mut expired)));
    world.source.add(1);
    assert!(panics(|| poll(&mut expired)));
    assert_eq!(world.source.counts(), (1, 0));
    let mut completed = with_timeout(world.source.acquire(1.into()), pending::<()>());
    assert!(matches!(poll(&mut completed), Poll::Ready(Ok(Some(_)))));
    assert!(panics(|| poll(&mut completed)));
    assert_eq!(world.source.counts(), (1, 0));
}

/// P25: the permit is granted and the deadline expires between two polls.
fn a_granted_permit_wins_over_an_expired_deadline<S: NewSource>() {
    let world = World::<S>::new(0);
    let (mut adapter, deadline) = pending_adapter(&world.source, 1);
    world.source.add(1);
    deadline.expire();
    let permits = poll(&mut adapter);
    assert!(matches!(permits, Poll::Ready(Ok(Some(_)))));
    assert!(!world.source.is_available());
    drop(permits);
    assert_eq!(world.source.counts(), (1, 0));
}

/// P25: the permit is granted after the future and before the deadline is polled. It is passed on at once.
fn a_permit_granted_while_the_deadline_is_polled_is_passed_on<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (source, fires) = (world.source.clone(), Cell::new(false));
    let deadline = poll_fn(|_| {
        if !fires.get() {
            return Poll::Pending;
        }
        source.add(1);
        Poll::Ready(())
    });
    let mut adapter = pin!(with_timeout(world.source.acquire(1.into()), deadline));
    assert!(poll(&mut adapter).is_pending());
    let next = world.acquire(1);
    fires.set(true);
    assert!(elapsed(poll(&mut adapter)));
    assert_eq!(world.woken(), [next]);
    assert_eq!(world.poll(next), Outcome::Acquired(1));
}

/// P25: a deadline of zero.
fn an_expired_deadline_does_not_stop_an_acquire_that_completes_at_once<S: NewSource>() {
    let mut world = World::<S>::new(1);
    let mut adapter = with_timeout(world.source.acquire(1.into()), ready(()));
    let permits = poll(&mut adapter);
    assert!(matches!(permits, Poll::Ready(Ok(Some(_)))));
    let mut adapter = with_timeout(world.source.acquire(1.into()), ready(()));
    assert!(elapsed(poll(&mut adapter)));
    drop(permits);
    assert_eq!(world.try_acquire(1), Outcome::Acquired(1), "an expired future is queued");
}

/// P25: the permits that the future holds are released too, not only its place in the queue.
fn permits_held_by_the_future_are_released_before_elapsed_is_returned<S: NewSource>() {
    let world = World::<S>::new(1);
    let deadline = ManualDeadline::default();
    let acquire = world.source.acquire(1.into());
    let work = async {
        let _slot = acquire.await;
        pending::<()>().await;
    };
    let mut adapter = pin!(with_timeout(work, deadline.clone()));
    assert!(poll(&mut adapter).is_pending());
    assert!(!world.source.is_available());
    deadline.expire();
    assert!(elapsed(poll(&mut adapter)));
    assert!(world.source.is_available());
}

/// P25: the deadline panics at the first poll or at a later one.
fn a_deadline_that_panics_cancels_the_waiter<S: NewSource>() {
    for at in 1..=2 {
        let mut world = World::<S>::new(0);
        let mut polls = 0;
        let deadline = poll_fn(move |_| {
            polls += 1;
            assert!(polls < at, "the deadline panics");
            Poll::<()>::Pending
        });
        let mut adapter = with_timeout(world.source.acquire(1.into()), deadline);
        (1..at).for_each(|_| assert!(poll(&mut adapter).is_pending()));
        assert!(panics(|| poll(&mut adapter)));
        assert_queue_is_empty(&mut world);
        assert!(panics(|| poll(&mut adapter)));
        assert_eq!(world.source.counts(), (1, 0));
    }
}

/// P25: the future panics while it holds a permit and has another future queued.
fn a_future_that_panics_releases_its_permits_and_cancels_its_waiters<S: NewSource>() {
    let mut world = World::<S>::new(1);
    let (first, mut second) = (world.source.acquire(1.into()), world.source.acquire(1.into()));
    let work = async move {
        let _slot = first.await;
        assert!(poll(&mut second).is_pending());
        panic!("the future panics");
    };
    let mut adapter = Box::pin(with_timeout(work, pending::<()>()));
    assert!(panics(|| poll(&mut adapter)));
    assert!(world.source.is_available());
    assert_eq!(world.try_acquire(1), Outcome::Acquired(1));
    assert!(panics(|| poll(&mut adapter)));
}

/// A deadline that calls a closure when it is polled and when it is dropped.
struct ReentrantDeadline<F: FnMut()>(F);

impl<F: FnMut() + Unpin> Future for ReentrantDeadline<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        (self.0)();
        Poll::Pending
    }
}

impl<F: FnMut()> Drop for ReentrantDeadline<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// P25: the timer itself calls the semaphore: when it is polled, while the adapter is queued, and when it is
/// dropped.
fn a_deadline_may_acquire_and_cancel_when_it_is_polled_and_dropped<S: NewSource>() {
    let mut world = World::<S>::new(0);
    let (source, mut calls) = (world.source.clone(), 0);
    let reenter = || {
        calls += 1;
        assert!(source.try_acquire(1).is_none());
        let mut late = source.acquire(1.into());
        assert!(poll(&mut late).is_pending());
    };
    let mut adapter = with_timeout(world.source.acquire(1.into()), ReentrantDeadline(reenter));
    assert!(poll(&mut adapter).is_pending());
    assert!(poll(&mut adapter).is_pending());
    drop(adapter);
    assert_eq!(calls, 3);
    assert_queue_is_empty(&mut world);
}

/// P25: the timer wakes its task while it is polled, and the waker calls the semaphore.
fn a_deadline_may_wake_a_waker_that_adds_permits<S: SyncSource>() {
    let world = World::<S>::new(0);
    let source = world.source.clone();
    let adding = waker::on(WakerEvent::Wake, move || {
        if source.counts() == (0, 1) {
            source.add(1);
        }
    });
    let deadline = poll_fn(|cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let mut adapter = with_timeout(world.source.acquire(1.into()), deadline);
    let mut cx = Context::from_waker(&adding);
    assert!(Pin::new(&mut adapter).poll(&mut cx).is_pending());
    assert!(matches!(Pin::new(&mut adapter).poll(&mut cx), Poll::Ready(Ok(Some(_)))));
    assert_eq!(world.source.counts(), (1, 0));
}

/// The same for the futures of the crate pinned on the stack, without a box.
#[test]
fn expired_adapters_on_the_stack_are_not_queued() {
    let (semaphore, mutex, deadline) = (Semaphore::new(0), Mutex::new(()), ManualDeadline::default());
    let guard = mutex.try_lock().unwrap();
    let mut acquire = pin!(semaphore.acquire_many(2).with_timeout(deadline.clone()));
    let mut lock = pin!(with_timeout(mutex.lock(), deadline.clone()));
    let mut either = pin!(with_timeout(semaphore.acquire().max_waiters(5).up_to(2), deadline.clone()));
    assert!(poll(&mut acquire).is_pending() && poll(&mut lock).is_pending());
    assert!(poll(&mut either).is_pending());
    assert_eq!(semaphore.waiters(), 2);
    deadline.expire();
    assert!(elapsed(poll(&mut acquire)) && elapsed(poll(&mut lock)) && elapsed(poll(&mut either)));
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(semaphore.try_acquire().is_ok());
    drop(guard);
    assert!(mutex.try_lock().is_ok());
}

/// The adapter works for any futures.
#[test]
fn the_deadline_is_not_polled_if_the_result_is_ready() {
    let never: Pending<()> = pending();
    assert_eq!(poll(&mut with_timeout(ready(7), never)), Poll::Ready(Ok(7)));
    let not_polled = poll_fn(|_| -> Poll<()> { panic!("polled") });
    assert_eq!(poll(&mut with_timeout(ready(7), not_polled)), Poll::Ready(Ok(7)));
    assert!(elapsed(poll(&mut pending::<()>().with_timeout(ready("any output")))));
}

for_each_source! {
    all:
        an_expired_adapter_that_is_kept_is_not_queued,
        a_completed_adapter_panics_when_polled_and_acquires_nothing,
        a_granted_permit_wins_over_an_expired_deadline,
        a_permit_granted_while_the_deadline_is_polled_is_passed_on,
        an_expired_deadline_does_not_stop_an_acquire_that_completes_at_once,
        permits_held_by_the_future_are_released_before_elapsed_is_returned,
        a_deadline_that_panics_cancels_the_waiter,
        a_future_that_panics_releases_its_permits_and_cancels_its_waiters,
        a_deadline_may_acquire_and_cancel_when_it_is_polled_and_dropped;
    semaphores:
        a_deadline_may_wake_a_waker_that_adds_permits,
}
