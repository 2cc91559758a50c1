//! A semaphore that is closed while it is in use.

use std::sync::Arc;

use fairgate_loom::{Semaphore, TryAcquireError};
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn a_close_against_an_acquire_with_a_permit_available() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let permit = Request::poll_once(semaphore.acquire()).expect_ready();
        join([closer]);
        assert_eq!(semaphore.available_permits(), 1 - permit.iter().count());
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    });
}

#[test]
fn a_close_against_a_try_for_all_permits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let closer = spawn_with(&semaphore, Semaphore::close);
        match semaphore.acquire_all().try_wait() {
            Ok(permit) => assert_eq!(permit.num_permits(), 1),
            Err(error) => assert_eq!(error, TryAcquireError::Closed),
        }
        join([closer]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_close_against_an_acquire_that_has_to_wait() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let closer = spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.close()));
        let request = Request::poll_once(semaphore.acquire());
        join([closer]);
        assert!(request.expect_ready().is_err());
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn a_close_against_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.acquire());
        let closer = spawn_with(&semaphore, Semaphore::close);
        semaphore.add_permits(1);
        join([closer]);
        let permit = first.expect_ready();
        assert!(second.expect_ready().is_err());
        assert_eq!(semaphore.available_permits(), 1 - permit.iter().count());
        drop(permit);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_close_against_two_cancels() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::pending(semaphore.clone().acquire_owned()));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let canceller = thread::spawn(move || drop(first));
        drop(second);
        join([closer, canceller]);
        assert!(third.expect_ready().is_err());
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn two_closes_at_once_fail_all_requests() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let closer = spawn_with(&semaphore, Semaphore::close);
        semaphore.close();
        // After a thread has called `close`, its acquires fail, also while another thread is still failing the waiters.
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
        join([closer]);
        assert!(queue.into_iter().all(|request| request.expect_ready().is_err()));
        assert!(semaphore.is_closed());
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn a_close_against_a_release_and_a_cancel() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let waiting = Request::pending(semaphore.acquire_many(2));
        let releaser = thread::spawn(move || drop(permit));
        let closer = spawn_with(&semaphore, Semaphore::close);
        drop(waiting);
        join([releaser, closer]);
        assert!(semaphore.is_closed());
        assert_idle(&semaphore, 1);
    });
}

/// A permit that is available after `close` returned is not granted to a waiter.
#[test]
fn a_permit_seen_after_close_is_not_granted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        semaphore.close();
        let available = semaphore.available_permits();
        join([releaser]);
        let granted = request.expect_ready();
        let permits = granted.iter().count();
        assert!(available + permits <= 1, "{available} available after the close, then {permits} granted");
        assert_eq!(semaphore.available_permits(), 1 - permits);
        drop(granted);
        assert_idle(&semaphore, 1);
    });
}

/// The same with a release that grants several requests.
#[test]
fn permits_seen_after_close_are_not_granted_to_the_next_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        semaphore.close();
        let available = semaphore.available_permits();
        let forgotten = semaphore.forget_permits(3);
        join([releaser]);
        let answers = queue.map(Request::expect_ready);
        let permits = answers.iter().flatten().count();
        assert!(available + permits <= 3, "{available} available after the close, then {permits} granted");
        assert!(forgotten + permits <= 3);
        drop(answers);
        assert_idle(&semaphore, 3 - forgotten);
    });
}

/// A permit that is forgotten after `close` returned is not also granted to a waiter.
#[test]
fn a_permit_forgotten_after_close_is_not_granted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.acquire_many(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        semaphore.close();
        let forgotten = semaphore.forget_permits(1);
        join([releaser]);
        let answer = large.expect_ready();
        let permits = answer.iter().map(|permit| permit.num_permits()).sum::<usize>();
        assert!(forgotten + permits <= 2);
        drop(answer);
        assert_idle(&semaphore, 2 - forgotten);
    });
}

/// A waiter is cancelled while a release grants it and a close fails it.
#[test]
fn a_cancel_against_a_grant_and_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let closer = spawn_with(&semaphore, Semaphore::close);
        drop(first);
        join([releaser, closer]);
        drop(second.expect_ready());
        assert!(semaphore.is_closed());
        assert_idle(&semaphore, 1);
    });
}

/// The close serves the first request, and looks at the queue again while the owner of the second one edits it.
#[test]
fn a_close_against_the_cancel_of_the_last_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.clone().acquire_owned()));
        let canceller = thread::spawn(move || drop(second));
        without_waiting(|| semaphore.close());
        join([canceller]);
        assert!(first.expect_ready().is_err());
        assert_idle(&semaphore, 0);
    });
}
