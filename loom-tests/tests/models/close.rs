//! A semaphore that is closed while it is in use.

use std::sync::Arc;

use fairgate_loom::{Semaphore, TryAcquireError};
use loom::thread;

use crate::check::{at_rest, check};
use crate::request::Request;
use crate::threads::{aside, join};

#[test]
fn close_meets_an_acquire_that_could_be_met() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let closer = aside(&semaphore, Semaphore::close);
        let permit = Request::asked(semaphore.acquire()).served();
        join([closer]);
        assert_eq!(semaphore.available_permits(), 1 - permit.iter().count());
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    });
}

#[test]
fn close_meets_an_acquire_that_must_wait() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let closer = aside(&semaphore, Semaphore::close);
        let request = Request::asked(semaphore.acquire());
        join([closer]);
        assert!(request.served().is_err());
        at_rest(&semaphore, 0);
    });
}

#[test]
fn a_grant_that_meets_a_close_stands_or_never_was() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.acquire());
        let second = Request::waiting(semaphore.acquire());
        let closer = aside(&semaphore, Semaphore::close);
        semaphore.add_permits(1);
        join([closer]);
        let permit = first.served();
        assert!(second.served().is_err());
        assert_eq!(semaphore.available_permits(), 1 - permit.iter().count());
        drop(permit);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn close_meets_a_cancel() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::waiting(semaphore.clone().acquire_owned()));
        let closer = aside(&semaphore, Semaphore::close);
        let leaver = thread::spawn(move || drop(first));
        drop(second);
        join([closer, leaver]);
        assert!(third.served().is_err());
        at_rest(&semaphore, 0);
    });
}

#[test]
fn it_is_closed_twice_at_once_over_a_line_longer_than_a_batch() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let line = [(); 3].map(|()| Request::waiting(semaphore.acquire()));
        let closer = aside(&semaphore, Semaphore::close);
        semaphore.close();
        // Whoever has called `close` is refused from then on, also while others are being told.
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
        join([closer]);
        assert!(line.into_iter().all(|request| request.served().is_err()));
        assert!(semaphore.is_closed());
        at_rest(&semaphore, 0);
    });
}

#[test]
fn permits_come_back_to_a_semaphore_that_is_being_closed() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let waiting = Request::waiting(semaphore.acquire_many(2));
        let giver = thread::spawn(move || drop(permit));
        let closer = aside(&semaphore, Semaphore::close);
        drop(waiting);
        join([giver, closer]);
        assert!(semaphore.is_closed());
        at_rest(&semaphore, 1);
    });
}
