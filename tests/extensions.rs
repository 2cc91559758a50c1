//! The API beyond that of tokio and async-lock: what users of other semaphores request or build by hand, with
//! races. `docs/pitfalls.md` links the requests.

#[allow(dead_code, unreachable_pub, reason = "shared with the promises")]
#[path = "common/wait.rs"]
mod wait;

use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fairgate::{
    AcquireError, Handle, MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard,
    OwnedSemaphorePermit, PollSemaphore, Semaphore, TimeoutExt,
};
use futures_lite::future::block_on;
use futures_lite::{Stream, StreamExt, stream};
use wait::wait_until;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// A bounded queue.

#[test]
fn the_bound_holds_among_threads() {
    const THREADS: usize = 8;
    const LENGTH: usize = 3;
    let semaphore = Arc::new(Semaphore::new(0));
    let (failed, mut length) = (AtomicUsize::new(0), 0);
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let (semaphore, failed) = (&semaphore, &failed);
            threads.spawn(move || {
                let granted = if thread % 2 == 0 {
                    block_on(semaphore.acquire().max_waiters(LENGTH)).is_ok()
                } else {
                    block_on(semaphore.clone().acquire_owned().max_waiters(LENGTH)).is_ok()
                };
                failed.fetch_add(usize::from(!granted), Ordering::Relaxed);
            });
        }
        wait_until(|| failed.load(Ordering::Relaxed) + semaphore.waiters() == THREADS);
        length = semaphore.waiters();
        semaphore.add_permits(1);
    });
    assert_eq!(length, LENGTH);
    assert_eq!(failed.load(Ordering::Relaxed), THREADS - LENGTH);
    assert_eq!(semaphore.available_permits(), 1);
}

// One request, with each form of waiting on each handle.

/// A request may have a maximum and a bound, set in any order. The last call of each counts.
#[test]
fn a_maximum_and_a_bound_combine() {
    let semaphore = Semaphore::new(4);
    let batch = block_on(semaphore.acquire_many(2).up_to(3).max_waiters(0)).unwrap();
    assert_eq!(batch.num_permits(), 3);
    let mut first = pin!(semaphore.acquire_many(2).max_waiters(9).max_waiters(1).up_to(9).up_to(3));
    assert!(poll(first.as_mut()).is_pending());
    let Poll::Ready(Err(full)) = poll(pin!(semaphore.acquire_many(2).up_to(3).max_waiters(1))) else {
        panic!("one request is queued")
    };
    assert!(full.is_full());
    drop(batch);
    assert!(matches!(poll(first), Poll::Ready(Ok(batch)) if batch.num_permits() == 3));
}

#[test]
fn a_granted_range_that_was_not_polled_reports_what_it_holds() {
    let semaphore = Semaphore::new(0);
    let mut range = pin!(semaphore.acquire().up_to(5));
    let mut all = pin!(semaphore.acquire_all());
    assert_eq!((range.num_permits(), all.num_permits()), (1, 0));
    assert!(poll(range.as_mut()).is_pending());
    let mut front = Box::pin(semaphore.acquire_all());
    assert!(poll(front.as_mut()).is_pending() && poll(all.as_mut()).is_pending());
    semaphore.add_permits(4);
    assert!(range.is_granted());
    assert_eq!((range.num_permits(), semaphore.held(), semaphore.available_permits()), (4, 4, 0));
    assert_eq!(all.num_permits(), 4, "it waits for the limit");
    semaphore.add_permits(3);
    assert_eq!(all.num_permits(), 7);
    let Poll::Ready(Ok(batch)) = poll(range.as_mut()) else { panic!("it is granted") };
    assert_eq!(batch.num_permits(), 4);
    drop(batch);
    assert!(front.is_granted() && front.num_permits() == 7 && !all.is_granted());
    drop(front);
    assert!(all.is_granted() && all.num_permits() == 7);
}

/// Every form of a request: configured, then awaited, tried, or waited for by a thread.
fn every_form_of_a_request<H: Handle<Target = Semaphore> + Clone>(handle: H) {
    let semaphore: &Semaphore = &handle;
    let request = || Semaphore::acquire_from(handle.clone(), 2).up_to(3).max_waiters(0);
    let all = || Semaphore::acquire_all_from(handle.clone());
    assert_eq!(semaphore.limit(), 5);
    let first = block_on(request()).unwrap();
    let second = request().try_wait().unwrap();
    assert_eq!((first.num_permits(), second.num_permits()), (3, 2));
    let refused = [
        block_on(request()).unwrap_err(),
        request().wait().unwrap_err(),
        request().wait_timeout(Duration::MAX).unwrap_err(),
        request().try_wait().unwrap_err().into(),
        all().try_wait().unwrap_err().into(),
        block_on(all().max_waiters(0)).unwrap_err(),
    ];
    assert!(refused.iter().all(AcquireError::is_full));
    assert!(all().wait_timeout(Duration::ZERO).unwrap_err().is_timed_out());
    drop((first, second));
    assert_eq!(block_on(all()).unwrap().num_permits(), 5);
    assert_eq!(all().wait().unwrap().num_permits(), 5);
    assert_eq!(all().wait_timeout(Duration::ZERO).unwrap().num_permits(), 5);
    assert_eq!(all().try_wait().unwrap().num_permits(), 5);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (5, 0));
}

