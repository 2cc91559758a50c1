//! The API beyond that of tokio and async-lock: what users of other semaphores request or build by hand, with
//! races. `docs/pitfalls.md` links the requests.

#[allow(dead_code, unreachable_pub, reason = "shared with the promises")]
#[path = "common/wait.rs"]
mod wait;

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fairgate::{
    Acquire, AcquireError, AcquireOwned, BoundedAcquireError, Handle, Lock, MappedMutexGuard, Mutex,
    MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, OwnedSemaphorePermit, PollSemaphore, Semaphore,
    TimeoutExt, TryAcquireError,
};
use futures_lite::future::block_on;
use futures_lite::{StreamExt, stream};
use wait::wait_until;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// Resizing while permits are held.

#[test]
fn shrinking_owes_permits_that_releases_pay_before_any_grant() {
    let semaphore = Semaphore::new(4);
    let mut held = semaphore.try_acquire_many(4).unwrap();
    let mut next = pin!(semaphore.acquire());
    assert!(poll(next.as_mut()).is_pending());
    semaphore.resize(4, 2);
    drop(held.split(2));
    assert!(poll(next.as_mut()).is_pending(), "these two permits were owed");
    drop(held.split(1));
    assert!(poll(next.as_mut()).is_ready());
    drop(held);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn growing_pays_owed_permits_and_grants_the_rest() {
    let semaphore = Semaphore::new(4);
    let held = semaphore.try_acquire_many(4).unwrap();
    semaphore.resize(4, 1);
    let mut next = pin!(semaphore.acquire());
    assert!(poll(next.as_mut()).is_pending());
    semaphore.resize(1, 4);
    assert!(poll(next.as_mut()).is_pending());
    semaphore.resize(4, 5);
    assert!(poll(next.as_mut()).is_ready());
    drop(held);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn owed_permits_are_counted() {
    let semaphore = Semaphore::new(4);
    let mut held = semaphore.try_acquire_many(3).unwrap();
    assert_eq!(semaphore.permits_owed(), 0);
    semaphore.reduce_permits(3);
    assert_eq!((semaphore.available_permits(), semaphore.permits_owed()), (0, 2));
    let mut next = pin!(semaphore.acquire());
    assert!(poll(next.as_mut()).is_pending());
    drop(held.split(1));
    assert_eq!((semaphore.available_permits(), semaphore.permits_owed()), (0, 1));
    semaphore.close();
    drop(held);
    assert_eq!((semaphore.available_permits(), semaphore.permits_owed()), (1, 0));
}

#[test]
fn resizing_under_threads_loses_nothing_and_the_limit_holds_once_owed_permits_are_paid() {
    const LIMITS: [usize; 5] = [8, 1, 5, 0, 3];
    let (semaphore, holders, start) = (Semaphore::new(LIMITS[0]), AtomicUsize::new(0), Barrier::new(5));
    let mut exclusive = true;
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                start.wait();
                while let Ok(_permit) = semaphore.blocking_acquire() {
                    holders.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                    holders.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
        start.wait();
        for (&from, &to) in (0..200).flat_map(|_| LIMITS.iter().zip(LIMITS.iter().cycle().skip(1))) {
            semaphore.resize(from, to);
            if to > 0 {
                let all = semaphore.blocking_acquire_many(to).unwrap();
                exclusive &= holders.load(Ordering::Relaxed) == 0;
                drop(all);
            }
        }
        semaphore.close();
    });
    assert!(exclusive, "a holder of all permits is the only holder");
    assert_eq!(semaphore.available_permits(), LIMITS[0]);
}

// A bounded queue.

#[test]
fn a_bounded_acquire_fails_at_once_if_the_queue_is_full() {
    let semaphore = Semaphore::new(0);
    let mut waiting = pin!(semaphore.acquire().bounded(1));
    assert!(poll(waiting.as_mut()).is_pending());
    let Poll::Ready(Err(failed)) = poll(pin!(semaphore.acquire().bounded(1))) else {
        panic!("one waiter is queued already")
    };
    assert_eq!(failed, BoundedAcquireError::QueueFull);
    assert_eq!(failed.to_string(), "queue full");
    assert!(poll(pin!(semaphore.acquire().bounded(2))).is_pending());
    semaphore.close();
    let failed = block_on(waiting).unwrap_err();
    assert_eq!(failed, BoundedAcquireError::Closed);
    assert_eq!(failed.to_string(), "semaphore closed");
}

#[test]
fn a_bound_of_zero_acquires_what_is_available() {
    let semaphore = Arc::new(Semaphore::new(2));
    let permit = block_on(semaphore.acquire().bounded(0)).unwrap();
    let owned = block_on(semaphore.clone().acquire_owned().bounded(0)).unwrap();
    assert!(matches!(poll(pin!(semaphore.acquire().bounded(0))), Poll::Ready(Err(_))));
    assert!(matches!(poll(pin!(semaphore.clone().acquire_owned().bounded(0))), Poll::Ready(Err(_))));
    drop((permit, owned));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
}

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
                    block_on(semaphore.acquire().bounded(LENGTH)).is_ok()
                } else {
                    block_on(semaphore.clone().acquire_owned().bounded(LENGTH)).is_ok()
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

// The number of waiters.

#[test]
fn waiters_are_counted_and_shown() {
    let semaphore = Semaphore::new(1);
    let (mut large, mut small) = (pin!(semaphore.acquire_many(2)), pin!(semaphore.acquire()));
    assert!(poll(large.as_mut()).is_pending() && poll(small.as_mut()).is_pending());
    assert_eq!(semaphore.waiters(), 2);
    assert!(format!("{semaphore:?}").contains("waiters: 2"));
    semaphore.add_permits(1);
    assert_eq!(semaphore.waiters(), 1, "a granted future is not a waiter");
    semaphore.close();
    let shown = format!("{semaphore:?}");
    assert!(shown.contains("waiters: 0") && shown.contains("closed: true"), "{shown}");
}

// As many permits as are available, between a minimum and a maximum.

#[test]
fn up_to_acquires_what_is_available_up_to_its_maximum() {
    let semaphore = Arc::new(Semaphore::new(5));
    let batch = block_on(semaphore.acquire_many(2).up_to(3)).unwrap();
    assert_eq!(batch.num_permits(), 3);
    let rest = block_on(semaphore.clone().acquire_owned().up_to(100)).unwrap();
    assert_eq!(rest.num_permits(), 2);
    let mut zero = pin!(semaphore.acquire_many(0).up_to(100));
    assert!(matches!(poll(zero.as_mut()), Poll::Ready(Ok(permit)) if permit.num_permits() == 0));
}

#[test]
fn up_to_is_queued_until_its_minimum_is_available() {
    let semaphore = Semaphore::new(1);
    let (mut first, mut up_to_future) =
        (pin!(semaphore.acquire_many(2)), pin!(semaphore.acquire().up_to(9)));
    assert!(poll(first.as_mut()).is_pending() && poll(up_to_future.as_mut()).is_pending());
    semaphore.add_permits(6);
    let Poll::Ready(Ok(batch)) = poll(up_to_future.as_mut()) else { panic!("it is granted") };
    assert_eq!(batch.num_permits(), 5, "what the first future left");
    assert!(poll(first.as_mut()).is_ready());
}

#[test]
fn try_acquire_up_to_acquires_what_is_available_up_to_its_maximum() {
    let semaphore = Semaphore::new(5);
    let first = semaphore.try_acquire_up_to(2, 3).unwrap();
    let second = semaphore.try_acquire_up_to(1, 100).unwrap();
    assert_eq!((first.num_permits(), second.num_permits(), semaphore.available_permits()), (3, 2, 0));
    assert_eq!(semaphore.try_acquire_up_to(1, 3).unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.try_acquire_up_to(0, 3).unwrap().num_permits(), 0);
    drop(first);
    assert_eq!(semaphore.try_acquire_up_to(4, 9).unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.available_permits(), 3, "a failed try acquires nothing");
    semaphore.close();
    assert_eq!(semaphore.try_acquire_up_to(1, 3).unwrap_err(), TryAcquireError::Closed);
    assert_eq!(semaphore.try_acquire_up_to(0, 0).unwrap_err(), TryAcquireError::Closed);
}

#[test]
fn try_acquire_up_to_does_not_overtake_a_waiter() {
    let semaphore = Semaphore::new(1);
    let mut front = pin!(semaphore.acquire_many(2));
    assert!(poll(front.as_mut()).is_pending());
    assert_eq!(semaphore.try_acquire_up_to(1, 2).unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.try_acquire_up_to(0, 2).unwrap().num_permits(), 0);
    semaphore.add_permits(2);
    assert_eq!(semaphore.try_acquire_up_to(1, 2).unwrap().num_permits(), 1);
    assert!(poll(front).is_ready());
}

// Any handle.

#[test]
fn a_permit_may_hold_an_rc() {
    let semaphore = Rc::new(Semaphore::new(2));
    let mut permit = block_on(Semaphore::acquire_from(semaphore.clone(), 2)).unwrap();
    assert_eq!(Rc::strong_count(permit.handle()), 2);
    let half = permit.split(1).unwrap();
    assert!(Semaphore::try_acquire_from(semaphore.clone(), 1).is_err());
    drop((permit, half));
    assert_eq!((semaphore.available_permits(), Rc::strong_count(&semaphore)), (2, 1));
}

#[test]
fn a_guard_may_hold_an_rc_and_be_mapped() {
    let mutex = Rc::new(Mutex::new((1, "one")));
    let guard = block_on(Mutex::lock_from(mutex.clone()));
    let mut number = fairgate::Guard::map(guard, |pair| &mut pair.0);
    *number = 2;
    assert!(Mutex::try_lock_from(mutex.clone()).is_err());
    drop(number);
    assert_eq!(mutex.try_lock().unwrap().0, 2);
    assert_eq!(Rc::strong_count(&mutex), 1);
}

#[test]
fn a_permit_of_a_static_semaphore_moves_to_another_thread_without_an_arc() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    static MUTEX: Mutex<u8> = Mutex::new(0);
    let permit = block_on(SEMAPHORE.acquire()).unwrap();
    let guard = block_on(MUTEX.lock());
    thread::spawn(move || drop((permit, guard))).join().unwrap();
    assert_eq!(SEMAPHORE.available_permits(), 1);
}

