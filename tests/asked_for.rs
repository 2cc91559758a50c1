//! What users of other crates ask for, and build by hand with races: one heading a wish.

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
    TimeoutExt,
};
use futures_lite::future::block_on;
use futures_lite::{StreamExt, stream};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// A limit that changes while permits are in flight.

#[test]
fn a_smaller_limit_is_owed_and_paid_ahead_of_all_who_wait() {
    let semaphore = Semaphore::new(4);
    let mut held = semaphore.try_acquire_many(4).unwrap();
    let mut next = pin!(semaphore.acquire());
    assert!(poll(next.as_mut()).is_pending());
    semaphore.resize(4, 2);
    drop(held.split(2));
    assert!(poll(next.as_mut()).is_pending(), "these two paid the debt");
    drop(held.split(1));
    assert!(poll(next.as_mut()).is_ready());
    drop(held);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_larger_limit_pays_the_debt_first_and_serves_the_line_with_the_rest() {
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
fn a_limit_moved_among_threads_loses_nothing_and_holds_once_the_debt_is_paid() {
    const LIMITS: [usize; 5] = [8, 1, 5, 0, 3];
    let (semaphore, inside, all_are_here) =
        (Semaphore::new(LIMITS[0]), AtomicUsize::new(0), Barrier::new(5));
    let mut alone = true;
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                all_are_here.wait();
                while let Ok(_permit) = semaphore.blocking_acquire() {
                    inside.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
        all_are_here.wait();
        for (&from, &to) in (0..200).flat_map(|_| LIMITS.iter().zip(LIMITS.iter().cycle().skip(1))) {
            semaphore.resize(from, to);
            if to > 0 {
                let all = semaphore.blocking_acquire_many(to).unwrap();
                alone &= inside.load(Ordering::Relaxed) == 0;
                drop(all);
            }
        }
        semaphore.close();
    });
    assert!(alone, "whoever has all permits of a limit is alone");
    assert_eq!(semaphore.available_permits(), LIMITS[0]);
}

// A line of bounded length.

#[test]
fn a_request_is_refused_at_once_behind_too_many() {
    let semaphore = Semaphore::new(0);
    let mut waiting = pin!(semaphore.acquire().bounded(1));
    assert!(poll(waiting.as_mut()).is_pending());
    let Poll::Ready(Err(refused)) = poll(pin!(semaphore.acquire().bounded(1))) else {
        panic!("one is waiting already")
    };
    assert_eq!(refused, BoundedAcquireError::QueueFull);
    assert_eq!(refused.to_string(), "too many are waiting already");
    assert!(poll(pin!(semaphore.acquire().bounded(2))).is_pending());
    semaphore.close();
    assert_eq!(block_on(waiting).unwrap_err(), BoundedAcquireError::Closed);
}

#[test]
fn a_line_of_nobody_takes_who_need_not_wait() {
    let semaphore = Arc::new(Semaphore::new(2));
    let permit = block_on(semaphore.acquire().bounded(0)).unwrap();
    let owned = block_on(semaphore.clone().acquire_owned().bounded(0)).unwrap();
    assert!(matches!(poll(pin!(semaphore.acquire().bounded(0))), Poll::Ready(Err(_))));
    assert!(matches!(poll(pin!(semaphore.clone().acquire_owned().bounded(0))), Poll::Ready(Err(_))));
    drop((permit, owned));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
}

#[test]
fn among_threads_too_exactly_as_many_wait_as_may() {
    const THREADS: usize = 8;
    const LENGTH: usize = 3;
    let semaphore = Arc::new(Semaphore::new(0));
    let (refused, mut length) = (AtomicUsize::new(0), 0);
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let (semaphore, refused) = (&semaphore, &refused);
            threads.spawn(move || {
                let granted = if thread % 2 == 0 {
                    block_on(semaphore.acquire().bounded(LENGTH)).is_ok()
                } else {
                    block_on(semaphore.clone().acquire_owned().bounded(LENGTH)).is_ok()
                };
                refused.fetch_add(usize::from(!granted), Ordering::Relaxed);
            });
        }
        while refused.load(Ordering::Relaxed) + semaphore.waiters() < THREADS {
            thread::yield_now();
        }
        length = semaphore.waiters();
        semaphore.add_permits(1);
    });
    assert_eq!(length, LENGTH);
    assert_eq!(refused.load(Ordering::Relaxed), THREADS - LENGTH);
    assert_eq!(semaphore.available_permits(), 1);
}

