//! The number of permits changes while they are in use.

use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::{at_rest, check};
use crate::request::{Asked, Request};
use crate::threads::{aside, join};

#[test]
fn what_is_taken_away_meets_what_comes_back() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.acquire());
        let taker = aside(&semaphore, |semaphore| semaphore.reduce_permits(1));
        semaphore.add_permits(1);
        join([taker]);
        // Either the grant came first, and the debt is still open, or the debt was paid.
        match first.settle() {
            Asked::Ready(permit) => drop(permit),
            Asked::Pending(first) => {
                semaphore.add_permits(1);
                drop(first.served());
                semaphore.reduce_permits(1);
            }
        }
        at_rest(&semaphore, 0);
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
        let first = Request::waiting(semaphore.acquire());
        let giver = thread::spawn(move || drop(permit));
        let other = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let newcomer = Request::asked(semaphore.acquire());
        join([giver, other]);
        drop(first.served());
        drop(newcomer.served());
        at_rest(&semaphore, 1);
    });
}

#[test]
fn what_is_taken_away_while_the_line_is_edited_is_owed() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::waiting(semaphore.clone().acquire_many_owned(2));
        let small = Request::waiting(semaphore.acquire());
        let leaver = thread::spawn(move || drop(large));
        semaphore.reduce_permits(1);
        join([leaver]);
        match small.settle() {
            Asked::Ready(permit) => drop(permit),
            Asked::Pending(small) => drop(small),
        }
        at_rest(&semaphore, 0);
        semaphore.add_permits(1);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn only_free_permits_are_forgotten() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let giver = thread::spawn(move || drop(permit));
        let forgotten = semaphore.forget_permits(2);
        let request = Request::asked(semaphore.acquire());
        join([giver]);
        match request.settle() {
            Asked::Ready(permit) => {
                assert_eq!(forgotten, 0);
                drop(permit);
            }
            Asked::Pending(_) => assert_eq!(forgotten, 1),
        }
        at_rest(&semaphore, 1 - forgotten);
    });
}

#[test]
fn a_grant_is_never_forgotten() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.clone().acquire_owned());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let taker = thread::spawn(move || match first.again() {
            Asked::Ready(permit) => {
                permit.unwrap().forget();
                1
            }
            Asked::Pending(_) => 0,
        });
        let forgotten = semaphore.forget_permits(1);
        join([giver]);
        let granted = taker.join().unwrap();
        assert!(forgotten + granted <= 1, "the one permit is forgotten or granted, not both");
        at_rest(&semaphore, 1 - forgotten - granted);
    });
}

#[test]
fn parts_of_a_permit_come_back_one_by_one() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut three = semaphore.clone().try_acquire_many_owned(3).unwrap();
        let [one, mut two] = [three.split(1).unwrap(), three.split(1).unwrap()];
        two.merge(three);
        let large = Request::waiting(semaphore.acquire_many(3));
        let givers = [one, two].map(|permit| thread::spawn(move || drop(permit)));
        assert_eq!(semaphore.try_acquire().map(drop), Err(fairgate_loom::TryAcquireError::NoPermits));
        join(givers);
        drop(large.served());
        at_rest(&semaphore, 3);
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
        let newcomer = Request::asked(semaphore.acquire_many(2));
        join([forgets, gives]);
        drop(newcomer.served());
        at_rest(&semaphore, 2);
    });
}

#[test]
fn a_resize_meets_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let [first, second] = [(); 2].map(|()| Request::waiting(semaphore.acquire()));
        let giver = thread::spawn(move || drop(permit));
        semaphore.resize(1, 2);
        join([giver]);
        drop([first, second].map(Request::served));
        at_rest(&semaphore, 2);
    });
}
