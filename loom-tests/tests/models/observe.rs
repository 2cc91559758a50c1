//! What a thread observes without changing anything: `{:?}`, `waiters`, `available_permits`, `limit`, `held`, `is_granted`,
//! `is_closed`. None of it waits, and none of it calls a waker.

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

/// A future that reports a grant completes with a permit at the next poll, closed or not.
#[test]
fn is_granted_against_a_release_and_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let closer = spawn_with(&semaphore, Semaphore::close);
        let text = without_waiting(|| format!("{:?}", request.future()));
        assert!(text.starts_with("Acquire"), "{text}");
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

/// A logger may hold a lock that a waker takes. So nothing that only observes calls a waker, or waits.
#[test]
fn observing_calls_no_waker_and_does_not_wait() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.try_acquire().unwrap();
        let first = pending_with_checked_waker!(semaphore.acquire());
        let second = pending_with_checked_waker!(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        OBSERVING.with(|observing| observing.set(true));
        without_waiting(|| {
            assert!(semaphore.waiters() <= 2);
            assert!(matches!(semaphore.needed(), None | Some(1)));
            assert!(semaphore.available_permits() <= 1 && semaphore.owed() == 0);
            assert!((1..=2).contains(&semaphore.limit()) && semaphore.held() <= 2);
            assert!(!semaphore.is_closed());
            drop(format!("{semaphore:?} {permit:?} {first:?}"));
        });
        OBSERVING.with(|observing| observing.set(false));
        join([releaser]);
        assert!(first.is_granted() && !second.is_granted());
        drop((first, permit));
        assert!(second.is_granted());
        drop(second);
        assert_idle(&semaphore, 2);
    });
}

/// A thread that finds a request in the queue sees at least its own requests.
#[test]
fn a_thread_counts_its_own_waiters() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let own = Request::pending(semaphore.acquire());
        let other = semaphore.clone().acquire_many_owned(2);
        let other = thread::spawn(move || Request::pending(other));
        assert!((1..=2).contains(&semaphore.waiters()));
        assert_eq!(semaphore.needed(), Some(1));
        let other = other.join().unwrap();
        assert_eq!((semaphore.waiters(), semaphore.needed()), (2, Some(1)));
        drop(own);
        assert_eq!((semaphore.waiters(), semaphore.needed()), (1, Some(2)));
        drop(other);
        assert_eq!((semaphore.waiters(), semaphore.needed()), (0, None));
        assert_idle(&semaphore, 0);
    });
}
