//! What a thread observes without changing anything: `{:?}`, `waiters`, `available_permits`, `is_granted`,
//! `is_closed`.

use std::future::Future;
use std::sync::Arc;
use std::task::Context;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};
use crate::wakers::calling;

loom::thread_local! {
    /// Whether this thread is observing.
    static OBSERVING: std::cell::Cell<bool> = std::cell::Cell::new(false);
}

/// The formatted text shows values that can be true at one moment.
#[test]
fn debug_of_a_semaphore_against_a_release_and_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let text = format!("{semaphore:?}");
        if text.contains("closed: true") {
            assert!(semaphore.is_closed());
        }
        join([releaser, closer]);
        let permit = request.expect_ready();
        assert_eq!(semaphore.available_permits(), 1 - permit.iter().count());
        drop(permit);
        assert_idle(&semaphore, 1);
    });
}

/// A future that reports a grant completes with a permit at the next poll, closed or not.
#[test]
fn is_granted_against_a_release_and_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let text = without_waiting(|| format!("{:?}", request.future()));
        assert!(text.starts_with("AcquireFrom"), "{text}");
        let granted = without_waiting(|| request.future().is_granted());
        match request.poll_again() {
            Polled::Ready(answer) => {
                join([releaser, closer]);
                assert!(answer.is_ok() || !granted);
                assert_eq!(semaphore.available_permits(), 1 - answer.iter().count());
                drop(answer);
            }
            Polled::Pending(request) => {
                assert!(!granted, "a granted future is ready");
                join([releaser, closer]);
                drop(request.expect_ready());
            }
        }
        assert_idle(&semaphore, 1);
    });
}

/// A granted permit is not available, from the moment at which any thread can see the grant.
#[test]
fn available_permits_excludes_a_visible_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        if request.future().is_granted() {
            assert_eq!(semaphore.available_permits(), 0);
            assert_eq!(semaphore.forget_permits(1), 0);
            assert!(semaphore.try_acquire().is_err());
        }
        join([releaser]);
        drop(request.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// While a thread finishes serving a queue that is already empty, the counts are exact.
#[test]
fn counts_are_exact_after_the_only_waiter_completed() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        if let Polled::Ready(permit) = request.poll_again() {
            assert_idle(&semaphore, 1);
            drop(permit);
            assert_idle(&semaphore, 2);
        }
        join([releaser]);
        assert_idle(&semaphore, 2);
    });
}

/// The waiters that complete are the first ones, and the number of waiters says how many may be left.
#[test]
fn the_number_of_waiters_against_a_batch_and_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let waiters = semaphore.waiters();
        assert!(waiters <= 3);
        join([releaser, closer]);
        let answers = queue.map(Request::expect_ready);
        let granted = answers.iter().take_while(|answer| answer.is_ok()).count();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), granted, "granted in order");
        assert_eq!(semaphore.available_permits(), 3 - granted);
        drop(answers);
        assert_idle(&semaphore, 3);
    });
}

/// Starts a request whose waker panics in a thread that is observing.
macro_rules! pending_with_checked_waker {
    ($future:expr) => {{
        let mut future = Box::pin($future);
        let waker =
            calling(|| OBSERVING.with(|observing| assert!(!observing.get(), "observing woke a task")));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        future
    }};
}

/// Runs `observe`, which must call no waker.
fn observing(observe: impl FnOnce()) {
    OBSERVING.with(|observing| observing.set(true));
    observe();
    OBSERVING.with(|observing| observing.set(false));
}

/// A logger may hold a lock that a waker takes. So nothing that only observes calls a waker.
#[test]
fn observing_calls_no_waker() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = pending_with_checked_waker!(semaphore.acquire());
        let second = pending_with_checked_waker!(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        observing(|| {
            assert!(semaphore.waiters() <= 2);
            assert!(semaphore.available_permits() <= 1);
            assert!(!semaphore.is_closed());
        });
        join([releaser]);
        assert!(first.is_granted() && !second.is_granted());
        drop(first);
        assert!(second.is_granted());
        drop(second);
        assert_idle(&semaphore, 1);
    });
}

