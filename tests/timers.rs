//! `with_timeout` and `timeout` beside the timers and the traits of other crates. `executors.rs` has several timers, and
//! `promises/timeout.rs` what a deadline does.

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::time::Duration;

use fairgate::{Semaphore, TimeoutExt, with_timeout};
use futures_lite::future::block_on;

/// The built-in timer of the feature `async-io`.
#[cfg(feature = "async-io")]
#[test]
fn timeout_takes_a_duration() {
    let semaphore = Semaphore::new(0);
    assert_eq!(
        block_on(semaphore.acquire().timeout(Duration::from_millis(5))).unwrap_err().to_string(),
        "deadline has elapsed"
    );
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(block_on(semaphore.acquire().timeout(Duration::ZERO)).is_ok());
    assert!(block_on(semaphore.acquire().timeout(Duration::from_secs(3600))).is_ok());
}

/// Without the feature `async-io` our trait has no method `timeout`, so that of another crate is not ambiguous.
#[cfg(not(feature = "async-io"))]
#[test]
fn timeout_of_another_crate_does_not_clash() {
    use tokio_util::future::FutureExt as _;

    let semaphore = Semaphore::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        assert!(semaphore.acquire().timeout(Duration::ZERO).await.is_err());
        assert!(semaphore.acquire().with_timeout(ready(())).await.is_err());
    });
}

#[test]
fn an_expired_deadline_is_an_io_error() {
    async fn read() -> std::io::Result<u8> {
        with_timeout(pending(), ready(())).await?
    }
    assert_eq!(block_on(read()).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn adapters_nest_and_the_first_deadline_to_expire_decides() {
    let semaphore = Semaphore::new(0);
    let inner = semaphore.acquire().with_timeout(pending::<()>());
    assert!(block_on(inner.with_timeout(ready(()))).is_err());
    let inner = semaphore.acquire().with_timeout(ready(()));
    assert!(block_on(inner.with_timeout(pending::<()>())).is_ok_and(|inner| inner.is_err()));
    assert_eq!(semaphore.waiters(), 0);
}

/// The future may be any `IntoFuture`. The deadline has to be a future, which may be boxed.
#[test]
fn the_future_may_be_any_into_future() {
    struct IntoReady;

    impl IntoFuture for IntoReady {
        type Output = ();
        type IntoFuture = Pin<Box<dyn Future<Output = ()>>>;

        fn into_future(self) -> Self::IntoFuture {
            Box::pin(ready(()))
        }
    }

    assert!(block_on(with_timeout(pending::<()>(), IntoReady.into_future())).is_err());
    assert!(block_on(with_timeout(IntoReady, pending::<()>())).is_ok());
}
