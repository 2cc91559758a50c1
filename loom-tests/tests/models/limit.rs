//! The number of permits that exist: `set_limit`, `acquire_all`, and permits that are forgotten (F7).

use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{assert_idle, check};
use crate::data::Data;
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

fn set_limit(n: usize) -> impl FnOnce(&Semaphore) {
    move |semaphore| without_waiting(|| semaphore.set_limit(n))
}

/// Each of them may be the last.
#[test]
fn the_last_of_two_calls_sets_the_limit() {
    for (one, other) in [(3, 0), (3, 2), (2, 2)] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(1));
            let setter = spawn_with(&semaphore, set_limit(one));
            without_waiting(|| semaphore.set_limit(other));
            join([setter]);
            let limit = semaphore.limit();
            assert!(limit == one || limit == other, "{limit}");
            assert_idle(&semaphore, limit);
        });
    }
}

#[test]
fn the_last_of_two_calls_sets_the_limit_beside_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let releaser = thread::spawn(move || drop(permit));
        let setter = spawn_with(&semaphore, set_limit(3));
        without_waiting(|| semaphore.set_limit(0));
        join([releaser, setter]);
        let limit = semaphore.limit();
        assert!(limit == 3 || limit == 0, "{limit}");
        assert_idle(&semaphore, limit);
    });
}

/// The limit is raised: the first requests of the queue get the new permits.
#[test]
fn a_higher_limit_against_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releaser = thread::spawn(move || drop(permit));
        without_waiting(|| semaphore.set_limit(2));
        join([releaser]);
        drop([first, second].map(Request::expect_ready));
        assert_idle(&semaphore, 2);
    });
}

/// The limit is lowered while a permit is acquired: then it is owed, or it is taken first.
#[test]
fn a_lower_limit_against_an_acquire_and_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let releaser = thread::spawn(move || drop(permit));
        let setter = spawn_with(&semaphore, set_limit(0));
        let request = Request::poll_once(semaphore.acquire());
        join([releaser, setter]);
        match request.check_wakes() {
            Polled::Ready(permit) => {
                assert_eq!((semaphore.owed(), semaphore.held()), (1, 1));
                drop(permit);
            }
            Polled::Pending(request) => drop(request),
        }
        assert_eq!((semaphore.limit(), semaphore.owed()), (0, 0));
        assert_idle(&semaphore, 0);
    });
}

/// A request for all permits does not wait for permits that no longer exist.
#[test]
fn a_lower_limit_completes_a_request_for_all_permits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let all = Request::pending(semaphore.acquire_all());
        let releaser = thread::spawn(move || drop(permit));
        without_waiting(|| semaphore.set_limit(1));
        join([releaser]);
        // It may have been granted before the limit was lowered.
        assert!((1..=2).contains(&all.expect_ready().unwrap().num_permits()));
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_limit_of_0_completes_a_request_for_all_permits_with_none() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let all = Request::poll_once(semaphore.acquire_all());
        let setter = spawn_with(&semaphore, set_limit(0));
        let forgetter = thread::spawn(move || permit.forget());
        join([setter, forgetter]);
        // The forgotten permit was one that the limit of 0 no longer includes, or the limit was set after it was forgotten.
        if semaphore.owed() > 0 {
            semaphore.set_limit(0);
        }
        assert_eq!(all.expect_ready().unwrap().num_permits(), 0);
        assert_idle(&semaphore, 0);
    });
}

/// The last permit is forgotten, so nobody releases it.
#[test]
fn a_forgotten_permit_completes_a_request_for_all_permits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let forgetter = thread::spawn(move || without_waiting(|| permit.forget()));
        let all = Request::poll_once(semaphore.acquire_all());
        join([forgetter]);
        assert_eq!(all.expect_ready().unwrap().num_permits(), 1);
        assert_idle(&semaphore, 1);
    });
}

/// The last permit that exists is forgotten, so the request is granted none. A try of all permits beside that, or beside the
/// cancel of the grant, gets none as well, or finds the request queued.
#[test]
fn a_try_of_all_permits_while_none_exists() {
    for is_cancelled in [false, true] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(1));
            let permit = semaphore.clone().try_acquire_owned().unwrap();
            let all = Request::pending(semaphore.clone().acquire_all_owned());
            let mut permit = Some(permit);
            if is_cancelled {
                permit.take().unwrap().forget();
            }
            let other = thread::spawn(move || match permit {
                Some(permit) => {
                    permit.forget();
                    assert_eq!(all.expect_ready().unwrap().num_permits(), 0);
                }
                None => drop(all),
            });
            let tried = without_waiting(|| semaphore.acquire_all().try_wait());
            assert!(tried.is_ok_and(|permit| permit.num_permits() == 0) || !is_cancelled);
            join([other]);
            assert_idle(&semaphore, 0);
        });
    }
}

