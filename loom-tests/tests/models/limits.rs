//! Releases and reductions close to `MAX_PERMITS`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::Request;
use crate::threads::join;

const MAX: usize = Semaphore::MAX_PERMITS;

/// Whether a release is accepted; it panics if the semaphore would then hold more than `MAX` permits.
fn accepted(release: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(release)).is_ok()
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
