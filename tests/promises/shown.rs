//! What things show of themselves: counts and phases, and a value behind its guard as if there were no guard.

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use fairgate::{Mutex, MutexGuard, PollSemaphore, Semaphore, with_timeout};
use futures_lite::future::block_on;

fn debug(what: impl std::fmt::Debug) -> String {
    format!("{what:?}")
}

#[test]
fn a_semaphore_shows_its_counts() {
    let semaphore = Semaphore::new(3);
    assert_eq!(debug(&semaphore), "Semaphore { permits: 3, waiters: 0, closed: false }");
    semaphore.reduce_permits(5);
    assert_eq!(debug(&semaphore), "Semaphore { permits: -2, waiters: 0, closed: false }");
    semaphore.close();
    assert_eq!(debug(PollSemaphore::new(semaphore.into())).matches("closed: true").count(), 1);
}

#[test]
fn a_permit_shows_how_many_it_is_and_of_what() {
    let semaphore = Semaphore::new(3);
    let shown = debug(semaphore.try_acquire_many(2).unwrap());
    let of = "Semaphore { permits: 1, waiters: 0, closed: false }";
    assert_eq!(shown, format!("SemaphorePermit {{ permits: 2, semaphore: {of} }}"));
}

#[test]
fn a_request_shows_what_it_is_at() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut lock = pin!(mutex.lock());
    assert_eq!(debug(&*lock), "LockFrom { progress: New }");
    assert!(lock.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(debug(&*lock), "LockFrom { progress: Queued }");
    drop(guard);
    assert_eq!(debug(&*lock), "LockFrom { progress: Granted }");
    assert!(lock.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(debug(&*lock), "LockFrom { progress: Completed }");
    assert_eq!(
        debug(with_timeout(pending::<()>(), pending::<()>())),
        "WithTimeout { is_completed: false, .. }"
    );
}

#[test]
fn what_took_too_long_says_so() {
    let elapsed = block_on(with_timeout(pending::<()>(), ready(()))).unwrap_err();
    assert_eq!(elapsed.to_string(), "deadline has elapsed");
}

#[test]
fn a_guard_shows_the_value() {
    let mutex = Arc::new(Mutex::new(5));
    assert_eq!(debug(&mutex), "Mutex { data: 5 }");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(debug(&mutex), "Mutex { data: <locked> }");
    assert_eq!((debug(&guard), guard.to_string()), ("5".into(), "5".into()));
    let mapped = MutexGuard::map(guard, |five| five);
    assert_eq!((debug(&mapped), mapped.to_string()), ("5".into(), "5".into()));
}
