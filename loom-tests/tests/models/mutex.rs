//! The mutex: guards exclude each other, and each sees what the last holder wrote.

use std::sync::Arc;

use fairgate_loom::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
use loom::thread;

use crate::check::check;
use crate::data::Data;
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn two_threads_exclude_each_other() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let other = spawn_with(&mutex, |mutex| mutex.blocking_lock().write());
        mutex.blocking_lock().write();
        join([other]);
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn the_lock_passes_through_three_holders() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let [first, second] = [(); 2].map(|()| Request::pending(mutex.clone().lock_owned()));
        let holder = thread::spawn(move || {
            guard.write();
            drop(guard);
        });
        let next = thread::spawn(move || {
            if let Ok(guard) = first.poll_again().into_ready() {
                guard.write();
            }
        });
        join([holder, next]);
        second.expect_ready().write();
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn try_lock_against_an_unlock() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let holder = thread::spawn(move || {
            guard.write();
            drop(guard);
        });
        if let Ok(guard) = mutex.try_lock() {
            guard.write();
        }
        join([holder]);
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn a_cancelled_grant_passes_the_lock_on() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let first = Request::pending(mutex.lock());
        let second = Request::pending(mutex.clone().lock_owned());
        let holder = thread::spawn(move || {
            guard.write();
            drop(guard);
        });
        let last = thread::spawn(move || {
            if let Ok(guard) = second.poll_again().into_ready() {
                guard.write();
            }
        });
        drop(first);
        join([holder, last]);
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn dropping_a_mapped_guard_unlocks_the_mutex() {
    check(|| {
        let mutex = Arc::new(Mutex::new((Data::new(), Data::new())));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let part = OwnedMutexGuard::map(guard, |pair| &mut pair.0);
        let next = Request::pending(mutex.lock());
        let holder = thread::spawn(move || {
            part.write();
            drop(part);
        });
        let next = next.poll_again();
        join([holder]);
        let part =
            MappedMutexGuard::map(MutexGuard::map(next.expect_ready(), |pair| pair), |pair| &mut pair.0);
        part.write();
        drop(part);
        mutex.try_lock().unwrap().0.read();
    });
}

#[test]
fn a_guard_that_could_not_be_mapped_keeps_the_lock() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let holder = thread::spawn(move || {
            let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut Data>).unwrap_err();
            guard.write();
        });
        let request = Request::poll_once(mutex.lock());
        if mutex.try_lock().is_ok() {
            unreachable!("the mutex is locked, or a waiter is queued");
        }
        join([holder]);
        request.expect_ready().write();
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn a_guard_that_was_mapped_twice_excludes_others() {
    check(|| {
        let mutex = Arc::new(Mutex::new((Data::new(), (Data::new(), Data::new()))));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let holder = thread::spawn(move || {
            let part = OwnedMutexGuard::try_map(guard, |whole| Some(&mut whole.1)).unwrap();
            let part = OwnedMappedMutexGuard::try_map(part, |_| None::<&mut Data>).unwrap_err();
            OwnedMappedMutexGuard::map(part, |part| &mut part.1).write();
        });
        let blocked = spawn_with(&mutex, |mutex| mutex.blocking_lock().1.1.write());
        if let Ok(guard) = mutex.try_lock() {
            MutexGuard::map(guard, |whole| &mut whole.1.1).write();
        }
        join([holder, blocked]);
        mutex.try_lock().unwrap().1.1.read();
    });
}
