//! A thread that acquires a permit sees what was written before its release, and a thread that finds the semaphore
//! closed sees what was written before the close. One model per path from the write to the read.

use std::sync::Arc;

use fairgate_loom::{OwnedSemaphorePermit, Permit, Semaphore, TryAcquireError};
use loom::thread::{self, JoinHandle};

use crate::check::{assert_idle, check, check_from};
use crate::data::Data;
use crate::request::{Polled, Request};
use crate::threads::join;

/// A semaphore whose permits are all held, the permit that holds them, and the data that it protects.
fn held(permits: usize) -> (Arc<Semaphore>, OwnedSemaphorePermit, Data) {
    let semaphore = Arc::new(Semaphore::new(permits));
    let permit = semaphore.clone().try_acquire_many_owned(permits).unwrap();
    (semaphore, permit, Data::new())
}

/// Spawns a thread that writes the data and then calls `act`.
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
fn to_a_try() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let releaser = write_then(&data, || drop(permit));
        if semaphore.try_acquire().is_ok() {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_first_poll() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let releaser = write_then(&data, || drop(permit));
        if let Polled::Ready(_permit) = Request::poll_once(semaphore.acquire()) {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_first_poll_after_two_holds() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let releaser = write_then(&data, {
            let (semaphore, data) = (semaphore.clone(), data.clone());
            move || {
                drop(permit);
                if let Ok(permit) = semaphore.try_acquire() {
                    data.write();
                    drop(permit);
                }
            }
        });
        if let Polled::Ready(_permit) = Request::poll_once(semaphore.acquire()) {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_waiter() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let request = Request::pending(semaphore.acquire());
        let releaser = write_then(&data, || drop(permit));
        if let Polled::Ready(_permit) = request.poll_again() {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_waiter_with_a_new_waker() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let request = Request::pending(semaphore.acquire());
        let releaser = write_then(&data, || drop(permit));
        if let Polled::Ready(_permit) = request.poll_from_new_task() {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_waiter_granted_by_a_cancel() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let canceller = Request::pending(semaphore.clone().acquire_many_owned(2));
        let request = Request::pending(semaphore.acquire());
        let releaser = write_then(&data, || drop(permit));
        let canceller = thread::spawn(move || drop(canceller));
        if let Polled::Ready(_permit) = request.poll_again() {
            data.write();
        }
        join([releaser, canceller]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_waiter_behind_a_cancelled_grant() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let first = Request::pending(semaphore.clone().acquire_owned());
        let second = Request::pending(semaphore.acquire());
        let releaser = write_then(&data, || drop(permit));
        let canceller = thread::spawn(move || drop(first));
        if let Polled::Ready(_permit) = second.poll_again() {
            data.write();
        }
        join([releaser, canceller]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn from_two_releases_to_a_waiter() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let request = Request::pending(semaphore.acquire_many(2));
        let releasers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if let Polled::Ready(_permit) = request.poll_again() {
            data.write();
            more.write();
        }
        join(releasers);
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn from_two_releases_to_a_try() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let releasers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if semaphore.try_acquire_many(2).is_ok() {
            data.write();
            more.write();
        }
        join(releasers);
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn across_a_reduction() {
    check(|| {
        let (semaphore, permit, data) = held(2);
        let releaser = write_then(&data, || drop(permit));
        let reducer = thread::spawn({
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
        join([releaser, reducer]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn from_a_close_to_a_try_for_all_permits() {
    check(|| {
        let (semaphore, data) = (Arc::new(Semaphore::new(1)), Data::new());
        let closer = write_then_close(&data, &semaphore);
        if let Err(TryAcquireError::Closed) = semaphore.acquire_all().try_wait() {
            data.write();
        }
        join([closer]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn from_a_close_to_a_first_poll() {
    check(|| {
        let (semaphore, _permit, data) = held(1);
        let closer = write_then_close(&data, &semaphore);
        if let Polled::Ready(Err(_)) = Request::poll_once(semaphore.acquire()) {
            data.write();
        }
        join([closer]);
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn from_a_close_to_a_waiter() {
    check(|| {
        let (semaphore, _permit, data) = held(1);
        let request = Request::pending(semaphore.acquire());
        let closer = write_then_close(&data, &semaphore);
        if let Polled::Ready(Err(_)) = request.poll_again() {
            data.write();
        }
        join([closer]);
        assert_idle(&semaphore, 0);
    });
}

#[test]
fn from_a_close_to_is_closed() {
    for queued in [false, true] {
        check(move || {
            let (semaphore, _permit, data) = held(1);
            let request = queued.then(|| Request::pending(semaphore.acquire()));
            let closer = write_then_close(&data, &semaphore);
            if semaphore.is_closed() {
                data.write();
            }
            join([closer]);
            drop(request);
            assert_idle(&semaphore, 0);
        });
    }
}

/// The other thread acquires, writes and releases, so the word changes and changes back. `take` may have read the
/// word before that, and its compare-and-swap succeeds on the equal word; it must see the writes all the same.
fn visible_to(take: impl Fn(&Semaphore) -> bool + Send + Sync + 'static) {
    check(move || {
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
        let taken = usize::from(take(&semaphore));
        if taken == 1 {
            data.write();
            semaphore.add_permits(1);
        }
        join([holder]);
        data.read();
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_a_try_that_read_the_word_before() {
    visible_to(|semaphore| semaphore.try_acquire().map(Permit::forget).is_ok());
}

#[test]
fn to_a_try_of_a_range_that_read_the_word_before() {
    visible_to(|semaphore| semaphore.acquire().up_to(2).try_wait().map(Permit::forget).is_ok());
}

#[test]
fn to_a_first_poll_that_read_the_word_before() {
    visible_to(|semaphore| {
        let acquired = Request::poll_once(semaphore.acquire()).into_ready().ok();
        acquired.map(|permit| permit.unwrap().forget()).is_some()
    });
}

#[test]
fn to_a_bounded_request_that_read_the_word_before() {
    visible_to(|semaphore| {
        let bounded = Request::poll_once(semaphore.acquire().max_waiters(0)).expect_ready();
        bounded.map(Permit::forget).is_ok()
    });
}

#[test]
fn to_a_range_that_read_the_word_before() {
    visible_to(|semaphore| {
        let acquired = Request::poll_once(semaphore.acquire().up_to(2)).into_ready().ok();
        acquired.map(|permit| permit.unwrap().forget()).is_some()
    });
}

/// A caller that has forgotten the only permit holds none, but no other thread can hold one either.
#[test]
fn to_forget_permits() {
    visible_to(|semaphore| semaphore.forget_permits(1) == 1);
}

/// A reduction that leaves nothing owed has removed the only permit, or the holder has released it since.
#[test]
fn to_reduce_permits() {
    visible_to(|semaphore| {
        semaphore.reduce_permits(1);
        let removed = semaphore.owed() == 0;
        if !removed {
            semaphore.add_permits(1);
        }
        removed
    });
}

/// Nothing is owed any more, so the last holder has released its permit.
#[test]
fn to_owed() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        semaphore.reduce_permits(1);
        let releaser = write_then(&data, || drop(permit));
        if semaphore.owed() == 0 {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 0);
    });
}

/// A caller may act on a reported grant as on a permit.
#[test]
fn to_is_granted() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let request = Request::pending(semaphore.acquire());
        let releaser = write_then(&data, || drop(permit));
        if request.future().is_granted() {
            data.write();
        }
        join([releaser]);
        drop(request.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// If all permits are available, all holders have released theirs. Here they acquire none again.
#[test]
fn to_available_permits() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let releasers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if semaphore.available_permits() == 2 {
            data.write();
            more.write();
        }
        join(releasers);
        assert_idle(&semaphore, 2);
    });
}

/// One of two releases pays the deficit, and the other makes a permit available. The thread that acquires it sees both writes.
#[test]
fn across_a_deficit() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        semaphore.reduce_permits(1);
        let releasers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if semaphore.try_acquire().is_ok() {
            data.write();
            more.write();
        }
        join(releasers);
        assert_idle(&semaphore, 1);
    });
}

/// A reduction between the release and the acquire hides no write.
#[test]
fn across_a_reduction_by_the_same_thread() {
    check(|| {
        let (semaphore, permit, data) = held(2);
        let releaser = write_then(&data, || drop(permit));
        semaphore.reduce_permits(1);
        if semaphore.try_acquire().is_ok() {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

/// A try that fails because the semaphore is closed sees what was written before the close.
#[test]
fn from_a_close_to_a_try() {
    for queued in [false, true] {
        check(move || {
            let (semaphore, _permit, data) = held(1);
            let request = queued.then(|| Request::pending(semaphore.acquire()));
            let closer = write_then_close(&data, &semaphore);
            if semaphore.try_acquire().err() == Some(TryAcquireError::Closed) {
                data.write();
            }
            join([closer]);
            drop(request);
            assert_idle(&semaphore, 0);
        });
    }
}

/// The same for a request that never waits, also for one of no permits.
#[test]
fn from_a_close_to_a_bounded_request() {
    for permits in [0, 1] {
        check(move || {
            let (semaphore, _permit, data) = held(1);
            let closer = write_then_close(&data, &semaphore);
            let bounded = Request::poll_once(semaphore.acquire_many(permits).max_waiters(0)).expect_ready();
            if bounded.is_err_and(|error| error.is_closed()) {
                data.write();
            }
            join([closer]);
            assert_idle(&semaphore, 0);
        });
    }
}

#[test]
fn from_two_releases_to_a_range() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let releasers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if let Polled::Ready(Ok(permit)) = Request::poll_once(semaphore.acquire().up_to(2)) {
            if permit.num_permits() == 2 {
                data.write();
                more.write();
            }
        }
        join(releasers);
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn from_two_releases_to_a_try_of_a_range() {
    check(|| {
        let (semaphore, permit, data) = held(1);
        let more = Data::new();
        let releasers = [write_then(&data, || drop(permit)), write_then_add(&more, &semaphore)];
        if semaphore.acquire().up_to(2).try_wait().is_ok_and(|permit| permit.num_permits() == 2) {
            data.write();
            more.write();
        }
        join(releasers);
        assert_idle(&semaphore, 2);
    });
}

/// The lock holder could not unlock, because a permit was forgotten. Another one is released before it begins the look that this
/// has asked for, and is granted by it.
#[test]
fn from_a_release_before_another_look_to_a_waiter() {
    check_from(4, || {
        let (semaphore, mut permits, data) = held(3);
        drop(permits.split(1));
        let request = Request::pending(semaphore.acquire_many(2));
        let releaser = thread::spawn({
            let (semaphore, data) = (semaphore.clone(), data.clone());
            move || {
                semaphore.forget_permits(1);
                data.write();
                drop(permits);
            }
        });
        // Locks the queue, and leaves it as it is, apart from a waker.
        if let Polled::Ready(_permits) = request.poll_from_new_task() {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 2);
    });
}
