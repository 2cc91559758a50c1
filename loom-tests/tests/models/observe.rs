//! What a thread observes without changing anything: `{:?}`, `waiters`, `available_permits`, `is_granted`,
//! `is_closed`.

use std::sync::Arc;

use fairgate_loom::Semaphore;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

/// What is formatted says what can be true at one moment.
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
        let text = format!("{:?}", request.future());
        assert!(text.starts_with("AcquireFrom"), "{text}");
        let granted = request.future().is_granted();
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

/// While a thread completes the service of a queue that is empty by now, the counts are exact.
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

/// Waiters are granted in the order of the queue, also for a thread that looks at the last one first.
#[test]
fn a_later_waiter_is_not_ready_before_an_earlier_one() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releasers = [(); 2].map(|()| spawn_with(&semaphore, |semaphore| semaphore.add_permits(1)));
        if second.future().is_granted() {
            assert!(first.future().is_granted(), "the second was granted before the first");
        }
        join(releasers);
        drop([first, second].map(Request::expect_ready));
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
