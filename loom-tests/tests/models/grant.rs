//! Permits that come back while somebody asks for them.

use std::sync::Arc;

use fairgate_loom::{Semaphore, TryAcquireError};
use loom::thread;

use crate::check::{at_rest, check, check_to};
use crate::request::Request;
use crate::threads::{aside, join};

#[test]
fn a_release_meets_an_acquire() {
    check_to(4, || {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let giver = thread::spawn(move || drop(permit));
        let request = Request::asked(semaphore.acquire());
        join([giver]);
        let permit = request.served().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn two_who_come_share_one_permit_in_turn() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let giver = thread::spawn(move || drop(permit));
        let other = aside(&semaphore, |semaphore| {
            let request = Request::asked(semaphore.acquire());
            drop(request);
        });
        let request = Request::asked(semaphore.acquire());
        join([giver, other]);
        drop(request.served());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn of_two_waiters_the_first_gets_the_one_permit() {
    check_to(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.acquire());
        let second = Request::waiting(semaphore.clone().acquire_owned());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let other = thread::spawn(move || drop(second.again().unserved()));
        let first = first.again();
        join([giver, other]);
        drop(first.served());
        at_rest(&semaphore, 1);
    });
}

#[test]
fn the_small_one_waits_behind_the_large_front() {
    check_to(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let large = Request::waiting(semaphore.acquire_many(2));
        let small = Request::waiting(semaphore.acquire());
        let givers = [(); 2].map(|()| aside(&semaphore, |semaphore| semaphore.add_permits(1)));
        // The small one stays in line whatever comes, so nobody may pass.
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        join(givers);
        let two = large.served().unwrap();
        let small = small.unserved();
        drop(two);
        drop(small.served());
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn a_newcomer_stands_behind_those_who_wait() {
    check_to(3, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let large = Request::waiting(semaphore.acquire_many(2));
        let giver = aside(&semaphore, |semaphore| {
            semaphore.add_permits(1);
            semaphore.add_permits(1);
        });
        let newcomer = Request::asked(semaphore.acquire());
        join([giver]);
        let two = large.served().unwrap();
        let newcomer = newcomer.unserved();
        drop(two);
        drop(newcomer.served());
        assert_eq!(semaphore.available_permits(), 2);
    });
}
