//! Threads that block in the same queue as tasks.

use std::sync::Arc;
use std::time::Duration;

use fairgate_loom::{Semaphore, SemaphorePermit};
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn a_blocked_thread_is_woken_by_a_release() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let blocked = spawn_with(&semaphore, |semaphore| drop(semaphore.blocking_acquire().unwrap()));
        drop(permit);
        join([blocked]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn one_permit_passes_through_two_blocked_threads() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let blocked = spawn_with(&semaphore, |semaphore| drop(semaphore.blocking_acquire().unwrap()));
        let other = thread::spawn({
            let semaphore = semaphore.clone();
            move || drop(semaphore.blocking_acquire_owned().unwrap())
        });
        drop(permit);
        join([blocked, other]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_thread_queues_behind_a_task() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let task = Request::pending(semaphore.acquire());
        let blocked = spawn_with(&semaphore, |semaphore| drop(semaphore.blocking_acquire_many(2).unwrap()));
        semaphore.add_permits(3);
        join([blocked]);
        drop(task.expect_ready());
        assert_idle(&semaphore, 3);
    });
}

#[test]
fn cancelling_a_task_wakes_the_thread_behind_it() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let large = Request::pending(semaphore.acquire_many(2));
        let blocked = spawn_with(&semaphore, |semaphore| drop(semaphore.blocking_acquire().unwrap()));
        drop(large);
        join([blocked]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn a_blocked_thread_is_woken_by_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let task = Request::pending(semaphore.acquire());
        let blocked = spawn_with(&semaphore, |semaphore| assert!(semaphore.blocking_acquire().is_err()));
        semaphore.close();
        join([blocked]);
        assert!(task.expect_ready().is_err());
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn a_blocking_timeout_against_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(2));
        let outcome = semaphore.acquire_many(2).wait_timeout(Duration::ZERO);
        let arriving = Request::poll_once(semaphore.acquire());
        join([releaser]);
        let got = outcome.iter().map(SemaphorePermit::num_permits).sum::<usize>();
        drop(outcome);
        drop(arriving.expect_ready());
        assert!(got == 0 || got == 2);
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_task_queues_behind_a_thread() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let blocked = spawn_with(&semaphore, |semaphore| {
            semaphore.blocking_acquire_many(2).unwrap().forget();
        });
        let task = Request::poll_once(semaphore.acquire());
        semaphore.add_permits(1);
        semaphore.add_permits(2);
        join([blocked]);
        drop(task.expect_ready());
        assert_idle(&semaphore, 1);
    });
}
