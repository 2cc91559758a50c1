//! `with_timeout` under every timer that is at hand, and the table of its documentation, line by line.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fairgate::{Mutex, Semaphore, TimeoutExt, with_timeout};
use futures_lite::future::{block_on, poll_once, yield_now};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3600);

/// A timer, and what runs it.
trait Clock {
    fn after(limit: Duration) -> impl Future;

    fn run<T>(future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

struct Smol;

impl Clock for Smol {
    fn after(limit: Duration) -> impl Future {
        smol::Timer::after(limit)
    }
}

struct Tokio;

impl Clock for Tokio {
    /// tokio's timer wants to be made inside its runtime.
    fn after(limit: Duration) -> impl Future {
        tokio::time::sleep(limit)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }
}

struct FuturesTimer;

impl Clock for FuturesTimer {
    fn after(limit: Duration) -> impl Future {
        futures_timer::Delay::new(limit)
    }
}

/// Written by hand: a thread that sleeps, and then opens a gate.
struct Thread;

impl Clock for Thread {
    fn after(limit: Duration) -> impl Future {
        let gate = Arc::new(Semaphore::new(0));
        let deadline = gate.clone().acquire_owned();
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            gate.add_permits(1);
        });
        deadline
    }
}

/// No timer at all: somebody presses a button. A short limit is one who has pressed it before, a long one is
/// somebody who never does.
struct Button;

impl Clock for Button {
    fn after(limit: Duration) -> impl Future {
        let pressed = Semaphore::new(usize::from(limit == SHORT));
        async move { drop(pressed.acquire().await) }
    }
}

