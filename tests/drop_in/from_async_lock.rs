//! The API of async-lock beside the one of fairgate. smol re-exports async-lock as `smol::lock`.

use std::pin::pin;
use std::sync::Arc;

use futures_lite::future::{block_on, poll_once};
use smol::lock;

#[test]
fn permits_are_acquired_added_and_forgotten() {
    static THEIRS: lock::Semaphore = lock::Semaphore::new(2);
    static OURS: fairgate::Semaphore = fairgate::Semaphore::new(2);
    let (their_guard, our_permit) = (block_on(THEIRS.acquire()), block_on(OURS.acquire()).unwrap());
    their_guard.forget();
    our_permit.forget();
    THEIRS.add_permits(2);
    OURS.add_permits(2);
    assert_eq!((THEIRS.available_permits(), OURS.available_permits()), (3, 3));
}

#[test]
fn try_acquire_returns_an_option_there_and_a_result_here() {
    let (theirs, ours) = (lock::Semaphore::new(1), fairgate::Semaphore::new(1));
    let (their_guard, our_permit) = (theirs.try_acquire(), ours.try_acquire().ok());
    assert!(their_guard.is_some() && our_permit.is_some());
    assert!(theirs.try_acquire().is_none() && ours.try_acquire().ok().is_none());
}

#[test]
fn the_arc_is_borrowed_there_and_moved_here() {
    let (theirs, ours) = (Arc::new(lock::Semaphore::new(3)), Arc::new(fairgate::Semaphore::new(3)));
    let their_guards: [lock::SemaphoreGuardArc; 3] =
        [theirs.try_acquire_arc().unwrap(), block_on(theirs.acquire_arc()), theirs.acquire_arc_blocking()];
    let our_permits: [fairgate::OwnedSemaphorePermit; 3] = [
        ours.clone().try_acquire_owned().unwrap(),
        block_on(ours.clone().acquire_owned()).unwrap(),
        ours.clone().blocking_acquire_owned().unwrap(),
    ];
    assert_eq!((theirs.available_permits(), ours.available_permits()), (0, 0));
    drop((their_guards, our_permits));
    assert_eq!((theirs.available_permits(), ours.available_permits()), (3, 3));
    let (guard, permit) = (theirs.acquire_blocking(), ours.blocking_acquire().unwrap());
    drop((guard, permit));
}

#[test]
fn a_new_request_barges_there_and_not_here() {
    let (theirs, ours) = (lock::Semaphore::new(1), fairgate::Semaphore::new(1));
    let (their_guard, our_permit) = (theirs.try_acquire(), ours.try_acquire());
    let (mut their_acquire, mut our_acquire) = (pin!(theirs.acquire()), pin!(ours.acquire()));
    assert!(block_on(poll_once(their_acquire.as_mut())).is_none());
    assert!(block_on(poll_once(our_acquire.as_mut())).is_none());
    drop((their_guard, our_permit));
    assert!(theirs.try_acquire().is_some(), "overtakes the waiter");
    assert!(ours.try_acquire().is_err());
}

#[test]
fn a_mutex_is_locked_in_every_way() {
    static THEIRS: lock::Mutex<u8> = lock::Mutex::new(0);
    static OURS: fairgate::Mutex<u8> = fairgate::Mutex::new(0);
    *block_on(THEIRS.lock()) += 1;
    *block_on(OURS.lock()) += 1;
    *THEIRS.lock_blocking() += 1;
    *OURS.blocking_lock() += 1;
    *THEIRS.try_lock().unwrap() += 1;
    *OURS.try_lock().unwrap() += 1;
    assert_eq!(*block_on(THEIRS.lock()), *block_on(OURS.lock()));
}

#[test]
fn a_shared_mutex_is_locked_in_every_way() {
    let (theirs, ours) = (Arc::new(lock::Mutex::new(0)), Arc::new(fairgate::Mutex::new(0)));
    *block_on(theirs.lock_arc()) += 1;
    *block_on(ours.clone().lock_owned()) += 1;
    *theirs.lock_arc_blocking() += 1;
    *ours.clone().blocking_lock_owned() += 1;
    *theirs.try_lock_arc().unwrap() += 1;
    *ours.clone().try_lock_owned().unwrap() += 1;
    let (their_guard, our_guard) = (theirs.lock_arc_blocking(), ours.clone().blocking_lock_owned());
    assert_eq!(*their_guard, *our_guard);
    assert!(Arc::ptr_eq(lock::MutexGuardArc::source(&their_guard), &theirs));
    assert!(Arc::ptr_eq(fairgate::OwnedMutexGuard::mutex(&our_guard), &ours));
}

#[test]
fn a_guard_returns_its_mutex() {
    let (theirs, ours) = (lock::Mutex::new(1), fairgate::Mutex::new(1));
    let (their_guard, our_guard) = (theirs.lock_blocking(), ours.blocking_lock());
    assert!(std::ptr::eq(lock::MutexGuard::source(&their_guard), &theirs));
    assert!(std::ptr::eq(fairgate::MutexGuard::mutex(&our_guard), &ours));
}

#[test]
fn a_mutex_is_created_shown_and_consumed() {
    let (mut theirs, mut ours) = (lock::Mutex::from(1), fairgate::Mutex::from(1));
    *theirs.get_mut() += 1;
    *ours.get_mut() += 1;
    assert_eq!(format!("{theirs:?} {ours:?}"), "Mutex { data: 2 } Mutex { data: 2 }");
    let (their_guard, our_guard) = (theirs.lock_blocking(), ours.blocking_lock());
    assert_eq!(format!("{their_guard} {our_guard:?}"), "2 2");
    assert_eq!(format!("{theirs:?} {ours:?}"), "Mutex { data: <locked> } Mutex { data: <locked> }");
    drop((their_guard, our_guard));
    assert_eq!(theirs.into_inner(), ours.into_inner());
    assert_eq!(lock::Mutex::<u8>::default().into_inner(), fairgate::Mutex::<u8>::default().into_inner());
}

#[test]
fn the_futures_have_names() {
    let (theirs, ours) = (lock::Mutex::new(1), fairgate::Mutex::new(1));
    let (their_future, our_future): (
        lock::futures::Lock<'_, u8>,
        fairgate::futures::Lock<&fairgate::Mutex<u8>>,
    ) = (theirs.lock(), ours.lock());
    assert_eq!(*block_on(their_future), *block_on(our_future));
    let (theirs, ours) = (lock::Semaphore::new(1), fairgate::Semaphore::new(1));
    let (their_future, our_future): (
        lock::futures::Acquire<'_>,
        fairgate::futures::Acquire<&fairgate::Semaphore>,
    ) = (theirs.acquire(), ours.acquire());
    drop((block_on(their_future), block_on(our_future)));
}
