//! Requests that are given up while permits are on their way to them.

use std::sync::Arc;
use std::task::Context;

use fairgate_loom::{BoundedAcquireError, PollSemaphore, Semaphore};
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request, Task};
use crate::threads::{join, spawn_with};

#[test]
fn a_grant_that_meets_a_cancel_goes_to_the_next() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(first);
        join([releaser]);
        drop(second.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_grant_that_meets_a_cancel_and_nobody_behind_lies_free() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let large = Request::pending(semaphore.acquire_many(3));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        drop(large);
        join([releaser]);
        assert_idle(&semaphore, 3);
    });
}

#[test]
fn a_grant_that_meets_a_cancel_reaches_a_newcomer() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(first));
        let late = Request::poll_once(semaphore.acquire());
        join([releaser, canceller]);
        drop(late.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn when_a_large_front_leaves_the_small_ones_are_looked_at() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(3));
        let small = Request::pending(semaphore.acquire());
        let last = Request::pending(semaphore.acquire());
        let canceller = thread::spawn(move || drop(large));
        semaphore.add_permits(1);
        join([canceller]);
        drop((small.expect_ready(), last.expect_ready()));
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn one_who_leaves_the_middle_or_the_back_breaks_no_link() {
    for leaves in [1, 2] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let mut line = Vec::from([(); 3].map(|()| Request::pending(semaphore.clone().acquire_owned())));
            let canceller = line.remove(leaves);
            let canceller = thread::spawn(move || drop(canceller));
            semaphore.add_permits(2);
            join([canceller]);
            drop(line.into_iter().map(Request::expect_ready).collect::<Vec<_>>());
            assert_idle(&semaphore, 2);
        });
    }
}

#[test]
fn neighbours_leave_at_once() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let second = Request::pending(semaphore.acquire());
        let third = Request::pending(semaphore.acquire());
        let canceller = thread::spawn(move || drop(first));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(second);
        join([canceller, releaser]);
        drop(third.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn one_leaves_as_another_comes() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(2));
        let canceller = thread::spawn(move || drop(large));
        let late = Request::poll_once(semaphore.acquire());
        join([canceller]);
        drop(late.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_greedy_front_gives_back_all_that_it_was_granted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let greedy = Request::pending(semaphore.acquire().up_to(3));
        let second = Request::pending(semaphore.clone().acquire_many_owned(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        match greedy.poll_again() {
            Polled::Ready(permit) => assert_eq!(permit.unwrap().num_permits(), 2),
            Polled::Pending(greedy) => drop(greedy),
        }
        join([releaser]);
        drop(second.expect_ready());
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_request_that_is_polled_by_hand_is_given_up_against_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut slots = PollSemaphore::new(semaphore.clone());
        let task = Task::new();
        assert!(slots.poll_acquire(&mut Context::from_waker(&task.waker())).is_pending());
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        // It asks for another number, so the first request is given up, and the new one stands behind.
        let asked = slots.poll_acquire_many(&mut Context::from_waker(&task.waker()), 2);
        assert!(asked.is_pending());
        join([releaser]);
        drop(second.expect_ready());
        slots.cancel();
        assert_idle(&semaphore, 1);
    });
}

/// A greedy front is cancelled while permits come and a bounded request arrives.
#[test]
fn a_greedy_front_is_cancelled_against_a_bounded_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let greedy = Request::pending(semaphore.clone().acquire_owned().up_to(3));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        let canceller = thread::spawn(move || drop(greedy));
        let bounded = Request::poll_once(semaphore.acquire().bounded(1));
        join([releaser, canceller]);
        match bounded.expect_ready() {
            Ok(permit) => assert_eq!(permit.num_permits(), 1),
            Err(refused) => assert_eq!(refused, BoundedAcquireError::QueueFull),
        }
        assert_idle(&semaphore, 2);
    });
}

/// A bounded front is cancelled while permits come for a greedy request behind it, which takes what is left.
#[test]
fn a_bounded_front_is_cancelled_before_a_greedy_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let bounded = Request::pending(semaphore.clone().acquire_many_owned(2).bounded(1));
        let greedy = Request::pending(semaphore.acquire().up_to(3));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        let canceller = thread::spawn(move || drop(bounded));
        let greedy = greedy.poll_again();
        join([releaser, canceller]);
        let permit = greedy.expect_ready().unwrap();
        assert_eq!(permit.num_permits() + semaphore.available_permits(), 2);
        drop(permit);
        assert_idle(&semaphore, 2);
    });
}

/// A greedy request arrives while the front is cancelled: it gets at least what it waits for.
#[test]
fn a_greedy_request_arrives_while_the_front_is_cancelled() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(3).bounded(1));
        let canceller = thread::spawn(move || drop(large));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let greedy = Request::poll_once(semaphore.acquire().up_to(2));
        join([canceller, releaser]);
        let permit = greedy.expect_ready().unwrap();
        assert_eq!(permit.num_permits() + semaphore.available_permits(), 2);
        drop(permit);
        assert_idle(&semaphore, 2);
    });
}

/// A waiter of the second batch is cancelled while the batch is granted; its permit goes to the next one.
#[test]
fn a_waiter_of_the_second_batch_is_cancelled_during_its_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third, fourth] = [(); 4].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        drop(third.poll_again());
        join([releaser]);
        drop([first, second, fourth].map(Request::expect_ready));
        assert_idle(&semaphore, 3);
    });
}
