//! The differences from tokio, each shown on both sides.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use fairgate::TimeoutExt;
use futures_lite::future::{block_on, poll_once, ready};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn the_maximum_is_smaller_than_in_tokio() {
    assert_eq!(tokio::sync::Semaphore::MAX_PERMITS, usize::MAX >> 3);
    assert_eq!(fairgate::Semaphore::MAX_PERMITS, usize::MAX >> 6);
}

#[test]
fn permits_are_counted_in_usize() {
    let (theirs, n) = (tokio::sync::Semaphore::new(2), 2_u32);
    assert!(theirs.try_acquire_many(n).is_ok());
    let ours = fairgate::Semaphore::new(2);
    assert!(ours.try_acquire_many(n as usize).is_ok());
}

#[test]
fn a_literal_count_fits_both() {
    assert_eq!(tokio::sync::Semaphore::new(9).try_acquire_many(4).unwrap().num_permits(), 4);
    assert_eq!(fairgate::Semaphore::new(9).try_acquire_many(4).unwrap().num_permits(), 4);
}

#[test]
fn permits_that_a_large_request_waits_for_stay_available() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(2), fairgate::Semaphore::new(2));
    let (mut their_large, mut our_large) = (pin!(theirs.acquire_many(3)), pin!(ours.acquire_many(3)));
    assert!(block_on(poll_once(their_large.as_mut())).is_none());
    assert!(block_on(poll_once(our_large.as_mut())).is_none());
    assert_eq!((theirs.available_permits(), ours.available_permits()), (0, 2));
}

#[test]
fn closing_does_not_revoke_a_grant() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(0), fairgate::Semaphore::new(0));
    let (mut their_acquire, mut our_acquire) = (pin!(theirs.acquire()), pin!(ours.acquire()));
    assert!(block_on(poll_once(their_acquire.as_mut())).is_none());
    assert!(block_on(poll_once(our_acquire.as_mut())).is_none());
    theirs.add_permits(1);
    ours.add_permits(1);
    theirs.close();
    ours.close();
    assert!(block_on(their_acquire).is_err());
    assert!(block_on(our_acquire).is_ok());
}

#[test]
fn an_expired_timeout_that_is_kept_acquires_nothing() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(0), fairgate::Semaphore::new(0));
    let _runtime = runtime();
    let _guard = _runtime.enter();
    let mut their_limit = pin!(tokio::time::timeout(std::time::Duration::ZERO, theirs.acquire()));
    let mut our_limit = pin!(ours.acquire().with_timeout(ready(())));
    _runtime.block_on(async {
        assert!(their_limit.as_mut().await.is_err());
        assert!(our_limit.as_mut().await.is_err());
    });
    theirs.add_permits(1);
    ours.add_permits(1);
    // Both adapters are still alive. The one of tokio has taken the permit.
    assert_eq!((theirs.available_permits(), ours.available_permits()), (0, 1));
}

#[test]
fn timeout_at_is_a_deadline_at_an_instant() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(0), fairgate::Semaphore::new(0));
    runtime().block_on(async {
        let now = tokio::time::Instant::now();
        assert!(tokio::time::timeout_at(now, theirs.acquire()).await.is_err());
        assert!(ours.acquire().with_timeout(tokio::time::sleep_until(now)).await.is_err());
    });
}

/// The arguments of `with_timeout` in tokio's order: `Elapsed` means that the work has completed.
#[test]
fn a_deadline_in_the_place_of_the_future_inverts_the_result() {
    let (work, timer) = (ready(7), std::future::pending::<()>());
    assert!(block_on(fairgate::with_timeout(timer, work)).is_err());
    let (work, timer) = (std::future::pending::<()>(), ready(()));
    assert!(block_on(fairgate::with_timeout(timer, work)).is_ok());
}

#[test]
fn a_blocking_method_in_a_task_panics_in_tokio_and_blocks_here() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(1), fairgate::Semaphore::new(1));
    let blocking = |runtime: Runtime| {
        runtime.block_on(async {
            let panicked = catch_unwind(AssertUnwindSafe(|| drop(theirs.blocking_acquire()))).is_err();
            (panicked, ours.blocking_acquire().is_ok())
        })
    };
    assert_eq!(blocking(runtime()), (true, true));
}

#[test]
fn the_cooperative_budget_of_tokio_is_not_spent() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(1), fairgate::Semaphore::new(1));
    runtime().block_on(async {
        let their_loop = async {
            for _ in 0..1000 {
                drop(theirs.acquire().await);
            }
        };
        let our_loop = async {
            for _ in 0..1000 {
                drop(ours.acquire().await);
            }
        };
        assert!(poll_once(our_loop).await.is_some(), "completes while permits are available");
        assert!(poll_once(their_loop).await.is_none(), "yields to other tasks");
    });
}

#[test]
fn adding_past_the_maximum_leaves_the_count_unchanged() {
    let semaphore = fairgate::Semaphore::new(1);
    let grow = || semaphore.add_permits(fairgate::Semaphore::MAX_PERMITS);
    assert!(catch_unwind(AssertUnwindSafe(grow)).is_err());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_semaphore_shows_more_in_debug() {
    let semaphore = fairgate::Semaphore::new(3);
    let shown = format!("{semaphore:?}");
    for part in ["Semaphore {", "permits: 3", "limit: 3", "waiters: 0", "closed: false"] {
        assert!(shown.contains(part), "{shown}");
    }
    let semaphore = tokio::sync::Semaphore::new(3);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { ll_sem: Semaphore { permits: 3 } }");
}

#[test]
fn a_permit_shows_its_count_and_its_semaphore() {
    let semaphore = fairgate::Semaphore::new(3);
    let shown = format!("{:?}", semaphore.try_acquire().unwrap());
    assert!(shown.starts_with("Permit { permits: 1, semaphore: Semaphore {"), "{shown}");
    assert!(shown.contains("permits: 2"), "{shown}");
    let semaphore = Arc::new(tokio::sync::Semaphore::new(3));
    let shown = format!("{:?}", semaphore.try_acquire_owned().unwrap());
    assert!(shown.starts_with("OwnedSemaphorePermit { sem: "));
}

#[test]
fn an_acquire_error_shows_its_cause_in_debug() {
    let (theirs, ours) = (tokio::sync::Semaphore::new(0), fairgate::Semaphore::new(0));
    theirs.close();
    ours.close();
    assert_eq!(format!("{:?}", block_on(theirs.acquire()).unwrap_err()), "AcquireError(())");
    assert_eq!(format!("{:?}", block_on(ours.acquire()).unwrap_err()), "Closed");
}

#[test]
fn errors_are_copy_and_eq() {
    fn copied<E: Copy + PartialEq>(error: E) -> bool {
        let copy = error;
        copy == error
    }
    let semaphore = fairgate::Semaphore::new(0);
    assert!(copied(semaphore.try_acquire().unwrap_err()));
    semaphore.close();
    assert!(copied(block_on(semaphore.acquire()).unwrap_err()));
}

#[test]
fn a_request_past_the_maximum_panics_where_it_is_created() {
    let semaphore = fairgate::Semaphore::new(1);
    let ask = || drop(semaphore.acquire_many(fairgate::Semaphore::MAX_PERMITS + 1));
    assert!(catch_unwind(AssertUnwindSafe(ask)).is_err());
    assert_eq!(semaphore.available_permits(), 1);
}