/// The same for `{:?}` of the semaphore, of a permit and of a future.
#[test]
fn formatting_calls_no_waker() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire().unwrap();
        let request = pending_with_checked_waker!(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        observing(|| drop(format!("{semaphore:?} {permit:?} {request:?}")));
        join([releaser]);
        assert!(request.is_granted());
        drop((request, permit));
        assert_idle(&semaphore, 2);
    });
}

/// The queue is read while one waiter is granted and the other is cancelled.
#[test]
fn the_number_of_waiters_against_a_grant_and_a_cancel() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(second));
        let waiters = semaphore.waiters();
        assert!(waiters <= 2);
        assert!(semaphore.waiters() <= waiters, "no request was queued in between");
        join([releaser, canceller]);
        drop(first.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// The same for what the front needs: it is the number of the first waiter, of the second, or none, in this order.
#[test]
fn what_the_front_needs_against_a_grant_and_a_cancel() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.clone().acquire_many_owned(2));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(second));
        let rank = |needed| match needed {
            Some(1) => 0,
            Some(2) => 1,
            None => 2,
            _ => panic!("no request is for {needed:?}"),
        };
        let seen = rank(semaphore.permits_needed());
        assert!(seen <= rank(semaphore.permits_needed()), "no request was queued in between");
        join([releaser, canceller]);
        assert_eq!(semaphore.permits_needed(), None);
        drop(first.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// A future that completes may be freed at once, also while another thread reads the queue.
#[test]
fn a_future_is_freed_while_the_waiters_are_counted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let observer = spawn_with(&semaphore, |semaphore| assert!(semaphore.waiters() <= 2));
        if let Polled::Ready(permit) = first.poll_again() {
            drop(permit);
        }
        join([releaser, observer]);
        drop(second.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// The same for the only waiter, which is front and back: the observer reads both of its links.
#[test]
fn the_only_future_is_freed_while_it_is_counted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.clone().acquire_owned());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let observer = spawn_with(&semaphore, |semaphore| assert!(semaphore.waiters() <= 1));
        drop(request.poll_again());
        join([releaser, observer]);
        assert_idle(&semaphore, 1);
    });
}

/// The same with two threads, so that all executions are explored: the future may be freed after the observer has read it,
/// and that the observer no longer reads is seen in the word only.
#[test]
fn a_granted_future_is_freed_while_it_is_counted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.clone().acquire_owned());
        let observer = spawn_with(&semaphore, |semaphore| assert!(semaphore.waiters() <= 1));
        semaphore.add_permits(1);
        drop(request.poll_again().expect_ready());
        join([observer]);
        assert_idle(&semaphore, 1);
    });
}

/// The word is the same before and after a request is put behind the front. So an observer that has read it before must
/// see the queue as it is after.
#[test]
fn a_request_is_queued_behind_the_front_while_the_waiters_are_counted() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = semaphore.clone().acquire_owned();
        let second = thread::spawn(move || Request::pending(second));
        assert!((1..=2).contains(&semaphore.waiters()));
        let second = second.join().unwrap();
        assert_eq!(semaphore.waiters(), 2);
        drop((first, second));
        assert_idle(&semaphore, 0);
    });
}

/// Two threads read the queue, and a third cancels its only waiter.
#[test]
fn two_threads_observe_while_a_waiter_is_cancelled() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire_many(2));
        let observers =
            [(); 2].map(|()| spawn_with(&semaphore, |semaphore| assert!(semaphore.waiters() <= 1)));
        drop(request);
        assert_eq!(semaphore.waiters(), 0);
        join(observers);
    });
}

/// A request is enqueued, and another one granted, while the queue is formatted.
#[test]
fn debug_of_a_semaphore_against_a_request_that_arrives() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let observer = spawn_with(&semaphore, |semaphore| drop(format!("{semaphore:?}")));
        let arriving = Request::poll_once(semaphore.acquire());
        join([releaser, observer]);
        drop(first.expect_ready());
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 1);
    });
}