// How many wait.

#[test]
fn how_many_wait_can_be_asked_and_is_shown() {
    let semaphore = Semaphore::new(1);
    let (mut large, mut small) = (pin!(semaphore.acquire_many(2)), pin!(semaphore.acquire()));
    assert!(poll(large.as_mut()).is_pending() && poll(small.as_mut()).is_pending());
    assert_eq!(semaphore.waiters(), 2);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 1, waiters: 2, closed: false }");
    semaphore.add_permits(1);
    assert_eq!(semaphore.waiters(), 1, "a granted one waits no longer");
    semaphore.close();
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: 0, waiters: 0, closed: true }");
    semaphore.reduce_permits(3);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { permits: -3, waiters: 0, closed: true }");
}

// What lies free, from a least to a most.

#[test]
fn a_greedy_request_takes_what_lies_free_up_to_its_most() {
    let semaphore = Arc::new(Semaphore::new(5));
    let batch = block_on(semaphore.acquire_many(2).up_to(3)).unwrap();
    assert_eq!(batch.num_permits(), 3);
    let rest = block_on(semaphore.clone().acquire_owned().up_to(100)).unwrap();
    assert_eq!(rest.num_permits(), 2);
    let mut nothing = pin!(semaphore.acquire_many(0).up_to(100));
    assert!(matches!(poll(nothing.as_mut()), Poll::Ready(Ok(none)) if none.num_permits() == 0));
}

#[test]
fn a_greedy_request_waits_its_turn_for_its_least() {
    let semaphore = Semaphore::new(1);
    let (mut first, mut greedy) = (pin!(semaphore.acquire_many(2)), pin!(semaphore.acquire().up_to(9)));
    assert!(poll(first.as_mut()).is_pending() && poll(greedy.as_mut()).is_pending());
    semaphore.add_permits(6);
    let Poll::Ready(Ok(batch)) = poll(greedy.as_mut()) else { panic!("it was its turn") };
    assert_eq!(batch.num_permits(), 5, "what the first one left");
    assert!(poll(first.as_mut()).is_ready());
}

// Any owner.

#[test]
fn a_permit_may_keep_an_rc() {
    let semaphore = Rc::new(Semaphore::new(2));
    let mut permit = block_on(Semaphore::acquire_from(semaphore.clone(), 2)).unwrap();
    assert_eq!(Rc::strong_count(permit.handle()), 2);
    let half = permit.split(1).unwrap();
    assert!(Semaphore::try_acquire_from(semaphore.clone(), 1).is_err());
    drop((permit, half));
    assert_eq!((semaphore.available_permits(), Rc::strong_count(&semaphore)), (2, 1));
}

#[test]
fn a_guard_may_keep_an_rc_and_be_narrowed() {
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
fn a_permit_of_a_static_goes_everywhere_without_an_arc() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    static MUTEX: Mutex<u8> = Mutex::new(0);
    let permit = block_on(SEMAPHORE.acquire()).unwrap();
    let guard = block_on(MUTEX.lock());
    thread::spawn(move || drop((permit, guard))).join().unwrap();
    assert_eq!(SEMAPHORE.available_permits(), 1);
}

/// A server whose slots are a part of it: whoever has a slot keeps the server.
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

// SAFETY: an `Arc` never changes where its value lies, and the slots are a part of it.
unsafe impl Handle for Slots {}

#[test]
fn a_permit_may_keep_a_pointer_of_the_users_own() {
    let server = Arc::new(Server { slots: Semaphore::new(1) });
    let slot = block_on(Semaphore::acquire_from(Slots(server.clone()), 1)).unwrap();
    let mut next = Box::pin(Semaphore::acquire_from(Slots(server.clone()), 1));
    assert!(poll(next.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&server), 3);
    drop(slot);
    drop(block_on(next).unwrap());
    assert_eq!((server.slots.available_permits(), Arc::strong_count(&server)), (1, 1));
}

