//! The number of permits changes: reductions, forgotten permits, splits, a resize.

use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

#[test]
fn a_reduction_against_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let reducer = spawn_with(&semaphore, |semaphore| semaphore.reduce_permits(1));
        semaphore.add_permits(1);
        join([reducer]);
        // Either the grant came first and the deficit is still open, or the deficit was paid.
        match first.check_wakes() {
            Polled::Ready(permit) => drop(permit),
            Polled::Pending(first) => {
                semaphore.add_permits(1);
                drop(first.expect_ready());
                semaphore.reduce_permits(1);
            }
        }
        assert_idle(&semaphore, 0);
        semaphore.add_permits(1);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_deficit_is_paid_before_a_waiter_is_granted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        semaphore.reduce_permits(1);
        let first = Request::pending(semaphore.acquire());
        let releaser = thread::spawn(move || drop(permit));
        let other = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let arriving = Request::poll_once(semaphore.acquire());
        join([releaser, other]);
        drop(first.expect_ready());
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_reduction_during_a_cancel_leaves_a_deficit() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(2));
        let small = Request::pending(semaphore.acquire());
        let canceller = thread::spawn(move || drop(large));
        semaphore.reduce_permits(1);
        join([canceller]);
        match small.check_wakes() {
            Polled::Ready(permit) => drop(permit),
            Polled::Pending(small) => drop(small),
        }
        assert_idle(&semaphore, 0);
        semaphore.add_permits(1);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn only_available_permits_are_forgotten() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let releaser = thread::spawn(move || drop(permit));
        let forgotten = semaphore.forget_permits(2);
        let request = Request::poll_once(semaphore.acquire());
        join([releaser]);
        match request.check_wakes() {
            Polled::Ready(permit) => {
                assert_eq!(forgotten, 0);
                drop(permit);
            }
            Polled::Pending(_) => assert_eq!(forgotten, 1),
        }
        assert_idle(&semaphore, 1 - forgotten);
    });
}

#[test]
fn a_granted_permit_is_not_forgotten() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let poller = thread::spawn(move || match first.poll_again() {
            Polled::Ready(permit) => {
                permit.unwrap().forget();
                1
            }
            Polled::Pending(_) => 0,
        });
        let forgotten = semaphore.forget_permits(1);
        join([releaser]);
        let granted = poller.join().unwrap();
        assert!(forgotten + granted <= 1, "the only permit is forgotten or granted, not both");
        assert_idle(&semaphore, 1 - forgotten - granted);
    });
}

#[test]
fn parts_of_a_split_permit_are_released_by_two_threads() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut three = semaphore.clone().try_acquire_many_owned(3).unwrap();
        let [one, mut two] = [three.split(1).unwrap(), three.split(1).unwrap()];
        two.merge(three);
        let large = Request::pending(semaphore.acquire_many(3));
        let releasers = [one, two].map(|permit| thread::spawn(move || drop(permit)));
        assert_eq!(semaphore.try_acquire().map(drop), Err(fairgate_loom::TryAcquireError::NoPermits));
        join(releasers);
        drop(large.expect_ready());
        assert_idle(&semaphore, 3);
    });
}

#[test]
fn one_part_is_forgotten_while_the_other_is_released() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut two = semaphore.clone().try_acquire_many_owned(2).unwrap();
        let one = two.split(1).unwrap();
        let forgetter = thread::spawn(move || one.forget());
        let releaser = thread::spawn(move || drop(two));
        let arriving = Request::poll_once(semaphore.acquire_many(2));
        join([forgetter, releaser]);
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_resize_against_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releaser = thread::spawn(move || drop(permit));
        semaphore.set_limit(2);
        join([releaser]);
        drop([first, second].map(Request::expect_ready));
        assert_idle(&semaphore, 2);
    });
}

/// One release pays the deficit. No other number is ever visible.
#[test]
fn permits_owed_against_the_release_that_pays() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        semaphore.reduce_permits(1);
        let releaser = thread::spawn(move || drop(permit));
        let owed = semaphore.owed();
        assert!(owed <= 1);
        assert_eq!(semaphore.available_permits(), 0);
        assert!(semaphore.owed() <= owed);
        join([releaser]);
        assert_eq!(semaphore.owed(), 0);
        assert_idle(&semaphore, 0);
    });
}

/// Two releases pay the deficit and then grant, so a visible grant means that nothing is owed.
#[test]
fn no_permit_is_owed_after_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        semaphore.reduce_permits(1);
        let request = Request::pending(semaphore.acquire());
        let releasers = [(); 2].map(|()| spawn_with(&semaphore, |semaphore| semaphore.add_permits(1)));
        if request.future().is_granted() {
            assert_eq!((semaphore.owed(), semaphore.available_permits()), (0, 0));
        }
        join(releasers);
        drop(request.expect_ready());
        assert_idle(&semaphore, 1);
    });
}
