//! Threads that sleep in the same line as tasks.

use std::sync::Arc;
use std::time::Duration;

use fairgate_loom::{Semaphore, SemaphorePermit, TimeoutExt};
use loom::thread;

use crate::check::{at_rest, check};
use crate::request::Request;
use crate::threads::{aside, join};

#[test]
fn a_thread_sleeps_until_it_is_served() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let sleeper = aside(&semaphore, |semaphore| drop(semaphore.blocking_acquire().unwrap()));
        drop(permit);
        join([sleeper]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn two_threads_hand_one_permit_on() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let sleeper = aside(&semaphore, |semaphore| drop(semaphore.blocking_acquire().unwrap()));
        let other = thread::spawn({
            let semaphore = semaphore.clone();
            move || drop(semaphore.blocking_acquire_owned().unwrap())
        });
        drop(permit);
        join([sleeper, other]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn a_thread_sleeps_behind_a_task() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let task = Request::waiting(semaphore.acquire());
        let sleeper = aside(&semaphore, |semaphore| drop(semaphore.blocking_acquire_many(2).unwrap()));
        semaphore.add_permits(3);
        join([sleeper]);
        drop(task.served());
        at_rest(&semaphore, 3);
    });
}

#[test]
fn a_task_that_leaves_lets_a_thread_sleep_no_longer() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::waiting(semaphore.acquire_many(2));
        let sleeper = aside(&semaphore, |semaphore| drop(semaphore.blocking_acquire().unwrap()));
        drop(large);
        join([sleeper]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn a_thread_is_woken_by_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let task = Request::waiting(semaphore.acquire());
        let sleeper = aside(&semaphore, |semaphore| assert!(semaphore.blocking_acquire().is_err()));
        semaphore.close();
        join([sleeper]);
        assert!(task.served().is_err());
        at_rest(&semaphore, 0);
    });
}

#[test]
fn a_thread_that_sleeps_no_longer_meets_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(2));
        let outcome = semaphore.acquire_many(2).blocking_timeout(Duration::ZERO);
        let newcomer = Request::asked(semaphore.acquire());
        join([giver]);
        let got = outcome.iter().flatten().map(SemaphorePermit::num_permits).sum::<usize>();
        drop(outcome);
        drop(newcomer.served());
        assert!(got == 0 || got == 2);
        at_rest(&semaphore, 2);
    });
}

#[test]
fn a_task_stands_behind_a_thread() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let sleeper = aside(&semaphore, |semaphore| {
            semaphore.blocking_acquire_many(2).unwrap().forget();
        });
        let task = Request::asked(semaphore.acquire());
        semaphore.add_permits(1);
        semaphore.add_permits(2);
        join([sleeper]);
        drop(task.served());
        at_rest(&semaphore, 1);
    });
}
