//! Requests that are given up while permits are on their way to them.

use std::sync::Arc;
use std::task::Context;

use fairgate_loom::{PollSemaphore, Semaphore};
use loom::thread;

use crate::check::{at_rest, check};
use crate::request::{Asked, Request, Task};
use crate::threads::{aside, join};

#[test]
fn a_grant_that_meets_a_cancel_goes_to_the_next() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.acquire());
        let second = Request::waiting(semaphore.clone().acquire_owned());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(first);
        join([giver]);
        drop(second.served());
        at_rest(&semaphore, 1);
    });
}

#[test]
fn a_grant_that_meets_a_cancel_and_nobody_behind_lies_free() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let large = Request::waiting(semaphore.acquire_many(3));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(3));
        drop(large);
        join([giver]);
        at_rest(&semaphore, 3);
    });
}

#[test]
fn a_grant_that_meets_a_cancel_reaches_a_newcomer() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.clone().acquire_owned());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let leaver = thread::spawn(move || drop(first));
        let newcomer = Request::asked(semaphore.acquire());
        join([giver, leaver]);
        drop(newcomer.served());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn when_a_large_front_leaves_the_small_ones_are_looked_at() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::waiting(semaphore.clone().acquire_many_owned(3));
        let small = Request::waiting(semaphore.acquire());
        let last = Request::waiting(semaphore.acquire());
        let leaver = thread::spawn(move || drop(large));
        semaphore.add_permits(1);
        join([leaver]);
        drop((small.served(), last.served()));
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn one_who_leaves_the_middle_or_the_back_breaks_no_link() {
    for leaves in [1, 2] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let mut line = Vec::from([(); 3].map(|()| Request::waiting(semaphore.clone().acquire_owned())));
            let leaver = line.remove(leaves);
            let leaver = thread::spawn(move || drop(leaver));
            semaphore.add_permits(2);
            join([leaver]);
            drop(line.into_iter().map(Request::served).collect::<Vec<_>>());
            at_rest(&semaphore, 2);
        });
    }
}

#[test]
fn neighbours_leave_at_once() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.clone().acquire_owned());
        let second = Request::waiting(semaphore.acquire());
        let third = Request::waiting(semaphore.acquire());
        let leaver = thread::spawn(move || drop(first));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(second);
        join([leaver, giver]);
        drop(third.served());
        at_rest(&semaphore, 1);
    });
}

#[test]
fn one_leaves_as_another_comes() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::waiting(semaphore.clone().acquire_many_owned(2));
        let leaver = thread::spawn(move || drop(large));
        let newcomer = Request::asked(semaphore.acquire());
        join([leaver]);
        drop(newcomer.served());
        at_rest(&semaphore, 1);
    });
}

#[test]
fn a_greedy_front_gives_back_all_that_it_was_granted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let greedy = Request::waiting(semaphore.acquire().up_to(3));
        let second = Request::waiting(semaphore.clone().acquire_many_owned(2));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(2));
        match greedy.again() {
            Asked::Ready(permit) => assert_eq!(permit.unwrap().num_permits(), 2),
            Asked::Pending(greedy) => drop(greedy),
        }
        join([giver]);
        drop(second.served());
        at_rest(&semaphore, 2);
    });
}

#[test]
fn a_request_that_is_polled_by_hand_is_given_up_against_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut slots = PollSemaphore::new(semaphore.clone());
        let task = Task::new();
        assert!(slots.poll_acquire(&mut Context::from_waker(&task.waker())).is_pending());
        let second = Request::waiting(semaphore.acquire());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        // It asks for another number, so the first request is given up, and the new one stands behind.
        let asked = slots.poll_acquire_many(&mut Context::from_waker(&task.waker()), 2);
        assert!(asked.is_pending());
        join([giver]);
        drop(second.served());
        slots.cancel();
        at_rest(&semaphore, 1);
    });
}