/// The same with the queue locked by a cancel, or by a request that arrives.
#[test]
fn a_permit_is_forgotten_while_the_queue_is_locked() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let all = Request::pending(semaphore.acquire_all());
        let second = Request::pending(semaphore.clone().acquire_owned());
        let forgetter = thread::spawn(move || without_waiting(|| permit.forget()));
        let canceller = thread::spawn(move || drop(second));
        let arriving = Request::poll_once(semaphore.acquire());
        join([forgetter, canceller]);
        assert_eq!(all.expect_ready().unwrap().num_permits(), 1);
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// In every schedule: a holder of all permits has what they guard to itself.
fn exclusive(other: impl Fn(&Semaphore) + Copy + Send + Sync + 'static) {
    check(move || {
        let semaphore = Arc::new(Semaphore::new(2));
        let data = Data::new();
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        data.read();
        let holder = thread::spawn({
            let (semaphore, data) = (semaphore.clone(), data.clone());
            move || {
                data.read();
                drop(permit);
                if let Ok(permit) = semaphore.try_acquire() {
                    data.read();
                    drop(permit);
                }
            }
        });
        let other = spawn_with(&semaphore, other);
        let all = Request::poll_once(semaphore.acquire_all());
        if let Polled::Ready(Ok(all)) = all {
            if all.num_permits() > 0 {
                data.write();
            }
            drop(all);
            join([holder, other]);
        } else {
            join([holder, other]);
            let all = all.expect_ready();
            if all.is_ok_and(|all| all.num_permits() > 0) {
                data.write();
            }
        }
        assert_eq!((semaphore.held(), semaphore.waiters()), (0, 0));
    });
}

#[test]
fn all_permits_are_exclusive_against_holders() {
    exclusive(|_| ());
}

#[test]
fn all_permits_are_exclusive_while_permits_are_forgotten() {
    exclusive(|semaphore| {
        without_waiting(|| semaphore.forget_permits(1));
    });
}

#[test]
fn all_permits_are_exclusive_while_permits_are_reduced() {
    exclusive(|semaphore| without_waiting(|| semaphore.reduce_permits(1)));
}

#[test]
fn all_permits_are_exclusive_while_a_held_permit_is_forgotten() {
    exclusive(|semaphore| {
        if let Ok(permit) = semaphore.try_acquire() {
            without_waiting(|| permit.forget());
        }
    });
}

#[test]
fn all_permits_are_exclusive_while_the_limit_is_lowered() {
    exclusive(|semaphore| without_waiting(|| semaphore.set_limit(1)));
}

#[test]
fn all_permits_are_exclusive_while_the_semaphore_is_closed() {
    exclusive(|semaphore| without_waiting(|| semaphore.close()));
}

/// A try of all permits against a try of one, in both threads.
#[test]
fn a_try_of_all_permits_against_a_try_of_one() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let data = Data::new();
        let other = spawn_with(&semaphore, {
            let data = data.clone();
            move |semaphore| {
                if let Ok(_one) = without_waiting(|| semaphore.try_acquire()) {
                    data.read();
                }
            }
        });
        if let Ok(all) = without_waiting(|| semaphore.acquire_all().try_wait()) {
            assert_eq!(all.num_permits(), 2);
            data.write();
        }
        join([other]);
        assert_idle(&semaphore, 2);
    });
}

/// Permits are taken away while the front is claimed: it goes back to the front, so the order stays the same.
#[test]
fn permits_are_taken_away_from_a_claimed_front() {
    for reduces in [false, true] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
            let adder = spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.add_permits(2)));
            let taken = without_waiting(|| match reduces {
                true => {
                    semaphore.reduce_permits(1);
                    1
                }
                false => semaphore.forget_permits(1),
            });
            join([adder]);
            let limit = semaphore.limit();
            assert!(taken <= 1 && limit == 2 - taken);
            assert!(reduces || semaphore.owed() == 0, "only available permits are forgotten");
            let first = first.expect_ready();
            match second.check_wakes() {
                Polled::Ready(second) => drop((first, second)),
                Polled::Pending(second) => {
                    assert_eq!((semaphore.waiters(), semaphore.needed()), (1, Some(1)));
                    drop(first);
                    drop(second.expect_ready());
                }
            }
            assert_idle(&semaphore, limit);
        });
    }
}

/// The claimed request goes back before the requests behind it.
#[test]
fn permits_are_taken_away_from_a_claimed_front_before_others() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let third = Request::pending(semaphore.acquire().max_waiters(3));
        let adder = spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.add_permits(2)));
        without_waiting(|| semaphore.reduce_permits(1));
        let bounded = Request::poll_once(semaphore.acquire().max_waiters(3));
        join([adder]);
        drop(first.expect_ready());
        // The permit goes through the others in order.
        drop(second.expect_ready());
        drop(third.expect_ready());
        drop(bounded.expect_ready());
        assert_eq!((semaphore.waiters(), semaphore.needed()), (0, None));
        assert_idle(&semaphore, 1);
    });
}

