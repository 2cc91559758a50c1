//! A try (`try_acquire` and its variants) fails only if permits are missing, a waiter is queued, or the semaphore is
//! closed: also while another thread holds the queue lock, or finishes serving a queue that is already empty.
//!
//! The same holds for a request with a bound of 0. None of them waits until the other thread has finished.

use std::sync::Arc;

use fairgate_loom::{Mutex, Semaphore};
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

#[test]
fn a_try_succeeds_after_the_only_waiter_released() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        if let Polled::Ready(permit) = request.poll_again() {
            drop(permit);
            assert!(without_waiting(|| semaphore.try_acquire()).is_ok(), "no waiter, one permit available");
        }
        join([releaser]);
    });
}

#[test]
fn a_try_succeeds_beside_a_bounded_request_that_is_refused() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = spawn_with(&semaphore, |semaphore| {
            let refused = Request::poll_once(semaphore.acquire_many(2).max_waiters(0)).expect_ready();
            assert!(refused.unwrap_err().is_full());
        });
        assert!(without_waiting(|| semaphore.try_acquire()).is_ok(), "no waiter, one permit available");
        join([other]);
    });
}

#[test]
fn a_bounded_request_succeeds_after_the_only_waiter_completed() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        if let Polled::Ready(permit) = request.poll_again() {
            let second = Request::poll_once(semaphore.acquire().max_waiters(0)).expect_ready();
            assert!(second.is_ok(), "no waiter, one permit available");
            drop((permit, second));
        }
        join([releaser]);
    });
}

/// One addition grants three waiters. After all of them have released, a try succeeds, even if the thread
/// that granted them is still running.
#[test]
fn a_try_succeeds_after_three_waiters_released() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        let polled = queue.map(Request::poll_again);
        let ready = polled.iter().filter(|polled| matches!(polled, Polled::Ready(_))).count();
        if ready == 3 {
            drop(polled);
            assert!(
                without_waiting(|| semaphore.try_acquire_many(3)).is_ok(),
                "no waiter, three permits available"
            );
        } else {
            join([releaser]);
            drop(polled);
            assert_idle(&semaphore, 3);
        }
    });
}

/// The cancel leaves the queue empty and at least one permit available.
#[test]
fn a_try_succeeds_after_the_only_waiter_was_cancelled() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.acquire_many(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(large);
        assert!(without_waiting(|| semaphore.try_acquire()).is_ok(), "no waiter, one permit available");
        let bounded = without_waiting(|| Request::poll_once(semaphore.acquire().max_waiters(0)));
        assert!(bounded.expect_ready().is_ok());
        join([releaser]);
        assert_idle(&semaphore, 2);
    });
}

/// The same for a mutex that was locked and unlocked by its only waiter.
#[test]
fn a_try_lock_succeeds_after_the_last_guard_was_dropped() {
    check(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let request = Request::pending(mutex.lock());
        let releaser = thread::spawn(move || drop(guard));
        if let Polled::Ready(guard) = request.poll_again() {
            drop(guard);
            assert!(without_waiting(|| mutex.try_lock()).is_ok(), "no waiter, and unlocked");
        }
        join([releaser]);
    });
}

/// Two permits are available, and the requests of the other thread complete at their first poll.
#[test]
fn a_try_succeeds_beside_requests_that_never_wait() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let other = spawn_with(&semaphore, |semaphore| {
            drop(Request::poll_once(semaphore.acquire()).expect_ready().unwrap());
            let refused = Request::poll_once(semaphore.acquire_many(3).max_waiters(0)).expect_ready();
            assert!(refused.unwrap_err().is_full());
        });
        assert!(without_waiting(|| semaphore.try_acquire()).is_ok(), "no waiter, one permit available");
        join([other]);
        assert_idle(&semaphore, 2);
    });
}

/// A try of a range takes all permits that are available, even if they were released a moment ago.
#[test]
fn a_try_of_a_range_takes_all_available_permits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        if let Polled::Ready(permit) = request.poll_again() {
            drop(permit);
            let permit = without_waiting(|| semaphore.acquire().up_to(3).try_wait())
                .expect("no waiter, two permits available");
            assert_eq!(permit.num_permits(), 2);
        }
        join([releaser]);
    });
}

/// A close comes between the load and the compare-and-swap of a try of a range, which has no fast path: the retry fails.
#[test]
fn a_try_of_a_range_against_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let tried = without_waiting(|| semaphore.acquire().up_to(2).try_wait());
        assert!(tried.is_ok() || semaphore.is_closed());
        drop(tried);
        join([closer]);
        assert_idle(&semaphore, 2);
    });
}
