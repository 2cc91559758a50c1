//! What was written before a permit was given back, or before the semaphore was closed, is seen by whoever
//! gets it next, or is refused: on every path that leads from one to the other.

use std::sync::Arc;

use fairgate_loom::{OwnedSemaphorePermit, Semaphore};
use loom::thread::{self, JoinHandle};

use crate::check::{at_rest, check};
use crate::data::Data;
use crate::request::{Asked, Request};
use crate::threads::join;

/// A semaphore whose permits are held, and the data that the holder writes before he acts.
fn held(permits: usize) -> (Arc<Semaphore>, OwnedSemaphorePermit, Data) {
    let semaphore = Arc::new(Semaphore::new(permits));
    let permit = semaphore.clone().try_acquire_many_owned(permits).unwrap();
    (semaphore, permit, Data::new())
}

/// Starts a thread that writes the data and then acts.
fn write_then(data: &Data, act: impl FnOnce() + 'static) -> JoinHandle<()> {
    let data = data.clone();
    thread::spawn(move || {
        data.write();
        act();
    })
}

fn write_then_add(data: &Data, semaphore: &Arc<Semaphore>) -> JoinHandle<()> {
    let semaphore = Arc::clone(semaphore);
    write_then(data, move || semaphore.add_permits(1))
}

fn write_then_close(data: &Data, semaphore: &Arc<Semaphore>) -> JoinHandle<()> {
    let semaphore = Arc::clone(semaphore);
    write_then(data, move || semaphore.close())
}

#[test]
fn to_one_who_tries() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let giver = write_then(&data, || drop(permit));
        if semaphore.try_acquire().is_ok() {
            data.write();
        }
        join([giver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn to_one_who_comes() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let giver = write_then(&data, || drop(permit));
        if let Asked::Ready(_permit) = Request::asked(semaphore.acquire()) {
            data.write();
        }
        join([giver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn to_one_who_found_the_word_as_it_was_before() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let giver = write_then(&data, {
            let (semaphore, data) = (semaphore.clone(), data.clone());
            move || {
                drop(permit);
                if let Ok(permit) = semaphore.try_acquire() {
                    data.write();
                    drop(permit);
                }
            }
        });
        if let Asked::Ready(_permit) = Request::asked(semaphore.acquire()) {
            data.write();
        }
        join([giver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn to_one_who_waits() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let request = Request::waiting(semaphore.acquire());
        let giver = write_then(&data, || drop(permit));
        if let Asked::Ready(_permit) = request.again() {
            data.write();
        }
        join([giver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn to_one_who_waits_with_another_waker() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let request = Request::waiting(semaphore.acquire());
        let giver = write_then(&data, || drop(permit));
        if let Asked::Ready(_permit) = request.elsewhere() {
            data.write();
        }
        join([giver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn to_one_who_is_served_by_one_who_leaves() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let leaver = Request::waiting(semaphore.clone().acquire_many_owned(2));
        let request = Request::waiting(semaphore.acquire());
        let giver = write_then(&data, || drop(permit));
        let leaver = thread::spawn(move || drop(leaver));
        if let Asked::Ready(_permit) = request.again() {
            data.write();
        }
        join([giver, leaver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn to_one_to_whom_a_grant_is_passed_on() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let first = Request::waiting(semaphore.clone().acquire_owned());
        let second = Request::waiting(semaphore.acquire());
        let giver = write_then(&data, || drop(permit));
        let leaver = thread::spawn(move || drop(first));
        if let Asked::Ready(_permit) = second.again() {
            data.write();
        }
        join([giver, leaver]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn from_two_who_give_to_one_who_waits_for_both() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let request = Request::waiting(semaphore.acquire_many(2));
        let givers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if let Asked::Ready(_permit) = request.again() {
            data.write();
            more.write();
        }
        join(givers);
        at_rest(&semaphore, 2);
    });
}

#[test]
fn from_two_who_give_to_one_who_tries_for_both() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let givers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if semaphore.try_acquire_many(2).is_ok() {
            data.write();
            more.write();
        }
        join(givers);
        at_rest(&semaphore, 2);
    });
}

#[test]
fn past_one_who_takes_permits_away() {
    check(|| {
        let (semaphore, permit, data) = held(2);
        let giver = write_then(&data, || drop(permit));
        let taker = thread::spawn({
            let semaphore = semaphore.clone();
            move || {
                if semaphore.forget_permits(1) == 0 {
                    semaphore.reduce_permits(1);
                }
            }
        });
        if semaphore.try_acquire().is_ok() {
            data.write();
        }
        join([giver, taker]);
        at_rest(&semaphore, 1);
    });
}

#[test]
fn from_one_who_closes_to_those_who_come() {
    check(|| {
        let (semaphore, _permit, data) = held(1);
        let closer = write_then_close(&data, &semaphore);
        if let Asked::Ready(Err(_)) = Request::asked(semaphore.acquire()) {
            data.write();
        }
        join([closer]);
        at_rest(&semaphore, 0);
    });
}

#[test]
fn from_one_who_closes_to_one_who_waits() {
    check(|| {
        let (semaphore, _permit, data) = held(1);
        let request = Request::waiting(semaphore.acquire());
        let closer = write_then_close(&data, &semaphore);
        if let Asked::Ready(Err(_)) = request.again() {
            data.write();
        }
        join([closer]);
        at_rest(&semaphore, 0);
    });
}

#[test]
fn from_one_who_closes_to_one_who_looks() {
    for waiting in [false, true] {
        check(move || {
            let (semaphore, _permit, data) = held(1);
            let request = waiting.then(|| Request::waiting(semaphore.acquire()));
            let closer = write_then_close(&data, &semaphore);
            if semaphore.is_closed() {
                data.write();
            }
            join([closer]);
            drop(request);
            at_rest(&semaphore, 0);
        });
    }
}

/// A caller that has taken the only permit away holds no permit, but no other thread can hold one either.
#[test]
fn forget_permits_sees_what_the_last_holder_wrote() {
    check(|| {
        let (semaphore, data) = (Arc::new(Semaphore::new(1)), Data::new());
        let holder = thread::spawn({
            let (semaphore, data) = (semaphore.clone(), data.clone());
            move || {
                if let Ok(permit) = semaphore.try_acquire() {
                    data.write();
                    drop(permit);
                }
            }
        });
        let forgotten = semaphore.forget_permits(1);
        if forgotten == 1 {
            data.write();
        }
        join([holder]);
        at_rest(&semaphore, 1 - forgotten);
    });
}
