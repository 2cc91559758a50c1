//! The idioms of Python's asyncio, written with fairgate.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::time::Duration;

use fairgate::{Mutex, Semaphore, TimeoutExt, with_timeout};
use futures_lite::future::{block_on, poll_once};
use smol::Timer;

/// `async with semaphore:`
#[test]
fn a_scope_is_a_with_block() {
    let semaphore = Semaphore::new(1);
    block_on(async {
        {
            let _slot = semaphore.acquire().await.unwrap();
            assert_eq!(semaphore.available_permits(), 0);
        }
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// `await semaphore.acquire()` in one place, `semaphore.release()` in another.
#[test]
fn a_forgotten_permit_is_released_with_add_permits() {
    let semaphore = Semaphore::new(1);
    block_on(semaphore.acquire()).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 1);
}

/// `semaphore.locked()` is also true while a permit is granted to a waiter that has not run.
#[test]
fn locked_is_a_failed_try() {
    let semaphore = Semaphore::new(1);
    let locked = || semaphore.try_acquire().is_err();
    assert!(!locked());
    let held = semaphore.try_acquire().unwrap();
    let mut acquire = pin!(semaphore.acquire());
    assert!(block_on(poll_once(acquire.as_mut())).is_none());
    drop(held);
    assert!(locked());
}

/// An extra `BoundedSemaphore.release()` is a `ValueError`. A permit cannot be dropped twice.
#[test]
fn permits_that_are_only_dropped_never_exceed_the_bound() {
    let semaphore = Semaphore::new(2);
    let mut permit = semaphore.try_acquire_many(2).unwrap();
    drop(permit.split(1));
    drop(permit.split(1));
    drop(permit);
    assert_eq!(semaphore.available_permits(), 2);
}

/// `async with lock:` beside a variable. Here the mutex contains the value.
#[test]
fn a_lock_is_a_mutex_around_the_value() {
    let count = Mutex::new(0);
    block_on(async {
        let mut inside = count.lock().await;
        *inside += 1;
        assert!(count.try_lock().is_err(), "lock.locked()");
    });
    assert_eq!(count.into_inner(), 1);
}

/// `await asyncio.wait_for(coroutine, timeout)`.
#[test]
fn wait_for_is_with_timeout() {
    assert!(block_on(with_timeout(pending::<()>(), ready(()))).is_err());
    assert_eq!(block_on(with_timeout(ready(7), pending::<()>())), Ok(7));
    // timeout=None: no limit.
    assert_eq!(block_on(with_timeout(ready(7), pending::<()>())), Ok(7));
    // timeout=0: a ready future completes. asyncio does not start a coroutine.
    assert_eq!(block_on(with_timeout(ready(7), ready(()))), Ok(7));
}

/// `async with asyncio.timeout(limit):` around several lines.
#[test]
fn a_timeout_block_is_an_async_block() {
    let (semaphore, never) = (Semaphore::new(1), Semaphore::new(0));
    let block = async {
        let _slot = semaphore.acquire().await;
        let _never = never.acquire().await;
    };
    assert!(block_on(block.with_timeout(ready(()))).is_err());
    assert_eq!((semaphore.available_permits(), never.waiters()), (1, 0), "everything is dropped");
}

/// `Timeout.reschedule(when)`, from inside the block.
#[test]
fn a_timeout_is_rescheduled_by_setting_its_timer() {
    let timer = RefCell::new(Timer::never());
    let block = async {
        timer.borrow_mut().set_after(Duration::ZERO);
        pending::<()>().await;
    };
    let deadline = poll_fn(|cx| Pin::new(&mut *timer.borrow_mut()).poll(cx));
    assert!(block_on(block.with_timeout(deadline)).is_err());
}

/// A task that is cancelled while it waits raises `CancelledError`. Here its future is dropped.
#[test]
fn a_cancelled_task_is_not_queued() {
    let semaphore = Semaphore::new(0);
    let executor = smol::LocalExecutor::new();
    let task = executor.spawn(async { semaphore.acquire().await.is_ok() });
    assert!(executor.try_tick());
    assert_eq!(semaphore.waiters(), 1);
    assert!(block_on(executor.run(task.cancel())).is_none());
    assert_eq!(semaphore.waiters(), 0);
}