/// A server whose semaphore is one of its fields. A handle of the semaphore keeps the server alive.
struct Slots(Arc<Server>);

struct Server {
    slots: Semaphore,
}

impl Deref for Slots {
    type Target = Semaphore;

    fn deref(&self) -> &Semaphore {
        &self.0.slots
    }
}

// SAFETY: an `Arc` never moves its value, and the semaphore is a field of it.
unsafe impl Handle for Slots {}

#[test]
fn a_permit_may_hold_a_handle_of_a_user_defined_type() {
    let server = Arc::new(Server { slots: Semaphore::new(1) });
    let slot = block_on(Semaphore::acquire_from(Slots(server.clone()), 1)).unwrap();
    let mut next = Box::pin(Semaphore::acquire_from(Slots(server.clone()), 1));
    assert!(poll(next.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&server), 3);
    drop(slot);
    drop(block_on(next).unwrap());
    assert_eq!((server.slots.available_permits(), Arc::strong_count(&server)), (1, 1));
}

// Named futures, and a semaphore that is polled by hand.

/// A struct with two futures, without boxes and type parameters.
struct Both<'a> {
    first: Pin<&'a mut Acquire<'static>>,
    second: Pin<&'a mut Lock<'static, u8>>,
}

#[test]
fn futures_can_be_stored_in_fields() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    static MUTEX: Mutex<u8> = Mutex::new(0);
    let (first, second) = (pin!(SEMAPHORE.acquire()), pin!(MUTEX.lock()));
    let mut both = Both { first, second };
    assert!(poll(both.first.as_mut()).is_ready());
    assert!(poll(both.second.as_mut()).is_ready());
}

