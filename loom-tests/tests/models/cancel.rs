//! Requests that are cancelled, also while permits are granted to them.

use std::sync::Arc;
use std::task::Context;

use fairgate_loom::{PollSemaphore, Semaphore};
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request, Task};
use crate::threads::{join, spawn_with};

#[test]
fn a_cancelled_grant_goes_to_the_next_waiter() {
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
fn a_cancelled_grant_becomes_available_if_no_waiter_is_left() {
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
fn a_cancelled_grant_goes_to_a_request_that_arrives() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(first));
        let arriving = Request::poll_once(semaphore.acquire());
        join([releaser, canceller]);
        drop(arriving.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn cancelling_a_large_front_grants_to_the_small_ones_behind_it() {
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
fn cancelling_the_middle_or_the_back_keeps_the_queue_linked() {
    for index in [1, 2] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let mut queue =
                Vec::from([(); 3].map(|()| Request::pending(semaphore.clone().acquire_owned())));
            let canceller = queue.remove(index);
            let canceller = thread::spawn(move || drop(canceller));
            semaphore.add_permits(2);
            join([canceller]);
            drop(queue.into_iter().map(Request::expect_ready).collect::<Vec<_>>());
            assert_idle(&semaphore, 2);
        });
    }
}

#[test]
fn two_neighbours_are_cancelled_at_once() {
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
fn a_cancel_against_a_request_that_arrives() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(2));
        let canceller = thread::spawn(move || drop(large));
        let arriving = Request::poll_once(semaphore.acquire());
        join([canceller]);
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_cancelled_range_at_the_front_releases_all_its_permits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let range = Request::pending(semaphore.acquire().up_to(3));
        let second = Request::pending(semaphore.clone().acquire_many_owned(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        match range.poll_again() {
            Polled::Ready(permit) => assert_eq!(permit.unwrap().num_permits(), 2),
            Polled::Pending(range) => drop(range),
        }
        join([releaser]);
        drop(second.expect_ready());
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn poll_semaphore_replaces_its_request_against_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut slots = PollSemaphore::new(semaphore.clone());
        let task = Task::new();
        assert!(slots.poll_acquire(&mut Context::from_waker(&task.waker())).is_pending());
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        // Another number of permits: the first request is cancelled, and the new one queues at the back.
        let polled = slots.poll_acquire_many(&mut Context::from_waker(&task.waker()), 2);
        assert!(polled.is_pending());
        join([releaser]);
        drop(second.expect_ready());
        slots.cancel();
        assert_idle(&semaphore, 1);
    });
}

/// A front with a maximum is cancelled while permits are released and a bounded request arrives.
#[test]
fn a_range_front_is_cancelled_against_a_bounded_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let range = Request::pending(semaphore.clone().acquire_owned().up_to(3));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        let canceller = thread::spawn(move || drop(range));
        let bounded = Request::poll_once(semaphore.acquire().max_waiters(1));
        join([releaser, canceller]);
        match bounded.expect_ready() {
            Ok(permit) => assert_eq!(permit.num_permits(), 1),
            Err(refused) => assert!(refused.is_full()),
        }
        assert_idle(&semaphore, 2);
    });
}

/// A bounded front is cancelled while permits are released. The request with a maximum behind it takes the rest.
#[test]
fn a_bounded_front_is_cancelled_before_a_range_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let bounded = Request::pending(semaphore.clone().acquire_many_owned(2).max_waiters(1));
        let range = Request::pending(semaphore.acquire().up_to(3));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        let canceller = thread::spawn(move || drop(bounded));
        let range = range.poll_again();
        join([releaser, canceller]);
        let permit = range.expect_ready().unwrap();
        assert_eq!(permit.num_permits() + semaphore.available_permits(), 2);
        drop(permit);
        assert_idle(&semaphore, 2);
    });
}

/// A request with a maximum arrives while the front is cancelled. It is granted at least its minimum.
#[test]
fn a_range_request_arrives_while_the_front_is_cancelled() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.clone().acquire_many_owned(3).max_waiters(1));
        let canceller = thread::spawn(move || drop(large));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let range = Request::poll_once(semaphore.acquire().up_to(2));
        join([canceller, releaser]);
        let permit = range.expect_ready().unwrap();
        assert_eq!(permit.num_permits() + semaphore.available_permits(), 2);
        drop(permit);
        assert_idle(&semaphore, 2);
    });
}

/// The third waiter is cancelled while it is granted. Its permit goes to the next waiter.
#[test]
fn the_third_waiter_is_cancelled_during_its_grant() {
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
