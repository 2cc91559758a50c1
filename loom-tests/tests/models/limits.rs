//! Additions and reductions close to `MAX_PERMITS`.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use fairgate_loom::Semaphore;
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

const MAX: usize = Semaphore::MAX_PERMITS;

/// Whether a change succeeds. It panics if more than `MAX` permits would then exist, or be owed.
pub fn accepted(change: impl FnOnce()) -> bool {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(silence_refusals);
    catch_unwind(AssertUnwindSafe(change)).is_ok()
}

/// Prints nothing for the panics that `accepted` catches: there are thousands, and each may print a backtrace.
fn silence_refusals() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if !message.ends_with("at most MAX_PERMITS permits") {
            print(info);
        }
    }));
}

/// Each of the two fits alone, and both together do not. Exactly one of them succeeds.
#[test]
fn of_two_additions_that_do_not_fit_together_one_succeeds() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX - 1));
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || without_waiting(|| accepted(|| semaphore.add_permits(1)))
        });
        let one = without_waiting(|| accepted(|| assert!(semaphore.add_permits_up_to(1, MAX) <= 1)));
        let other = other.join().unwrap();
        assert!(one || other);
        assert_eq!(semaphore.limit(), MAX);
        assert_idle(&semaphore, MAX);
    });
}

/// The addition fits only after the reduction. No release is ever refused.
#[test]
fn an_addition_past_the_limit_against_a_reduction_and_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let one = semaphore.clone().try_acquire_owned().unwrap();
        let reducer = spawn_with(&semaphore, |semaphore| semaphore.reduce_permits(1));
        let releaser = thread::spawn(move || drop(one));
        let added = usize::from(accepted(|| semaphore.add_permits(1)));
        join([reducer, releaser]);
        assert_eq!(semaphore.limit(), MAX - 1 + added);
        assert_idle(&semaphore, MAX - 1 + added);
    });
}

#[test]
fn an_addition_past_the_limit_is_refused_during_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let all = semaphore.clone().try_acquire_many_owned(MAX).unwrap();
        let request = Request::pending(semaphore.acquire_many(MAX));
        let releaser = thread::spawn(move || drop(all));
        assert!(!without_waiting(|| accepted(|| semaphore.add_permits(1))));
        join([releaser]);
        drop(request.expect_ready());
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
            semaphore.reduce_permits(2 * MAX);
            assert_eq!(semaphore.owed(), 2 * MAX);
            assert!(!accepted(|| semaphore.reduce_permits(1)));
            drop(permit);
            assert_eq!(semaphore.owed(), MAX);
        }
        join([releaser]);
        assert_eq!(semaphore.waiters(), 0);
    });
}