#[test]
fn every_handle_has_every_form_of_a_request() {
    every_form_of_a_request(&Semaphore::new(5));
    every_form_of_a_request(Arc::new(Semaphore::new(5)));
    every_form_of_a_request(Rc::new(Semaphore::new(5)));
}

// Any handle.

#[test]
fn a_permit_may_hold_an_rc() {
    let semaphore = Rc::new(Semaphore::new(2));
    let mut permit = block_on(Semaphore::acquire_from(semaphore.clone(), 2)).unwrap();
    assert_eq!(Rc::strong_count(permit.semaphore()), 2);
    let half = permit.split(1).unwrap();
    assert!(Semaphore::acquire_from(semaphore.clone(), 1).try_wait().is_err());
    drop((permit, half));
    assert_eq!((semaphore.available_permits(), Rc::strong_count(&semaphore)), (2, 1));
}

/// Each handle comes back, with its own type.
#[test]
fn permits_and_guards_return_their_semaphore_and_mutex() {
    let (semaphore, mutex) = (Semaphore::new(1), Mutex::new(1));
    let (permit, guard) = (semaphore.try_acquire().unwrap(), mutex.try_lock().unwrap());
    let (of_permit, of_guard): (&Semaphore, &Mutex<i32>) = (permit.semaphore(), MutexGuard::mutex(&guard));
    assert!(std::ptr::eq(of_permit, &semaphore) && std::ptr::eq(of_guard, &mutex));

    let (semaphore, mutex) = (Arc::new(Semaphore::new(1)), Arc::new(Mutex::new(vec![1, 2])));
    let permit = semaphore.clone().try_acquire_owned().unwrap();
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    let first = OwnedMutexGuard::map(guard, |list| &mut list[0]);
    assert!(Arc::ptr_eq(OwnedMappedMutexGuard::mutex(&first), &mutex));

    let (semaphore, mutex) = (Rc::new(Semaphore::new(1)), Rc::new(Mutex::new(1)));
    let permit = Semaphore::acquire_from(semaphore.clone(), 1).try_wait().unwrap();
    let guard = Mutex::lock_from(mutex.clone()).try_wait().unwrap();
    assert!(Rc::ptr_eq(permit.semaphore(), &semaphore));
    assert!(Rc::ptr_eq(fairgate::Guard::mutex(&guard), &mutex));
}

// One `?` for every way to fail.

/// Each line fails in its own way, if it does.
async fn acquire_in_every_way(semaphore: &Semaphore, failing: usize) -> Result<(), AcquireError> {
    let limit = if failing == 0 { Duration::ZERO } else { Duration::MAX };
    match failing {
        0 => drop(semaphore.acquire().wait_timeout(limit)?),
        1 => drop(semaphore.acquire().with_timeout(ready(())).await??),
        2 => drop(semaphore.acquire().max_waiters(0).await?),
        3 => drop(semaphore.try_acquire()?),
        4 => drop(semaphore.acquire().max_waiters(0).with_timeout(ready(())).await??),
        _ => drop(semaphore.acquire().up_to(2).wait()?),
    }
    Ok(())
}

#[test]
fn one_question_mark_fits_every_error() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let fail = |failing| {
        let error = block_on(acquire_in_every_way(&semaphore, failing)).unwrap_err();
        (error.is_timed_out(), error.is_full(), error.is_closed(), error.to_string())
    };
    let timed_out = (true, false, false, "deadline has elapsed".to_string());
    let full = (false, true, false, "queue full".to_string());
    let closed = (false, false, true, "semaphore closed".to_string());
    assert_eq!([fail(0), fail(1)], [(); 2].map(|()| timed_out.clone()));
    assert_eq!([fail(2), fail(3), fail(4)], [(); 3].map(|()| full.clone()));
    drop(held);
    (0..6).for_each(|failing| assert!(block_on(acquire_in_every_way(&semaphore, failing)).is_ok()));
    semaphore.close();
    (0..6).for_each(|failing| assert_eq!(fail(failing), closed));
}

// A semaphore that is polled by hand.

/// A service with a concurrency limit, in the manner of tower: ready when it holds a permit, which moves into
/// the call.
struct Limited {
    slots: PollSemaphore,
    slot: Option<OwnedSemaphorePermit>,
}

