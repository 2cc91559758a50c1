//! Releases and reductions close to `MAX_PERMITS`.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use fairgate_loom::Semaphore;
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

const MAX: usize = Semaphore::MAX_PERMITS;

/// Whether a change succeeds. It panics if the semaphore would then hold, or owe, more than `MAX` permits.
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

/// A close fails a future while it is dropped: the drop finds the future queued, or failed.
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
            assert!(!without_waiting(|| accepted(|| semaphore.add_permits(1))));
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

/// A future that a close has failed holds no permits. Its drop has nothing to release, so it cannot be the
/// release that is too large.
#[test]
fn dropping_a_refused_future_beside_a_release_past_the_limit_does_not_panic() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let rest = semaphore.clone().try_acquire_many_owned(MAX - 1).unwrap();
        let refused = Request::pending(semaphore.clone().acquire_owned());
        semaphore.close();
        drop(rest);
        semaphore.add_permits(1);
        let other = thread::spawn(move || assert!(!accepted(|| drop(permit))));
        assert!(accepted(|| drop(refused)));
        join([other]);
        assert_idle(&semaphore, MAX);
    });
}

/// `MAX - 1` permits are available. In either order of the two drops the release of one permit fits and the
/// release of two does not.
#[test]
fn a_release_that_fits_succeeds_beside_one_that_does_not() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let two = semaphore.clone().try_acquire_many_owned(2).unwrap();
        let one = semaphore.clone().try_acquire_owned().unwrap();
        semaphore.add_permits(2);
        let other = thread::spawn(move || assert!(!accepted(|| drop(two))));
        assert!(accepted(|| drop(one)));
        join([other]);
        assert_idle(&semaphore, MAX);
    });
}

/// The same with `add_permits`, the other way to release.
#[test]
fn an_addition_that_fits_succeeds_beside_a_release_that_does_not() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let two = semaphore.clone().try_acquire_many_owned(2).unwrap();
        semaphore.add_permits(1);
        let other = thread::spawn(move || assert!(!accepted(|| drop(two))));
        assert!(accepted(|| semaphore.add_permits(1)));
        join([other]);
        assert_idle(&semaphore, MAX);
    });
}

/// A release that panics leaves no permit that an acquire could take.
#[test]
fn a_refused_release_adds_no_permit_for_another_thread() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(MAX));
        let one = semaphore.clone().try_acquire_owned().unwrap();
        semaphore.add_permits(1);
        let other = thread::spawn(move || accepted(|| drop(one)));
        // All `MAX` permits are available, so this succeeds, and the permit of the failed release is not among them.
        let all = semaphore.try_acquire_many(MAX).unwrap();
        let more = semaphore.try_acquire().ok();
        let accepted = other.join().unwrap();
        // The release fits only after the acquire.
        assert!(more.is_none() || accepted, "a permit of a refused release was acquired");
        drop(more);
        // Make room for what was accepted.
        semaphore.reduce_permits(usize::from(accepted));
        drop(all);
        assert_idle(&semaphore, MAX);
    });
}
