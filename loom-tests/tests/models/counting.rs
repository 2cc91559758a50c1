//! The number of permits changes while they are in use.

use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

#[test]
fn what_is_taken_away_meets_what_comes_back() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let taker = spawn_with(&semaphore, |semaphore| semaphore.reduce_permits(1));
        semaphore.add_permits(1);
        join([taker]);
        // Either the grant came first, and the debt is still open, or the debt was paid.
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
fn a_debt_is_paid_before_anybody_is_served() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        semaphore.reduce_permits(1);
        let first = Request::pending(semaphore.acquire());
        let releaser = thread::spawn(move || drop(permit));
        let other = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let late = Request::poll_once(semaphore.acquire());
        join([releaser, other]);
        drop(first.expect_ready());
        drop(late.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn what_is_taken_away_while_the_line_is_edited_is_owed() {
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
fn only_free_permits_are_forgotten() {
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
fn a_grant_is_never_forgotten() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let taker = thread::spawn(move || match first.poll_again() {
            Polled::Ready(permit) => {
                permit.unwrap().forget();
                1
            }
            Polled::Pending(_) => 0,
        });
        let forgotten = semaphore.forget_permits(1);
        join([releaser]);
        let granted = taker.join().unwrap();
        assert!(forgotten + granted <= 1, "the one permit is forgotten or granted, not both");
        assert_idle(&semaphore, 1 - forgotten - granted);
    });
}

#[test]
fn parts_of_a_permit_come_back_one_by_one() {
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
fn a_permit_is_parted_in_one_thread_and_forgotten_in_another() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut two = semaphore.clone().try_acquire_many_owned(2).unwrap();
        let one = two.split(1).unwrap();
        let forgets = thread::spawn(move || one.forget());
        let gives = thread::spawn(move || drop(two));
        let late = Request::poll_once(semaphore.acquire_many(2));
        join([forgets, gives]);
        drop(late.expect_ready());
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_resize_meets_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releaser = thread::spawn(move || drop(permit));
        semaphore.resize(1, 2);
        join([releaser]);
        drop([first, second].map(Request::expect_ready));
        assert_idle(&semaphore, 2);
    });
}
