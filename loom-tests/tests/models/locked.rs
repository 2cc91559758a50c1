//! What the word says while somebody edits the line is not the whole truth: nobody is misled by it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fairgate_loom::{BoundedAcquireError, Semaphore};
use loom::thread;

use crate::check::check;
use crate::request::{Asked, Request};
use crate::threads::{aside, join};

const MAX: usize = Semaphore::MAX_PERMITS;

#[test]
fn a_grant_that_comes_back_early_is_not_too_much() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::waiting(semaphore.acquire());
        let giver = thread::spawn(move || drop(all));
        if let Asked::Ready(permit) = request.again() {
            drop(permit);
        }
        join([giver]);
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, MAX));
    });
}

#[test]
fn what_is_too_much_is_refused_as_the_line_is_edited() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::waiting(semaphore.acquire_many(MAX));
        let giver = thread::spawn(move || drop(all));
        let granted = request.again().into_ready().ok();
        if granted.is_some() {
            semaphore.add_permits(MAX);
            let one_more = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1)));
            assert!(one_more.is_err());
            semaphore.reduce_permits(MAX);
        }
        join([giver]);
        drop(granted);
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, MAX));
    });
}

#[test]
fn nobody_owes_more_than_there_may_be() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::waiting(semaphore.acquire_many(MAX));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(MAX));
        if let Asked::Ready(permit) = request.again() {
            semaphore.reduce_permits(MAX);
            let one_more = catch_unwind(AssertUnwindSafe(|| semaphore.reduce_permits(1)));
            assert!(one_more.is_err());
            drop(permit);
        }
        join([giver]);
        assert_eq!(semaphore.waiters(), 0);
    });
}

#[test]
fn who_gives_back_the_last_one_can_take_it_again() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::waiting(semaphore.acquire());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        if let Asked::Ready(permit) = request.again() {
            drop(permit);
            assert!(semaphore.try_acquire().is_ok(), "nobody waits, and one lies free");
        }
        join([giver]);
    });
}

#[test]
fn one_who_would_not_wait_at_all_is_in_nobodys_way() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = aside(&semaphore, |semaphore| {
            let refused = Request::asked(semaphore.acquire_many(2).bounded(0)).served();
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
        let request = Request::waiting(semaphore.acquire());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(2));
        if let Asked::Ready(permit) = request.again() {
            let second = Request::asked(semaphore.acquire().bounded(0)).served();
            assert!(second.is_ok(), "nobody waits, and one lies free");
            drop((permit, second));
        }
        join([giver]);
    });
}
