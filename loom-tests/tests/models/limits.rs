//! Releases and reductions close to `MAX_PERMITS`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

const MAX: usize = Semaphore::MAX_PERMITS;

/// Whether a change is accepted. It panics if the semaphore would then hold, or owe, more than `MAX` permits.
fn accepted(change: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(change)).is_ok()
}

/// A future is refused while it is dropped: the drop finds it in the queue, or refused.
#[test]
fn cancelling_against_a_close_beside_a_release_past_the_limit_does_not_panic() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::pending(semaphore.clone().acquire_owned());
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || {
                semaphore.close();
                drop(all);
                assert!(!accepted(|| semaphore.add_permits(1)));
            }
        });
        assert!(accepted(|| drop(request)));
        join([other]);
        assert_idle(&semaphore, MAX);
    });
}

/// Each of the two fits alone, and both together do not. Exactly one of them succeeds.
#[test]
fn of_two_releases_that_do_not_fit_together_one_succeeds() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let [first, second] = [(); 2].map(|()| semaphore.clone().try_acquire_owned().unwrap());
        semaphore.add_permits(1);
        let other = thread::spawn(move || accepted(|| drop(first)));
        let second = accepted(|| drop(second));
        let first = other.join().unwrap();
        assert!(first != second, "one of two releases fits: {first}, {second}");
        assert_idle(&semaphore, MAX);
    });
}

#[test]
fn a_grant_that_is_released_at_once_does_not_exceed_the_limit() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::pending(semaphore.acquire());
        let releaser = thread::spawn(move || drop(all));
        if let Polled::Ready(permit) = request.poll_again() {
            drop(permit);
        }
        join([releaser]);
        assert_idle(&semaphore, MAX);
    });
}

#[test]
fn an_addition_past_the_limit_is_refused_during_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::pending(semaphore.acquire_many(MAX));
        let releaser = thread::spawn(move || drop(all));
        let granted = request.poll_again().into_ready().ok();
        if granted.is_some() {
            semaphore.add_permits(MAX);
            assert!(!accepted(|| semaphore.add_permits(1)));
            semaphore.reduce_permits(MAX);
        }
        join([releaser]);
        drop(granted);
        assert_idle(&semaphore, MAX);
    });
}

#[test]
fn a_deficit_past_the_limit_is_refused_during_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire_many(MAX));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(MAX));
        if let Polled::Ready(permit) = request.poll_again() {
            semaphore.reduce_permits(MAX);
            assert!(!accepted(|| semaphore.reduce_permits(1)));
            drop(permit);
        }
        join([releaser]);
        assert_eq!(semaphore.waiters(), 0);
    });
}
