//! One thread holds the queue lock while others change the word: the holder finds their changes when it unlocks.

use std::sync::Arc;

use fairgate_loom::{Semaphore, TryAcquireError};
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn two_releases_while_the_middle_is_cancelled() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releasers = [(); 2]
            .map(|()| spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.add_permits(1))));
        drop(second);
        join(releasers);
        drop([first, third].map(Request::expect_ready));
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn two_releases_while_a_request_is_enqueued() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permits = [(); 2].map(|()| semaphore.clone().try_acquire_owned().unwrap());
        let releasers = permits.map(|permit| thread::spawn(move || without_waiting(|| drop(permit))));
        let arriving = Request::poll_once(semaphore.acquire_many(2));
        join(releasers);
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_release_while_the_waiters_are_counted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.add_permits(1)));
        assert!((1..=2).contains(&semaphore.waiters()));
        join([releaser]);
        drop(first.expect_ready());
        drop(second.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn available_permits_never_exceeds_the_total() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let other = thread::spawn(move || drop(large.poll_again()));
        let seen = without_waiting(|| semaphore.available_permits());
        let forgotten = semaphore.forget_permits(2);
        assert!(seen <= 2 && forgotten <= 2);
        join([releaser, other]);
        assert_idle(&semaphore, 2 - forgotten);
    });
}

#[test]
fn a_bounded_request_against_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let bounded = Request::poll_once(semaphore.acquire().max_waiters(1));
        join([releaser]);
        drop(first.expect_ready());
        drop(bounded.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_bounded_queue_is_never_longer_than_its_bound() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let other = spawn_with(&semaphore, |semaphore| {
            drop(Request::poll_once(semaphore.acquire().max_waiters(1)))
        });
        let bounded = Request::poll_once(semaphore.acquire().max_waiters(1));
        assert!(semaphore.waiters() <= 1);
        join([other]);
        drop(bounded);
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn a_try_fails_while_a_cancelled_grant_is_passed_on() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.clone().acquire_owned()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(first));
        // Two waiters and one permit: at every moment a waiter is queued, or holds the permit.
        let refused = without_waiting(|| semaphore.try_acquire()).unwrap_err();
        assert_eq!(refused, TryAcquireError::NoPermits);
        join([releaser, canceller]);
        drop(second.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// A permit is added while the lock holder has claimed a request and is about to unlock: the third request is served, too.
#[test]
fn an_addition_while_the_front_is_claimed() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let adders = [2, 1].map(|n| spawn_with(&semaphore, move |semaphore| semaphore.add_permits(n)));
        join(adders);
        drop(queue.map(Request::expect_ready));
        assert_idle(&semaphore, 3);
    });
}

/// The owner of a claimed node holds the lock to replace its waker, while a permit is added for the next request.
#[test]
fn an_addition_while_the_waker_of_a_claimed_request_is_replaced() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let second = Request::pending(semaphore.acquire());
        let owner = thread::spawn(move || first.poll_from_new_task());
        let adder = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        semaphore.add_permits(1);
        join([adder]);
        let first = owner.join().unwrap();
        drop((first.expect_ready(), second.expect_ready()));
        assert_idle(&semaphore, 2);
    });
}
