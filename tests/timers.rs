//! `with_timeout` with several timers. Its documented table is tested in `promises/timeout.rs`.

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use fairgate::{Mutex, Semaphore, TimeoutExt, with_timeout};
use futures_lite::future::{block_on, poll_once};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

/// A timer and an executor that runs it.
trait TimerKind {
    fn after(limit: Duration) -> impl Future;

    fn run<T>(future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

struct Smol;

impl TimerKind for Smol {
    fn after(limit: Duration) -> impl Future {
        smol::Timer::after(limit)
    }
}

struct Tokio;

impl TimerKind for Tokio {
    /// tokio's timer must be created inside its runtime.
    fn after(limit: Duration) -> impl Future {
        tokio::time::sleep(limit)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }
}

struct FuturesTimer;

impl TimerKind for FuturesTimer {
    fn after(limit: Duration) -> impl Future {
        futures_timer::Delay::new(limit)
    }
}

/// A hand-made timer: a thread that sleeps and then adds a permit.
struct Thread;

impl TimerKind for Thread {
    fn after(limit: Duration) -> impl Future {
        let semaphore = Arc::new(Semaphore::new(0));
        let deadline = semaphore.clone().acquire_owned();
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            semaphore.add_permits(1);
        });
        deadline
    }
}

/// No timer: a deadline that has expired already if the limit is short, and never expires if it is long.
struct Manual;

impl TimerKind for Manual {
    fn after(limit: Duration) -> impl Future {
        let expired = Semaphore::new(usize::from(limit == SHORT));
        async move { drop(expired.acquire().await) }
    }
}

fn an_acquire_that_expires_is_cancelled<C: TimerKind>() {
    let (semaphore, mutex) = (Semaphore::new(0), Mutex::new(()));
    let _locked = mutex.try_lock().unwrap();
    C::run(async {
        assert!(with_timeout(semaphore.acquire(), C::after(SHORT)).await.is_err());
        assert!(mutex.lock().with_timeout(C::after(SHORT)).await.is_err());
    });
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 1);
}

fn a_permit_granted_before_the_deadline_is_acquired<C: TimerKind>() {
    let semaphore = Semaphore::new(0);
    C::run(async {
        let mut acquire = pin!(semaphore.acquire().with_timeout(C::after(LONG)));
        assert!(poll_once(acquire.as_mut()).await.is_none());
        semaphore.add_permits(1);
        drop(acquire.await.expect("before the deadline").expect("not closed"));
    });
    assert_eq!(semaphore.available_permits(), 1);
}

macro_rules! for_each_timer {
    ($($module:ident $timer:ident)*) => { $(
        mod $module {
            use super::*;

            #[test]
            fn an_acquire_that_expires_is_cancelled() {
                super::an_acquire_that_expires_is_cancelled::<$timer>();
            }

            #[test]
            fn a_permit_granted_before_the_deadline_is_acquired() {
                super::a_permit_granted_before_the_deadline_is_acquired::<$timer>();
            }
        }
    )* };
}

for_each_timer! { smol_timer Smol  tokio_sleep Tokio  futures_timer_delay FuturesTimer  thread Thread  manual Manual }

/// The built-in timer of the feature `async-io`.
#[cfg(feature = "async-io")]
#[test]
fn timeout_takes_a_duration() {
    let semaphore = Semaphore::new(0);
    assert_eq!(
        block_on(semaphore.acquire().timeout(SHORT)).unwrap_err().to_string(),
        "deadline has elapsed"
    );
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(block_on(semaphore.acquire().timeout(Duration::ZERO)).is_ok());
    assert!(block_on(semaphore.acquire().timeout(LONG)).is_ok());
}

/// Without the feature `async-io` our trait has no method `timeout`, so that of another crate is not ambiguous.
#[cfg(not(feature = "async-io"))]
#[test]
fn timeout_of_another_crate_does_not_clash() {
    use tokio_util::future::FutureExt as _;

    let semaphore = Semaphore::new(0);
    Tokio::run(async {
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
