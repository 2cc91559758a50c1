//! What the word says while somebody edits the line is not the whole truth: nobody is misled by it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fairgate_loom::{BoundedAcquireError, Mutex, Semaphore};
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

const MAX: usize = Semaphore::MAX_PERMITS;

#[test]
fn a_grant_that_comes_back_early_is_not_too_much() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::pending(semaphore.acquire());
        let releaser = thread::spawn(move || drop(all));
        if let Polled::Ready(permit) = request.poll_again() {
            drop(permit);
        }
        join([releaser]);
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, MAX));
    });
}

#[test]
fn what_is_too_much_is_refused_as_the_line_is_edited() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::pending(semaphore.acquire_many(MAX));
        let releaser = thread::spawn(move || drop(all));
        let granted = request.poll_again().into_ready().ok();
        if granted.is_some() {
            semaphore.add_permits(MAX);
            let one_more = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1)));
            assert!(one_more.is_err());
            semaphore.reduce_permits(MAX);
        }
        join([releaser]);
        drop(granted);
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, MAX));
    });
}

#[test]
fn nobody_owes_more_than_there_may_be() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire_many(MAX));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(MAX));
        if let Polled::Ready(permit) = request.poll_again() {
            semaphore.reduce_permits(MAX);
            let one_more = catch_unwind(AssertUnwindSafe(|| semaphore.reduce_permits(1)));
            assert!(one_more.is_err());
            drop(permit);
        }
        join([releaser]);
        assert_eq!(semaphore.waiters(), 0);
    });
}

#[test]
fn who_gives_back_the_last_one_can_take_it_again() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        if let Polled::Ready(permit) = request.poll_again() {
            drop(permit);
            assert!(semaphore.try_acquire().is_ok(), "nobody waits, and one lies free");
        }
        join([releaser]);
    });
}

#[test]
fn one_who_would_not_wait_at_all_is_in_nobodys_way() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = spawn_with(&semaphore, |semaphore| {
            let refused = Request::poll_once(semaphore.acquire_many(2).bounded(0)).expect_ready();
            assert_eq!(refused.unwrap_err(), BoundedAcquireError::QueueFull);
        });
        assert!(semaphore.try_acquire().is_ok(), "nobody waits, and one lies free");
        join([other]);
    });
}

#[test]
fn one_who_would_not_wait_at_all_takes_what_the_last_one_left() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        if let Polled::Ready(permit) = request.poll_again() {
            let second = Request::poll_once(semaphore.acquire().bounded(0)).expect_ready();
            assert!(second.is_ok(), "nobody waits, and one lies free");
            drop((permit, second));
        }
        join([releaser]);
    });
}

/// Three waiters are granted in two batches. When all of them have completed and released, no waiter exists, and
/// a try succeeds while the releaser still runs.
#[test]
fn a_try_succeeds_after_all_waiters_of_two_batches_released() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        let polled = queue.map(Request::poll_again);
        let ready = polled.iter().filter(|polled| matches!(polled, Polled::Ready(_))).count();
        if ready == 3 {
            drop(polled);
            assert!(semaphore.try_acquire_many(3).is_ok(), "no waiter, three permits available");
        } else {
            join([releaser]);
            drop(polled);
            assert_idle(&semaphore, 3);
        }
    });
}

/// A cancelled waiter leaves the queue empty and a permit available.
#[test]
fn a_try_succeeds_after_the_only_waiter_was_cancelled() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.acquire_many(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(large);
        assert!(semaphore.try_acquire().is_ok(), "no waiter, one permit available");
        assert!(Request::poll_once(semaphore.acquire().bounded(0)).expect_ready().is_ok());
        join([releaser]);
        assert_idle(&semaphore, 2);
    });
}

/// A thread that counts the waiters does not make a try fail.
#[test]
fn a_try_succeeds_beside_a_thread_that_observes() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.acquire_many(2));
        let observer = spawn_with(&semaphore, |semaphore| assert!(semaphore.waiters() <= 1));
        drop(large);
        assert!(semaphore.try_acquire().is_ok(), "no waiter, one permit available");
        join([observer]);
        assert_idle(&semaphore, 1);
    });
}

/// The same for a mutex: it was handed to this thread, which unlocks it again.
#[test]
fn a_try_lock_succeeds_after_the_last_guard_was_dropped() {
    check(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let request = Request::pending(mutex.lock());
        let releaser = thread::spawn(move || drop(guard));
        if let Polled::Ready(guard) = request.poll_again() {
            drop(guard);
            assert!(mutex.try_lock().is_ok(), "no waiter, and unlocked");
        }
        join([releaser]);
    });
}

/// A try fails only if permits are missing, a waiter is queued, or the semaphore is closed. Here two permits are
/// available, and requests that complete at once come and go.
#[test]
fn a_try_succeeds_beside_requests_that_never_wait() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let other = spawn_with(&semaphore, |semaphore| {
            drop(Request::poll_once(semaphore.acquire()).expect_ready().unwrap());
            let refused = Request::poll_once(semaphore.acquire_many(3).bounded(0)).expect_ready();
            assert_eq!(refused.unwrap_err(), BoundedAcquireError::QueueFull);
        });
        assert!(semaphore.try_acquire().is_ok(), "no waiter, one permit available");
        join([other]);
        assert_idle(&semaphore, 2);
    });
}
