//! The mutex: its value is held alone, and seen as the last holder left it.

use std::sync::Arc;

use fairgate_loom::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
use loom::thread;

use crate::check::check;
use crate::data::Data;
use crate::request::Request;
use crate::threads::{join, spawn_with};

#[test]
fn the_value_is_held_alone() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let other = spawn_with(&mutex, |mutex| mutex.blocking_lock().write());
        mutex.blocking_lock().write();
        join([other]);
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn three_hold_it_in_turn() {
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
fn one_who_tries_holds_it_alone_or_not_at_all() {
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
fn a_guard_that_is_given_up_unseen_passes_the_value_on() {
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
fn a_mapped_guard_gives_back_the_whole() {
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
fn a_guard_that_could_not_be_mapped_still_holds() {
    check(|| {
        let mutex = Arc::new(Mutex::new(Data::new()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        let holder = thread::spawn(move || {
            let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut Data>).unwrap_err();
            guard.write();
        });
        let request = Request::poll_once(mutex.lock());
        if mutex.try_lock().is_ok() {
            unreachable!("it is held, or somebody waits for it");
        }
        join([holder]);
        request.expect_ready().write();
        mutex.try_lock().unwrap().read();
    });
}

#[test]
fn a_part_of_a_part_is_held_alone() {
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
