//! Wakers that are replaced, that panic, that call the semaphore, and that are called between two grants.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use fairgate_loom::Semaphore;
use fairgate_loom::futures::AcquireOwned;
use loom::thread;

use crate::bridge;
use crate::check::{assert_idle, check};
use crate::request::{Polled, Request, waker};
use crate::threads::{join, spawn_with};

#[test]
fn a_waker_is_replaced_during_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let request = request.poll_from_new_task();
        join([releaser]);
        drop(request.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_waker_is_replaced_while_a_cancelled_grant_is_passed_on() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.clone().acquire_owned());
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let canceller = thread::spawn(move || drop(first));
        let second = second.poll_from_new_task();
        join([releaser, canceller]);
        drop(second.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_waker_is_compared_while_it_is_called() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let request = match request.poll_again() {
            Polled::Pending(request) => request.poll_again(),
            ready => ready,
        };
        join([releaser]);
        drop(request.expect_ready());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_request_that_arrives_between_two_grants_waits() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let queue = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        let arriving = Request::poll_once(semaphore.acquire());
        join([releaser]);
        let permits = queue.map(Request::expect_ready);
        let arriving = arriving.expect_pending();
        drop(permits);
        drop(arriving.expect_ready());
        assert_idle(&semaphore, 3);
    });
}

#[test]
fn a_waiter_is_cancelled_between_two_grants() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third, fourth] =
            [(); 4].map(|()| Request::pending(semaphore.clone().acquire_owned()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        drop(third);
        join([releaser]);
        drop([first, second, fourth].map(Request::expect_ready));
        assert_idle(&semaphore, 3);
    });
}

#[test]
fn permits_are_forgotten_between_two_grants() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        let forgotten = semaphore.forget_permits(1);
        join([releaser]);
        drop([first, second].map(Request::expect_ready));
        drop(third);
        assert_idle(&semaphore, 3 - forgotten);
    });
}

/// The target of a waker that calls a function.
struct Call(Box<dyn Fn() + Send + Sync>);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        bridge::waker_is_called();
        (self.0)();
    }
}

/// A waker that calls `call`.
pub fn calling(call: impl Fn() + Send + Sync + 'static) -> Waker {
    waker(&Arc::new(Call(Box::new(call))))
}

#[test]
fn a_waker_panics_and_the_others_are_called() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = Box::pin(semaphore.acquire());
        let panics = calling(|| resume_unwind(Box::new("a waker panics")));
        assert!(first.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
        let [second, third] = [(); 2].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| {
            catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(3))).unwrap_or_default();
        });
        let fourth = catch_unwind(AssertUnwindSafe(|| Request::poll_once(semaphore.acquire())));
        join([releaser]);
        drop(first);
        drop([second, third].map(Request::expect_ready));
        drop(fourth.map(Polled::expect_ready));
        assert_idle(&semaphore, 3);
    });
}

/// A cancelled request is claimed by a release, and its cancel serves the next one, whose waker panics. The cancel waits for
/// the outcome anyway, and passes the permit on.
#[test]
fn a_waker_panics_in_the_cancel_of_a_claimed_request() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let mut second = Box::pin(semaphore.acquire());
        let panics = calling(|| resume_unwind(Box::new("a waker panics")));
        assert!(second.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
        let releasers = [(); 2].map(|()| {
            spawn_with(&semaphore, |semaphore| {
                catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1))).unwrap_or_default();
            })
        });
        catch_unwind(AssertUnwindSafe(|| drop(first))).unwrap_or_default();
        join(releasers);
        assert!(second.is_granted());
        drop(second);
        assert_idle(&semaphore, 2);
    });
}

#[test]
fn a_waker_adds_a_permit_to_its_own_semaphore() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = Box::pin(semaphore.acquire());
        let shared = Arc::downgrade(&semaphore);
        let adds = calling(move || shared.upgrade().unwrap().add_permits(1));
        assert!(first.as_mut().poll(&mut Context::from_waker(&adds)).is_pending());
        let [second, third] = [(); 2].map(|()| Request::pending(semaphore.clone().acquire_owned()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(second);
        join([releaser]);
        drop(third.expect_ready());
        drop(first);
        assert_idle(&semaphore, 2);
    });
}

