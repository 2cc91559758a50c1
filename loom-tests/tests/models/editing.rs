//! The line is edited by one thread while others change the word: they leave their change to the editor.

use std::sync::Arc;

use fairgate_loom::{Semaphore, TryAcquireError};
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn two_release_while_a_third_leaves_the_middle() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releasers = [(); 2].map(|()| spawn_with(&semaphore, |semaphore| semaphore.add_permits(1)));
        drop(second);
        join(releasers);
        drop([first, third].map(Request::expect_ready));
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn two_permits_are_dropped_while_a_third_comes() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permits = [(); 2].map(|()| semaphore.clone().try_acquire_owned().unwrap());
        let releasers = permits.map(|permit| thread::spawn(move || drop(permit)));
        let late = Request::poll_once(semaphore.acquire_many(2));
        join(releasers);
        drop(late.expect_ready());
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_permit_comes_while_the_line_is_counted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        assert!((1..=2).contains(&semaphore.waiters()));
        join([releaser]);
        drop(first.expect_ready());
        drop(second.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn no_more_is_shown_than_there_is() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let other = thread::spawn(move || drop(large.poll_again()));
        let (seen, forgotten) = (semaphore.available_permits(), semaphore.forget_permits(2));
        assert!(seen <= 2 && forgotten <= 2);
        join([releaser, other]);
        assert_idle(&semaphore, 2 - forgotten);
    });
}

#[test]
fn one_who_would_not_wait_long_locks_the_line_as_a_permit_comes() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let bounded = Request::poll_once(semaphore.acquire().bounded(1));
        join([releaser]);
        drop(first.expect_ready());
        drop(bounded.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_bounded_line_is_never_longer_than_it_may_be() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let other =
            spawn_with(&semaphore, |semaphore| drop(Request::poll_once(semaphore.acquire().bounded(1))));
        let bounded = Request::poll_once(semaphore.acquire().bounded(1));
        assert!(semaphore.waiters() <= 1);
        join([other]);
        drop(bounded);
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn nobody_slips_in_while_the_line_changes_hands() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.clone().acquire_owned()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(first));
        // Two wait and one permit comes: at every moment somebody is in line or holds it.
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        join([releaser, canceller]);
        drop(second.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}