#[test]
fn the_memory_of_a_future_can_be_reused() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut future: Pin<Box<AcquireOwned>> = Box::pin(semaphore.clone().acquire_owned());
    for _ in 0..3 {
        assert!(poll(future.as_mut()).is_pending());
        semaphore.add_permits(1);
        let Poll::Ready(Ok(permit)) = poll(future.as_mut()) else { panic!("it is granted") };
        permit.forget();
        future.set(semaphore.clone().acquire_owned());
    }
    assert!(poll(future.as_mut()).is_pending());
    future.set(semaphore.clone().acquire_owned());
    assert_eq!(semaphore.waiters(), 0, "a replaced future is cancelled");
}

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
fn a_service_is_ready_when_a_permit_is_available() {
    let slots = Arc::new(Semaphore::new(1));
    let mut one = Limited { slots: PollSemaphore::new(slots.clone()), slot: None };
    let mut other = Limited { slots: one.slots.clone(), slot: None };
    let mut cx = Context::from_waker(Waker::noop());
    assert!(one.poll_ready(&mut cx).is_ready());
    assert!(other.poll_ready(&mut cx).is_pending());
    block_on(one.call());
    assert!(one.poll_ready(&mut cx).is_pending(), "the other service is first");
    assert!(other.poll_ready(&mut cx).is_ready());
    slots.close();
    assert!(matches!(one.poll_ready(&mut cx), Poll::Ready(Err(_))));
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

#[test]
fn poll_semaphore_makes_a_stream() {
    let semaphore = Arc::new(Semaphore::new(3));
    let mut polled = PollSemaphore::new(semaphore.clone());
    assert!(Arc::ptr_eq(polled.semaphore(), &semaphore));
    assert_eq!(polled.as_ref().available_permits(), 3);
    let permits = stream::poll_fn(|cx| polled.poll_acquire(cx).map(Result::ok));
    let permits: Vec<OwnedSemaphorePermit> = block_on(permits.take(3).collect());
    assert_eq!((permits.len(), semaphore.available_permits()), (3, 0));
    assert!(Arc::ptr_eq(&polled.into_inner(), &semaphore));
}

// Blocking with a timeout.

#[test]
fn a_blocking_timeout_expires_and_cancels() {
    let (semaphore, mutex) = (Arc::new(Semaphore::new(0)), Mutex::new(()));
    let short = Duration::from_millis(5);
    let _locked = mutex.try_lock().unwrap();
    assert!(semaphore.acquire().blocking_timeout(short).is_err());
    assert!(semaphore.clone().acquire_many_owned(2).blocking_timeout(Duration::ZERO).is_err());
    assert!(mutex.lock().blocking_timeout(short).is_err());
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(
        semaphore.acquire().blocking_timeout(Duration::ZERO).is_ok(),
        "an available permit is acquired"
    );
    assert!(semaphore.acquire().bounded(0).blocking_timeout(Duration::MAX).is_ok());
}

#[test]
fn a_blocking_timeout_acquires_before_it_expires() {
    let semaphore = Semaphore::new(0);
    thread::scope(|threads| {
        let waiting =
            threads.spawn(|| semaphore.acquire().blocking_timeout(Duration::from_secs(3600)).is_ok());
        wait_until(|| semaphore.waiters() == 1);
        semaphore.add_permits(1);
        assert!(waiting.join().unwrap());
    });
}

// Guards that are mapped and return their mutex.

#[test]
fn guards_return_their_mutex_and_their_handle() {
    let mutex = Arc::new(Mutex::new(vec![1, 2]));
    let guard = mutex.try_lock().unwrap();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &*mutex));
    drop(guard);
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert!(Arc::ptr_eq(fairgate::Guard::handle(&guard), &mutex));
    let first = OwnedMutexGuard::map(guard, |list| &mut list[0]);
    assert!(Arc::ptr_eq(OwnedMappedMutexGuard::mutex(&first), &mutex));
}

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
    let mut bounded = pin!(semaphore.acquire().bounded(9));
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