// Futures that have names, and a semaphore that is polled by hand.

/// A future of one's own, without a box and without a generic.
struct Twice<'a> {
    first: Pin<&'a mut Acquire<'static>>,
    second: Pin<&'a mut Lock<'static, u8>>,
}

#[test]
fn futures_lie_in_fields() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    static MUTEX: Mutex<u8> = Mutex::new(0);
    let (first, second) = (pin!(SEMAPHORE.acquire()), pin!(MUTEX.lock()));
    let mut twice = Twice { first, second };
    assert!(poll(twice.first.as_mut()).is_ready());
    assert!(poll(twice.second.as_mut()).is_ready());
}

#[test]
fn the_memory_of_a_future_is_used_again() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut turn: Pin<Box<AcquireOwned>> = Box::pin(semaphore.clone().acquire_owned());
    for _ in 0..3 {
        assert!(poll(turn.as_mut()).is_pending());
        semaphore.add_permits(1);
        let Poll::Ready(Ok(permit)) = poll(turn.as_mut()) else { panic!("it was granted") };
        permit.forget();
        turn.set(semaphore.clone().acquire_owned());
    }
    assert!(poll(turn.as_mut()).is_pending());
    turn.set(semaphore.clone().acquire_owned());
    assert_eq!(semaphore.waiters(), 0, "a request that is replaced leaves the line");
}

/// A service with a limit, as tower has it: ready when there is a slot, and the slot goes with the call.
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
fn a_service_is_ready_when_there_is_a_slot() {
    let slots = Arc::new(Semaphore::new(1));
    let mut one = Limited { slots: PollSemaphore::new(slots.clone()), slot: None };
    let mut other = Limited { slots: one.slots.clone(), slot: None };
    let mut cx = Context::from_waker(Waker::noop());
    assert!(one.poll_ready(&mut cx).is_ready());
    assert!(other.poll_ready(&mut cx).is_pending());
    block_on(one.call());
    assert!(one.poll_ready(&mut cx).is_pending(), "the other one is first");
    assert!(other.poll_ready(&mut cx).is_ready());
    slots.close();
    assert!(matches!(one.poll_ready(&mut cx), Poll::Ready(Err(_))));
}

#[test]
fn what_is_polled_by_hand_can_give_its_place_up() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut polled = PollSemaphore::new(semaphore.clone());
    let mut next = pin!(semaphore.acquire());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(polled.poll_acquire(&mut cx).is_pending());
    assert!(poll(next.as_mut()).is_pending());
    semaphore.add_permits(1);
    assert!(poll(next.as_mut()).is_pending());
    polled.cancel();
    assert!(poll(next.as_mut()).is_ready(), "what was granted goes on to the next");
    assert!(polled.poll_acquire_many(&mut cx, 3).is_pending());
    assert!(polled.poll_acquire_many(&mut cx, 2).is_pending());
    assert_eq!(semaphore.waiters(), 1, "another number is another request");
    semaphore.add_permits(2);
    assert!(matches!(polled.poll_acquire_many(&mut cx, 2), Poll::Ready(Ok(two)) if two.num_permits() == 2));
    assert!(polled.poll_acquire_many(&mut cx, 9).is_pending());
    drop(polled);
    assert_eq!(semaphore.waiters(), 0);
}

#[test]
fn what_is_polled_by_hand_makes_a_stream() {
    let semaphore = Arc::new(Semaphore::new(3));
    let mut polled = PollSemaphore::new(semaphore.clone());
    assert!(Arc::ptr_eq(polled.semaphore(), &semaphore));
    assert_eq!(polled.as_ref().available_permits(), 3);
    let permits = stream::poll_fn(|cx| polled.poll_acquire(cx).map(Result::ok));
    let three: Vec<OwnedSemaphorePermit> = block_on(permits.take(3).collect());
    assert_eq!((three.len(), semaphore.available_permits()), (3, 0));
    assert!(Arc::ptr_eq(&polled.into_inner(), &semaphore));
}