impl Limited {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        if self.slot.is_none() {
            self.slot = Some(std::task::ready!(self.slots.poll_acquire(cx))?);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self) -> impl Future<Output = ()> + use<> {
        let slot = self.slot.take().expect("poll_ready comes first");
        async move { drop(slot) }
    }
}

#[test]
fn poll_semaphore_can_cancel_and_change_its_request() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut polled = PollSemaphore::new(semaphore.clone());
    let mut next = pin!(semaphore.acquire());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(polled.poll_acquire(&mut cx).is_pending());
    assert!(poll(next.as_mut()).is_pending());
    semaphore.add_permits(1);
    assert!(poll(next.as_mut()).is_pending());
    polled.cancel();
    assert!(poll(next.as_mut()).is_ready(), "the grant is passed on");
    assert!(polled.poll_acquire_many(&mut cx, 3).is_pending());
    assert!(polled.poll_acquire_many(&mut cx, 2).is_pending());
    assert_eq!(semaphore.waiters(), 1, "another number of permits is another request");
    semaphore.add_permits(2);
    assert!(matches!(polled.poll_acquire_many(&mut cx, 2), Poll::Ready(Ok(two)) if two.num_permits() == 2));
    assert!(polled.poll_acquire_many(&mut cx, 9).is_pending());
    drop(polled);
    assert_eq!(semaphore.waiters(), 0);
}

/// As `tower::Service::poll_ready` may be used: again after it was ready. A service that does not look whether it has a
/// permit needs a second one.
#[test]
fn a_service_that_is_ready_may_be_polled_again() {
    let slots = Arc::new(Semaphore::new(1));
    let mut cx = Context::from_waker(Waker::noop());
    let mut limited = Limited { slots: PollSemaphore::new(slots.clone()), slot: None };
    for _ in 0..2 {
        assert!(matches!(limited.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        assert_eq!((limited.slot.is_some(), slots.waiters()), (true, 0));
    }
    let mut careless = PollSemaphore::new(slots.clone());
    assert!(careless.poll_acquire(&mut cx).is_pending());
    drop(limited);
    let Poll::Ready(Ok(first)) = careless.poll_acquire(&mut cx) else { panic!("it is granted") };
    assert!(careless.poll_acquire(&mut cx).is_pending(), "each poll after a ready one is a new request");
    drop(first);
    assert!(careless.poll_acquire(&mut cx).is_ready());
}

#[test]
fn a_service_fails_after_closing_and_keeps_the_permit_that_it_has() {
    let slots = Arc::new(Semaphore::new(1));
    let mut cx = Context::from_waker(Waker::noop());
    let mut ready = Limited { slots: PollSemaphore::new(slots.clone()), slot: None };
    let mut waiting = ready.slots.clone();
    assert!(ready.poll_ready(&mut cx).is_ready() && waiting.poll_acquire(&mut cx).is_pending());
    slots.close();
    for _ in 0..2 {
        assert!(matches!(waiting.poll_acquire(&mut cx), Poll::Ready(Err(closed)) if closed.is_closed()));
        assert!(matches!(ready.poll_ready(&mut cx), Poll::Ready(Ok(()))));
    }
    block_on(ready.call());
    assert!(matches!(ready.poll_ready(&mut cx), Poll::Ready(Err(closed)) if closed.is_closed()));
    assert_eq!((slots.available_permits(), slots.waiters()), (1, 0));
}

/// Dropping a `PollSemaphore` cancels what it waits for, or passes on what it was granted. Its memory is used again.
#[test]
fn a_poll_semaphore_that_is_dropped_between_polls_passes_its_grant_on() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut cx = Context::from_waker(Waker::noop());
    for granted in [false, true] {
        let mut polled = PollSemaphore::new(semaphore.clone());
        for _ in 0..2 {
            assert!(polled.poll_acquire(&mut cx).is_pending());
            semaphore.add_permits(1);
            let Poll::Ready(Ok(permit)) = polled.poll_acquire(&mut cx) else { panic!("it is granted") };
            permit.forget();
        }
        assert!(polled.poll_acquire(&mut cx).is_pending());
        let mut next = pin!(semaphore.acquire());
        assert!(poll(next.as_mut()).is_pending());
        if granted {
            semaphore.add_permits(1);
        }
        drop(polled);
        if !granted {
            semaphore.add_permits(1);
        }
        let Poll::Ready(Ok(permit)) = poll(next.as_mut()) else { panic!("it is next") };
        permit.forget();
        assert_eq!((semaphore.waiters(), semaphore.limit()), (0, 0));
    }
}

/// The stream of the documentation of `PollSemaphore`: the item first, then its permit.
struct LimitedStream<S: Stream> {
    items: S,
    next: Option<S::Item>,
    slots: PollSemaphore,
}

impl<S: Stream<Item: Unpin> + Unpin> Stream for LimitedStream<S> {
    type Item = (S::Item, OwnedSemaphorePermit);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.next.is_none() {
            self.next = std::task::ready!(self.items.poll_next(cx));
        }
        let Some(item) = self.next.take() else { return Poll::Ready(None) };
        match self.slots.poll_acquire(cx) {
            Poll::Ready(slot) => Poll::Ready(slot.ok().map(|slot| (item, slot))),
            Poll::Pending => {
                self.next = Some(item);
                Poll::Pending
            }
        }
    }
}

