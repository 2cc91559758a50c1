//! Releases against requests, and the order of grants.

use std::sync::Arc;

use fairgate_loom::{Semaphore, TryAcquireError};
use loom::thread;

use crate::check::{assert_idle, check, check_from};
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn a_release_against_an_acquire() {
    check_from(4, || {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let releaser = thread::spawn(move || drop(permit));
        let request = Request::poll_once(semaphore.acquire());
        join([releaser]);
        let permit = request.expect_ready().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn two_requests_share_one_permit() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let releaser = thread::spawn(move || drop(permit));
        let other = spawn_with(&semaphore, |semaphore| {
            let request = Request::poll_once(semaphore.acquire());
            drop(request);
        });
        let request = Request::poll_once(semaphore.acquire());
        join([releaser, other]);
        drop(request.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn the_first_of_two_waiters_gets_the_only_permit() {
    check_from(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let other = thread::spawn(move || drop(second.poll_again().expect_pending()));
        let first = first.poll_again();
        join([releaser, other]);
        drop(first.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_small_request_waits_behind_a_large_front() {
    check_from(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let large = Request::pending(semaphore.acquire_many(2));
        let small = Request::pending(semaphore.acquire());
        let releasers = [(); 2].map(|()| spawn_with(&semaphore, |semaphore| semaphore.add_permits(1)));
        // The small request stays queued in any case, so no try may succeed.
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        join(releasers);
        let two = large.expect_ready().unwrap();
        let small = small.expect_pending();
        drop(two);
        drop(small.expect_ready());
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn a_new_request_waits_behind_a_large_front() {
    check_from(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let large = Request::pending(semaphore.acquire_many(2));
        let releaser = spawn_with(&semaphore, |semaphore| {
            semaphore.add_permits(1);
            semaphore.add_permits(1);
        });
        let arriving = Request::poll_once(semaphore.acquire());
        join([releaser]);
        let two = large.expect_ready().unwrap();
        let arriving = arriving.expect_pending();
        drop(two);
        drop(arriving.expect_ready());
        assert_eq!(semaphore.available_permits(), 2);
    });
}
