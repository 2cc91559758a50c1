//! `try_acquire`, `try_lock`, `max_waiters(0)` and `available_permits` are exact beside threads that edit the queue. A try
//! fails only if permits are missing, a waiter is queued or the semaphore is closed; and then it does fail.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use fairgate::{Mutex, Semaphore, TryAcquireError};

use crate::common::waker::{self, WakerEvent};
use crate::common::{rounds, wait_until};

const THREADS: usize = 3;

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs `check` many times while other threads run `disturb` without a pause.
fn beside_threads(disturb: impl Fn() + Sync, mut check: impl FnMut()) {
    /// Stops the threads even if `check` panics.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    disturb();
                }
            });
        }
        (0..rounds(5_000)).for_each(|_| check());
    });
}

/// Queues a request for `n` permits, which are not available, and cancels it.
fn enqueue_and_cancel(semaphore: &Semaphore, n: usize) {
    assert!(poll(semaphore.acquire_many(n)).is_pending());
}

/// No thread ever holds a permit here.
#[test]
fn available_permits_is_exact_beside_threads_that_enqueue_and_cancel() {
    let semaphore = Semaphore::new(3);
    let enqueue_and_cancel = || enqueue_and_cancel(&semaphore, 4);
    beside_threads(enqueue_and_cancel, || assert_eq!(semaphore.available_permits(), 3));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
}

/// Without permits every try fails, with the right error.
#[test]
fn tries_without_permits_fail_beside_threads_that_enqueue_and_cancel() {
    let semaphore = Semaphore::new(0);
    let enqueue_and_cancel = || enqueue_and_cancel(&semaphore, 1);
    beside_threads(enqueue_and_cancel, || {
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        assert_eq!(semaphore.try_acquire_many(2).unwrap_err(), TryAcquireError::NoPermits);
        assert_eq!(semaphore.try_acquire_many(0).unwrap().num_permits(), 0);
        let Poll::Ready(Err(error)) = poll(semaphore.acquire().max_waiters(0)) else {
            panic!("never queued")
        };
        assert!(error.is_full());
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// It fails before it would lock the queue, for which a request needs a clone of its waker.
#[test]
fn a_request_that_must_not_be_queued_clones_no_waker() {
    let semaphore = Semaphore::new(0);
    let waker = waker::on(WakerEvent::Clone, || panic!("cloned"));
    let request = pin!(semaphore.acquire().max_waiters(0));
    let Poll::Ready(Err(error)) = request.poll(&mut Context::from_waker(&waker)) else { panic!("queued") };
    assert!(error.is_full());
}

#[test]
fn try_lock_of_a_locked_mutex_fails_beside_threads_that_enqueue_and_cancel() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let enqueue_and_cancel = || assert!(poll(mutex.lock()).is_pending());
    beside_threads(enqueue_and_cancel, || assert!(mutex.try_lock().is_err()));
    drop(guard);
    assert!(mutex.try_lock().is_ok());
}

/// A waiter stays at the front, so no other request gets the available permit.
#[test]
fn tries_behind_a_waiter_fail_beside_threads_that_enqueue_and_cancel() {
    let semaphore = Semaphore::new(1);
    let mut front = pin!(semaphore.acquire_many(2));
    assert!(poll(front.as_mut()).is_pending());
    let enqueue_and_cancel = || enqueue_and_cancel(&semaphore, 1);
    beside_threads(enqueue_and_cancel, || {
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        assert!(matches!(poll(semaphore.acquire().max_waiters(0)), Poll::Ready(Err(_))));
        assert_eq!(semaphore.available_permits(), 1);
    });
    assert_eq!(semaphore.waiters(), 1);
}

/// Every thread holds at most one of as many permits as there are threads, and none is ever queued.
#[test]
fn tries_with_permits_left_succeed_beside_threads_that_acquire_and_release() {
    let semaphore = Semaphore::new(THREADS + 1);
    let acquire_and_release = || {
        drop(semaphore.try_acquire().expect("a permit is left for every thread"));
        assert!(matches!(poll(semaphore.acquire().max_waiters(0)), Poll::Ready(Ok(_))));
    };
    beside_threads(acquire_and_release, || {
        assert!(semaphore.available_permits() >= 1);
        acquire_and_release();
    });
    assert_eq!(semaphore.available_permits(), THREADS + 1);
}

/// The other threads read the state and change it by nothing. They may hold the queue lock, but they queue no waiter.
#[test]
fn tries_succeed_right_after_a_grant_beside_threads_that_read_the_queue() {
    let semaphore = Semaphore::new(0);
    let read = || {
        assert!(semaphore.waiters() <= 1);
        assert!(!format!("{semaphore:?}").is_empty());
        semaphore.reduce_permits(0);
        semaphore.add_permits(0);
        assert_eq!(semaphore.forget_permits(0), 0);
    };
    beside_threads(read, || {
        let mut waiter = pin!(semaphore.acquire());
        assert!(poll(waiter.as_mut()).is_pending());
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        semaphore.add_permits(3);
        // One permit is granted to the waiter, two are available, and the queue is empty.
        assert_eq!(semaphore.available_permits(), 2);
        semaphore.try_acquire().expect("two permits are available").forget();
        let Poll::Ready(Ok(permit)) = poll(semaphore.acquire().max_waiters(0)) else {
            panic!("one permit is available")
        };
        permit.forget();
        let Poll::Ready(Ok(permit)) = poll(waiter.as_mut()) else { panic!("it is granted") };
        permit.forget();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// A thread that finds its waiter granted knows that the queue is empty, although the releasing thread may still hold
/// the queue lock.
#[test]
fn tries_succeed_right_after_a_grant_by_another_thread() {
    /// Ends the releasing thread even if this one panics.
    struct End<'a>(&'a AtomicUsize);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(usize::MAX, SeqCst);
        }
    }
    let (semaphore, queued) = (Semaphore::new(0), AtomicUsize::new(0));
    let n = rounds(5_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=n {
                wait_until(|| queued.load(SeqCst) >= round);
                semaphore.add_permits(3);
            }
        });
        let _end = End(&queued);
        for round in 1..=n {
            let mut waiter = pin!(semaphore.acquire());
            assert!(poll(waiter.as_mut()).is_pending());
            queued.store(round, SeqCst);
            let mut granted = Poll::Pending;
            wait_until(|| {
                granted = poll(waiter.as_mut());
                granted.is_ready()
            });
            let Poll::Ready(Ok(permit)) = granted else { panic!("three permits are added") };
            let second = semaphore.try_acquire().expect("two permits are available");
            let Poll::Ready(Ok(third)) = poll(semaphore.acquire().max_waiters(0)) else {
                panic!("one permit is available")
            };
            [permit, second, third].into_iter().for_each(|permit| permit.forget());
        }
    });
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
}

/// The same for a mutex: the guard is dropped with an empty queue, or its waiter is cancelled.
#[test]
fn try_lock_succeeds_right_after_an_unlock_or_a_cancelled_grant() {
    let mutex = Mutex::new(0);
    let read = || assert!(!format!("{:?}", mutex.lock()).is_empty());
    beside_threads(read, || {
        let guard = mutex.try_lock().expect("unlocked");
        let mut waiter = Box::pin(mutex.lock());
        assert!(poll(waiter.as_mut()).is_pending());
        drop(guard);
        assert!(mutex.try_lock().is_err(), "granted to the waiter");
        drop(waiter);
        drop(mutex.try_lock().expect("passed on to no waiter"));
    });
}