/// The waker of the first waiter cancels the second, which would be granted next.
#[test]
fn a_waker_cancels_the_next_waiter() {
    check(|| cancel_from_a_waker(2));
}

/// The waker of the first waiter cancels the third.
#[test]
fn a_waker_cancels_a_waiter_behind_the_next_one() {
    check(|| cancel_from_a_waker(3));
}

/// The last of `waiters` is cancelled by the waker of the first, while another thread cancels, too.
fn cancel_from_a_waker(waiters: usize) {
    let semaphore = Arc::new(Semaphore::new(0));
    let slot = Arc::new(Mutex::new(None));
    let mut first = Box::pin(semaphore.acquire());
    let cancels = calling({
        let slot = Arc::clone(&slot);
        move || {
            let request: Option<Request<AcquireOwned>> = slot.lock().unwrap().take();
            drop(request);
        }
    });
    assert!(first.as_mut().poll(&mut Context::from_waker(&cancels)).is_pending());
    let middle: Vec<_> = (2..waiters).map(|_| Request::pending(semaphore.acquire())).collect();
    *slot.lock().unwrap() = Some(Request::pending(semaphore.clone().acquire_owned()));
    let releaser = spawn_with(&semaphore, move |semaphore| semaphore.add_permits(waiters));
    let arriving = Request::poll_once(semaphore.acquire());
    join([releaser]);
    assert!(first.is_granted());
    drop(middle.into_iter().map(Request::expect_ready).collect::<Vec<_>>());
    drop(arriving.expect_ready());
    drop(first);
    assert_idle(&semaphore, waiters);
}

/// The waker of the first waiter polls the second with another waker.
#[test]
fn a_waker_polls_the_next_waiter() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let slot = Arc::new(Mutex::new(None));
        let mut first = Box::pin(semaphore.acquire());
        let polls = calling({
            let slot: Arc<Mutex<Option<Polled<AcquireOwned>>>> = Arc::clone(&slot);
            move || {
                let polled = slot.lock().unwrap().take().map(Polled::poll_from_new_task);
                *slot.lock().unwrap() = polled;
            }
        });
        assert!(first.as_mut().poll(&mut Context::from_waker(&polls)).is_pending());
        let second = Request::pending(semaphore.clone().acquire_owned());
        *slot.lock().unwrap() = Some(Polled::Pending(second));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        semaphore.add_permits(1);
        join([releaser]);
        let second = slot.lock().unwrap().take().unwrap();
        drop(second.expect_ready());
        drop(first);
        assert_idle(&semaphore, 2);
    });
}

/// The third waiter is polled with a new waker while it is granted.
#[test]
fn a_waker_is_replaced_in_the_third_waiter() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::pending(semaphore.acquire()));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(3));
        let third = third.poll_from_new_task();
        join([releaser]);
        drop((first.expect_ready(), second.expect_ready(), third.expect_ready()));
        assert_idle(&semaphore, 3);
    });
}

/// A waiter is polled with a new waker, and then cancelled, while it is granted.
#[test]
fn a_waker_is_replaced_and_the_waiter_cancelled_during_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(first.poll_from_new_task());
        let second = second.poll_from_new_task();
        join([releaser]);
        drop(second.expect_ready());
        assert_idle(&semaphore, 1);
    });
}

/// A waiter is polled with a new waker while a close fails it.
#[test]
fn a_waker_is_replaced_during_a_close() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::pending(semaphore.acquire());
        let second = Request::pending(semaphore.acquire());
        let closer = spawn_with(&semaphore, Semaphore::close);
        let first = first.poll_from_new_task();
        drop(second.poll_from_new_task());
        join([closer]);
        assert!(first.expect_ready().is_err());
        assert_idle(&semaphore, 0);
    });
}