// A thread that waits for so long.

#[test]
fn a_thread_waits_for_so_long_and_leaves_the_line() {
    let (semaphore, mutex) = (Arc::new(Semaphore::new(0)), Mutex::new(()));
    let short = Duration::from_millis(5);
    let _locked = mutex.try_lock().unwrap();
    assert!(semaphore.acquire().blocking_timeout(short).is_err());
    assert!(semaphore.clone().acquire_many_owned(2).blocking_timeout(Duration::ZERO).is_err());
    assert!(mutex.lock().blocking_timeout(short).is_err());
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(semaphore.acquire().blocking_timeout(Duration::ZERO).is_ok(), "what need not wait is had");
    assert!(semaphore.acquire().bounded(0).blocking_timeout(Duration::MAX).is_ok());
}

#[test]
fn a_thread_is_served_before_its_time_is_up() {
    let semaphore = Semaphore::new(0);
    thread::scope(|threads| {
        let waiting =
            threads.spawn(|| semaphore.acquire().blocking_timeout(Duration::from_secs(3600)).is_ok());
        while semaphore.waiters() == 0 {
            thread::yield_now();
        }
        semaphore.add_permits(1);
        assert!(waiting.join().unwrap());
    });
}

// Guards that are narrowed, and that lead back.

#[test]
fn guards_lead_back_to_their_mutex() {
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

/// A borrowed mapped guard does not name the type of the whole: guards of different mutexes can be one type.
#[test]
fn narrowed_guards_of_different_mutexes_are_of_one_type() {
    let (pair, list) = (Mutex::new((1, "one")), Mutex::new(vec![2]));
    let numbers: [MappedMutexGuard<'_, i32>; 2] = [
        MutexGuard::map(pair.try_lock().unwrap(), |pair| &mut pair.0),
        MutexGuard::try_map(list.try_lock().unwrap(), |list| list.last_mut()).unwrap(),
    ];
    assert_eq!(numbers.map(|number| *number), [1, 2]);
}

// To see a futurelock.

#[test]
fn a_permit_that_nobody_has_picked_up_can_be_seen() {
    let (semaphore, mutex) = (Semaphore::new(0), Mutex::new(()));
    let mut turn = pin!(semaphore.acquire());
    let mut greedy = pin!(semaphore.acquire().up_to(2));
    let mut bounded = pin!(semaphore.acquire().bounded(9));
    let mut lock = pin!(mutex.lock());
    let held = mutex.try_lock().unwrap();
    let pending = [
        poll(turn.as_mut()).is_pending(),
        poll(greedy.as_mut()).is_pending(),
        poll(bounded.as_mut()).is_pending(),
        poll(lock.as_mut()).is_pending(),
    ];
    assert_eq!(pending, [true; 4]);
    let granted = || [turn.is_granted(), greedy.is_granted(), bounded.is_granted(), lock.is_granted()];
    assert_eq!(granted(), [false; 4]);
    drop(held);
    semaphore.add_permits(4);
    assert_eq!(granted(), [true; 4]);
    let permits = [poll(turn.as_mut()), poll(greedy.as_mut())].map(|poll| poll.is_ready());
    assert!(permits == [true; 2] && poll(bounded.as_mut()).is_ready() && poll(lock.as_mut()).is_ready());
    assert!(!turn.is_granted() && !lock.is_granted(), "they have it now");
}

/// One task, two futures of one semaphore: it stops polling the first, which is granted the permit, and awaits
/// the second. The deadline is a counted poll, so that the test ends.
#[test]
fn a_futurelock_is_seen_and_its_cure_is_to_drop() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut first = Box::pin(semaphore.acquire());
    assert!(poll(first.as_mut()).is_pending());
    drop(held);
    let mut patience = 0..100;
    let out_of_patience = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if patience.next().is_none() { Poll::Ready(()) } else { Poll::Pending }
    });
    assert!(block_on(semaphore.acquire().with_timeout(out_of_patience)).is_err());
    assert!(first.is_granted(), "here it is");
    drop(first);
    assert!(block_on(semaphore.acquire()).is_ok());
}