#[test]
fn a_stream_waits_for_permits_keeps_its_item_and_ends_after_closing() {
    let semaphore = Arc::new(Semaphore::new(1));
    let limited = |slots| LimitedStream { items: stream::iter(1..=3), next: None, slots };
    let mut one = limited(PollSemaphore::new(semaphore.clone()));
    let mut other = limited(one.slots.clone());
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some((1, slot))) = one.poll_next(&mut cx) else { panic!("a permit is available") };
    for _ in 0..2 {
        assert!(one.poll_next(&mut cx).is_pending() && other.poll_next(&mut cx).is_pending());
        assert_eq!(semaphore.waiters(), 2);
    }
    drop(slot);
    drop(one); // it was granted the permit, and passes it on
    let Poll::Ready(Some((1, slot))) = other.poll_next(&mut cx) else { panic!("it is next") };
    assert!(other.poll_next(&mut cx).is_pending());
    semaphore.close();
    for _ in 0..2 {
        assert!(matches!(other.poll_next(&mut cx), Poll::Ready(None)));
    }
    drop(slot);
    let slots = other.slots;
    assert_eq!((slots.as_ref().available_permits(), slots.semaphore().waiters()), (1, 0));
    assert!(Arc::ptr_eq(&slots.into_inner(), &semaphore));
}

// Mapped guards.

/// A borrowed mapped guard does not name the type of the whole value.
#[test]
fn mapped_guards_of_different_mutexes_can_have_one_type() {
    let (pair, list) = (Mutex::new((1, "one")), Mutex::new(vec![2]));
    let numbers: [MappedMutexGuard<'_, i32>; 2] = [
        MutexGuard::map(pair.try_lock().unwrap(), |pair| &mut pair.0),
        MutexGuard::try_map(list.try_lock().unwrap(), |list| list.last_mut()).unwrap(),
    ];
    assert_eq!(numbers.map(|number| *number), [1, 2]);
}

// Detecting a futurelock.

#[test]
fn is_granted_reports_a_grant_before_the_next_poll() {
    let (semaphore, mutex) = (Semaphore::new(0), Mutex::new(()));
    let mut future = pin!(semaphore.acquire());
    let mut up_to_future = pin!(semaphore.acquire().up_to(2));
    let mut bounded = pin!(semaphore.acquire().max_waiters(9));
    let mut lock = pin!(mutex.lock());
    let held = mutex.try_lock().unwrap();
    let pending = [
        poll(future.as_mut()).is_pending(),
        poll(up_to_future.as_mut()).is_pending(),
        poll(bounded.as_mut()).is_pending(),
        poll(lock.as_mut()).is_pending(),
    ];
    assert_eq!(pending, [true; 4]);
    let granted =
        || [future.is_granted(), up_to_future.is_granted(), bounded.is_granted(), lock.is_granted()];
    assert_eq!(granted(), [false; 4]);
    drop(held);
    semaphore.add_permits(4);
    assert_eq!(granted(), [true; 4]);
    let permits = [poll(future.as_mut()), poll(up_to_future.as_mut())].map(|poll| poll.is_ready());
    assert!(permits == [true; 2] && poll(bounded.as_mut()).is_ready() && poll(lock.as_mut()).is_ready());
    assert!(!future.is_granted() && !lock.is_granted(), "they have completed");
}

/// One task has two futures of one semaphore. It no longer polls the first, which is granted the permit, and
/// awaits the second. The deadline counts polls, so that the test ends.
#[test]
fn is_granted_detects_a_futurelock_and_dropping_the_future_resolves_it() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut first = Box::pin(semaphore.acquire());
    assert!(poll(first.as_mut()).is_pending());
    drop(held);
    let mut polls = 0..100;
    let deadline = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if polls.next().is_none() { Poll::Ready(()) } else { Poll::Pending }
    });
    assert!(block_on(semaphore.acquire().with_timeout(deadline)).is_err());
    assert!(first.is_granted(), "the first future was granted the permit");
    drop(first);
    assert!(block_on(semaphore.acquire()).is_ok());
}
