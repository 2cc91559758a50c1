//! `Debug` and `Display` of the public types.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::task::{Context, Waker};

use fairgate::{Mutex, PollSemaphore, Semaphore, with_timeout};
use futures_lite::future::block_on;

fn debug(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

/// Asserts that the text contains every part.
#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

#[test]
fn a_semaphore_shows_its_counts() {
    let semaphore = Semaphore::new(3);
    assert_eq!(debug(&semaphore), "Semaphore { permits: 3, limit: 3, waiters: 0, closed: false }");
    semaphore.close();
    assert_eq!(debug(PollSemaphore::new(semaphore.into())).matches("closed: true").count(), 1);
}

#[test]
fn a_semaphore_shows_owed_permits() {
    let semaphore = Semaphore::new(3);
    semaphore.reduce_permits(5);
    assert_contains(&debug(&semaphore), &["permits: -2", "limit: 0"]);
}

/// A request that no other number could be mistaken for.
#[test]
fn a_semaphore_shows_what_the_front_of_its_queue_requests() {
    let semaphore = Semaphore::new(1);
    assert!(!debug(&semaphore).contains("7777"));
    let mut cx = Context::from_waker(Waker::noop());
    let mut front = Box::pin(semaphore.acquire_many(7777));
    let mut second = pin!(semaphore.acquire_many(8888));
    assert!(front.as_mut().poll(&mut cx).is_pending() && second.as_mut().poll(&mut cx).is_pending());
    assert_contains(&debug(&semaphore), &["permits: 1", "waiters: 2", "needed: 7777", "closed: false"]);
    assert!(!debug(&semaphore).contains("8888"));
    drop(front);
    assert_contains(&debug(&semaphore), &["waiters: 1", "needed: 8888"]);
}

#[test]
fn a_permit_shows_its_count_and_its_semaphore() {
    let semaphore = Semaphore::new(3);
    let shown = debug(semaphore.try_acquire_many(2).unwrap());
    let (permit, of) = shown.split_once(", semaphore: ").expect("a permit shows its semaphore");
    assert_eq!(permit, "Permit { permits: 2");
    assert_contains(of, &["Semaphore {", "permits: 1", "waiters: 0", "closed: false"]);
}

#[test]
fn a_future_shows_its_progress() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut lock = pin!(mutex.lock());
    assert_eq!(debug(&*lock), "Lock { progress: New }");
    assert!(lock.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(debug(&*lock), "Lock { progress: Queued }");
    drop(guard);
    assert_eq!(debug(&*lock), "Lock { progress: Granted(1) }");
    assert!(lock.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(debug(&*lock), "Lock { progress: Completed }");
    assert_eq!(
        debug(with_timeout(pending::<()>(), pending::<()>())),
        "WithTimeout { is_completed: false, .. }"
    );
}

#[test]
fn elapsed_displays_its_message() {
    let elapsed = block_on(with_timeout(pending::<()>(), ready(()))).unwrap_err();
    assert_eq!(elapsed.to_string(), "deadline has elapsed");
}