fn a_wait_in_vain_ends_at_the_deadline_and_leaves_no_trace<C: Clock>() {
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

fn a_permit_that_comes_in_time_is_had<C: Clock>() {
    let semaphore = Semaphore::new(0);
    C::run(async {
        let mut turn = pin!(semaphore.acquire().with_timeout(C::after(LONG)));
        assert!(poll_once(turn.as_mut()).await.is_none());
        semaphore.add_permits(1);
        drop(turn.await.expect("in time").expect("open"));
    });
    assert_eq!(semaphore.available_permits(), 1);
}

fn the_slot_of_work_that_is_cut_short_is_free_again<C: Clock>() {
    let slots = Semaphore::new(1);
    C::run(async {
        for _ in 0..3 {
            let _slot = slots.acquire().await.unwrap();
            assert!(with_timeout(pending::<()>(), C::after(SHORT)).await.is_err());
        }
    });
    assert_eq!(slots.available_permits(), 1);
}

macro_rules! each_clock {
    ($($module:ident $clock:ident)*) => { $(
        mod $module {
            use super::*;

            #[test]
            fn a_wait_in_vain_ends_at_the_deadline_and_leaves_no_trace() {
                super::a_wait_in_vain_ends_at_the_deadline_and_leaves_no_trace::<$clock>();
            }

            #[test]
            fn a_permit_that_comes_in_time_is_had() {
                super::a_permit_that_comes_in_time_is_had::<$clock>();
            }

            #[test]
            fn the_slot_of_work_that_is_cut_short_is_free_again() {
                super::the_slot_of_work_that_is_cut_short_is_free_again::<$clock>();
            }
        }
    )* };
}

each_clock! { smol_timer Smol  tokio_sleep Tokio  futures_timer_delay FuturesTimer  thread Thread  button Button }

/// The ready-made timer.
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

// The table in the documentation of `with_timeout`.

#[test]
fn a_result_that_is_ready_wins_over_a_deadline_that_is_ready() {
    assert_eq!(block_on(with_timeout(ready(7), ready(()))), Ok(7));
}

#[test]
fn a_permit_granted_since_the_last_poll_wins_over_a_deadline_that_has_passed_since() {
    let (semaphore, passed) = (Semaphore::new(0), Semaphore::new(0));
    let mut turn = pin!(semaphore.acquire().with_timeout(passed.acquire()));
    assert!(block_on(poll_once(turn.as_mut())).is_none());
    passed.add_permits(1);
    semaphore.add_permits(1);
    assert!(block_on(turn).is_ok());
}

/// The permit comes just between the look at the future and the look at the deadline.
#[test]
fn a_permit_granted_at_the_moment_of_the_deadline_goes_to_the_next_in_line() {
    let semaphore = Semaphore::new(0);
    let deadline = poll_fn(|_| {
        semaphore.add_permits(1);
        Poll::Ready(())
    });
    let mut turn = pin!(semaphore.acquire().with_timeout(deadline));
    assert!(block_on(turn.as_mut()).is_err());
    assert_eq!(semaphore.available_permits(), 1, "with nobody in line it lies free");

    let taken = semaphore.try_acquire().unwrap();
    let mut next = pin!(semaphore.acquire());
    let mut taken = Some(taken);
    let deadline = poll_fn(|cx| {
        // It stands in line behind the one whose deadline this is.
        assert!(next.as_mut().poll(cx).is_pending());
        drop(taken.take());
        Poll::Ready(())
    });
    assert!(block_on(semaphore.acquire().with_timeout(deadline)).is_err());
    assert!(block_on(poll_once(next)).is_some_and(|permit| permit.is_ok()));
}

#[test]
fn a_limit_of_zero_lets_through_what_need_not_wait() {
    let semaphore = Semaphore::new(1);
    let zero = || smol::Timer::after(Duration::ZERO);
    assert!(block_on(semaphore.acquire().with_timeout(ready(()))).is_ok());
    assert!(block_on(semaphore.acquire().with_timeout(zero())).is_ok());
    let _held = semaphore.try_acquire().unwrap();
    assert!(block_on(semaphore.acquire().with_timeout(ready(()))).is_err());
    assert!(block_on(semaphore.acquire().with_timeout(zero())).is_err());
    assert_eq!(semaphore.waiters(), 0);
}

#[test]
fn a_deadline_that_never_comes_is_none() {
    let semaphore = Semaphore::new(0);
    let mut turn = pin!(semaphore.acquire().with_timeout(pending::<()>()));
    for _ in 0..100 {
        assert!(block_on(poll_once(turn.as_mut())).is_none());
    }
    assert_eq!(semaphore.waiters(), 1);
    semaphore.add_permits(1);
    assert!(block_on(turn).is_ok());
}

#[test]
fn dropped_half_way_it_leaves_the_line_and_drops_the_deadline() {
    let (semaphore, deadline) = (Semaphore::new(0), Semaphore::new(0));
    let mut turn = Box::pin(semaphore.acquire().with_timeout(deadline.acquire()));
    assert!(block_on(poll_once(turn.as_mut())).is_none());
    assert_eq!((semaphore.waiters(), deadline.waiters()), (1, 1));
    drop(turn);
    assert_eq!((semaphore.waiters(), deadline.waiters()), (0, 0));
}

#[test]
fn dropped_half_way_it_passes_on_what_it_was_granted() {
    let semaphore = Semaphore::new(0);
    let mut turn = Box::pin(semaphore.acquire().with_timeout(pending::<()>()));
    let mut next = pin!(semaphore.acquire());
    assert!(block_on(poll_once(turn.as_mut())).is_none());
    assert!(block_on(poll_once(next.as_mut())).is_none());
    semaphore.add_permits(1);
    assert!(block_on(poll_once(next.as_mut())).is_none());
    drop(turn);
    assert!(block_on(poll_once(next)).is_some_and(|permit| permit.is_ok()));
}

#[test]
fn once_expired_it_holds_nothing_even_if_it_is_kept() {
    let semaphore = Arc::new(Semaphore::new(0));
    let work = {
        let semaphore = semaphore.clone();
        async move {
            let _none = semaphore.acquire_many(0).await;
            yield_now().await;
            pending::<()>().await;
        }
    };
    let mut kept = pin!(work.with_timeout(ready(())));
    assert!(block_on(kept.as_mut()).is_err());
    assert_eq!(Arc::strong_count(&semaphore), 1, "what the work owned is gone");
}

#[test]
fn limits_nest_and_the_first_to_pass_decides() {
    let semaphore = Semaphore::new(0);
    let inner = semaphore.acquire().with_timeout(pending::<()>());
    assert!(block_on(inner.with_timeout(ready(()))).is_err());
    let inner = semaphore.acquire().with_timeout(ready(()));
    assert!(block_on(inner.with_timeout(pending::<()>())).is_ok_and(|inner| inner.is_err()));
    assert_eq!(semaphore.waiters(), 0);
}

/// A deadline needs no `Future` of its own: what becomes one will do, and so will a boxed one.
#[test]
fn anything_that_becomes_a_future_is_a_deadline() {
    struct Soon;

    impl IntoFuture for Soon {
        type Output = ();
        type IntoFuture = Pin<Box<dyn Future<Output = ()>>>;

        fn into_future(self) -> Self::IntoFuture {
            Box::pin(ready(()))
        }
    }

    assert!(block_on(with_timeout(pending::<()>(), Soon)).is_err());
    assert!(block_on(with_timeout(Soon, pending::<()>())).is_ok());
}