/// A range that was claimed takes what is there when it is granted.
#[test]
fn permits_are_taken_away_from_a_range() {
    for reduces in [false, true] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let range = Request::pending(semaphore.acquire().up_to(3));
            let second = Request::pending(semaphore.acquire());
            let adder = spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.add_permits(3)));
            without_waiting(|| match reduces {
                true => semaphore.reduce_permits(1),
                false => drop(semaphore.forget_permits(1)),
            });
            join([adder]);
            let limit = semaphore.limit();
            let permit = range.expect_ready().unwrap();
            assert!((2..=3).contains(&permit.num_permits()), "all that were available");
            drop(permit);
            drop(second.expect_ready());
            assert_idle(&semaphore, limit);
        });
    }
}

/// A range takes permits that are added while it is claimed.
#[test]
fn a_range_against_two_additions() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let range = Request::pending(semaphore.acquire().up_to(2));
        let adder = spawn_with(&semaphore, |semaphore| without_waiting(|| semaphore.add_permits(1)));
        without_waiting(|| semaphore.add_permits(1));
        join([adder]);
        let permit = range.expect_ready().unwrap();
        assert_eq!(permit.num_permits() + semaphore.available_permits(), 2);
        drop(permit);
        assert_idle(&semaphore, 2);
    });
}

/// Together they make no more permits available than one of them may.
#[test]
fn two_bounded_additions_keep_the_bound() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::poll_once(semaphore.acquire());
        let adder = thread::spawn({
            let semaphore = semaphore.clone();
            move || without_waiting(|| semaphore.add_permits_up_to(2, 2))
        });
        let one = without_waiting(|| semaphore.add_permits_up_to(2, 2));
        assert!(semaphore.available_permits() <= 2);
        let other = adder.join().unwrap();
        assert!(one + other <= 3, "{one} and {other}");
        assert_eq!(semaphore.limit(), one + other);
        drop(request.expect_ready());
        assert_idle(&semaphore, one + other);
    });
}

/// An addition raises the limit before the word. If the limit is set in between, any number of times, and the addition turns
/// out to be too large, the limit that was set stays: it includes the permits, so they exist.
#[test]
fn a_limit_that_is_set_while_a_bounded_addition_is_taken_back() {
    for calls in [1, 16] {
        check(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let setter =
                spawn_with(&semaphore, move |semaphore| (0..calls).for_each(|_| set_limit(4)(semaphore)));
            let added = without_waiting(|| semaphore.add_permits_up_to(2, 1));
            join([setter]);
            assert!(added <= 1, "{added}");
            let limit = semaphore.limit();
            // The addition came first, or after the limit was set.
            assert!(limit == 4 || limit == 4 + added, "{limit}, with {added} added");
            assert_eq!((semaphore.available_permits(), semaphore.held()), (limit, 0));
            assert_idle(&semaphore, limit);
        });
    }
}

#[test]
fn a_bounded_addition_against_a_request_for_all_permits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let all = Request::pending(semaphore.acquire_all());
        let releaser = thread::spawn(move || drop(permit));
        let added = without_waiting(|| semaphore.add_permits_up_to(1, 1));
        join([releaser]);
        let all = all.expect_ready().unwrap();
        assert_eq!(all.num_permits() + semaphore.available_permits(), 1 + added);
        drop(all);
        assert_idle(&semaphore, 1 + added);
    });
}

/// A permit is added, and another one acquired, so that the word is again what the try has seen. The try takes no permit then.
#[test]
fn a_try_of_all_permits_against_an_addition_and_an_acquire() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let other = thread::spawn({
            let semaphore = semaphore.clone();
            move || {
                without_waiting(|| semaphore.add_permits(1));
                let permit = without_waiting(|| semaphore.clone().try_acquire_owned());
                (permit.is_ok(), permit)
            }
        });
        let all = without_waiting(|| semaphore.acquire_all().try_wait());
        let all = all.map_or(0, |all| {
            let n = all.num_permits();
            all.forget();
            n
        });
        let (is_held, permit) = other.join().unwrap();
        // All of the three, or the two before one was added; or none, because one is held. Or both fail, because the try of all
        // permits has locked the queue and finds that one is being added.
        assert!(matches!((all, is_held), (0 | 2, _) | (3, false)), "{all}, {is_held}");
        assert_eq!(semaphore.held(), usize::from(is_held));
        drop(permit);
        assert_eq!(semaphore.limit(), 3 - all);
        assert_idle(&semaphore, 3 - all);
    });
}
