//! What was written before a permit was given back, or before the semaphore was closed, is seen by whoever
//! gets it next, or is refused: on every path that leads from one to the other.

use std::sync::Arc;

use fairgate_loom::{BoundedAcquireError, OwnedSemaphorePermit, Permit, Semaphore, TryAcquireError};
use loom::thread::{self, JoinHandle};

use crate::check::{assert_idle, check};
use crate::data::Data;
use crate::request::{Polled, Request};
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
        let releaser = write_then(&data, || drop(permit));
        if semaphore.try_acquire().is_ok() {
            data.write();
        }
        join([releaser]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn to_one_who_comes() {
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
fn to_one_who_found_the_word_as_it_was_before() {
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
fn to_one_who_waits() {
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
fn to_one_who_waits_with_another_waker() {
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
fn to_one_who_is_served_by_one_who_leaves() {
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
fn to_one_to_whom_a_grant_is_passed_on() {
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
fn from_two_who_give_to_one_who_waits_for_both() {
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
fn from_two_who_give_to_one_who_tries_for_both() {
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
fn past_one_who_takes_permits_away() {
    check(|| {
        let (semaphore, permit, data) = held(2);
        let releaser = write_then(&data, || drop(permit));
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
        join([releaser, taker]);
        assert_idle(&semaphore, 1);
    });
}

#[test]
fn from_one_who_closes_to_those_who_come() {
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
fn from_one_who_closes_to_one_who_waits() {
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
fn from_one_who_closes_to_one_who_looks() {
    for waiting in [false, true] {
        check(move || {
            let (semaphore, _permit, data) = held(1);
            let request = waiting.then(|| Request::pending(semaphore.acquire()));
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
        assert_idle(&semaphore, 1 - forgotten);
    });
}

/// A second thread acquires, writes and releases, so that the word changes and changes back. This thread has read
/// the word before that; `take` must acquire what the word is now, not what it was.
fn sees_a_holder_that_came_between(take: impl Fn(&Semaphore) -> bool + Send + Sync + 'static) {
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
fn try_acquire_sees_a_holder_that_came_between() {
    sees_a_holder_that_came_between(|semaphore| semaphore.try_acquire().map(Permit::forget).is_ok());
}

#[test]
fn acquire_sees_a_holder_that_came_between() {
    sees_a_holder_that_came_between(|semaphore| {
        let acquired = Request::poll_once(semaphore.acquire()).into_ready().ok();
        acquired.map(|permit| permit.unwrap().forget()).is_some()
    });
}

#[test]
fn a_bounded_acquire_sees_a_holder_that_came_between() {
    sees_a_holder_that_came_between(|semaphore| {
        let bounded = Request::poll_once(semaphore.acquire().bounded(0)).expect_ready();
        bounded.map(Permit::forget).is_ok()
    });
}

#[test]
fn a_greedy_acquire_sees_a_holder_that_came_between() {
    sees_a_holder_that_came_between(|semaphore| {
        let acquired = Request::poll_once(semaphore.acquire().up_to(2)).into_ready().ok();
        acquired.map(|permit| permit.unwrap().forget()).is_some()
    });
}

#[test]
fn forget_permits_sees_a_holder_that_came_between() {
    sees_a_holder_that_came_between(|semaphore| semaphore.forget_permits(1) == 1);
}

/// A future that reports its grant may be acted upon like a permit.
#[test]
fn is_granted_sees_what_the_last_holder_wrote() {
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

/// All permits are available, so all holders have released them. They acquire no more.
#[test]
fn available_permits_sees_what_the_last_holders_wrote() {
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

/// The permits that were owed are released: `reduce_permits` let no other acquire in between.
#[test]
fn an_acquire_after_the_deficit_is_paid_sees_what_all_holders_wrote() {
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

/// A permit passes through a reduction of another thread: what was released before it is seen after it.
#[test]
fn reduce_permits_keeps_what_the_last_holder_wrote_visible() {
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
fn a_refused_try_sees_what_the_closing_thread_wrote() {
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

/// The same for a request that never waits, and for one that waits for no permits.
#[test]
fn a_refused_bounded_acquire_sees_what_the_closing_thread_wrote() {
    for permits in [0, 1] {
        check(move || {
            let (semaphore, _permit, data) = held(1);
            let closer = write_then_close(&data, &semaphore);
            let bounded = Request::poll_once(semaphore.acquire_many(permits).bounded(0)).expect_ready();
            if bounded.err() == Some(BoundedAcquireError::Closed) {
                data.write();
            }
            join([closer]);
            assert_idle(&semaphore, 0);
        });
    }
}

/// A greedy request takes the permits of two threads at once, and sees what both wrote.
#[test]
fn a_greedy_acquire_sees_what_two_holders_wrote() {
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
