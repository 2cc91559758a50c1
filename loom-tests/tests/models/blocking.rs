//! Threads that sleep in the same line as tasks.

use std::sync::Arc;

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::check;
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
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1));
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
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1));
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
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 3));
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
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1));
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
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 0));
    });
}
