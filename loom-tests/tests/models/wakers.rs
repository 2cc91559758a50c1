//! Wakers that are replaced, that panic, that call back, and that are more than one batch.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use fairgate_loom::Semaphore;
use loom::thread;

use crate::check::{at_rest, check};
use crate::request::{Asked, Request, waker};
use crate::threads::{aside, join};

#[test]
fn a_replaced_waker_meets_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::waiting(semaphore.acquire());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let request = request.elsewhere();
        join([giver]);
        drop(request.served());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_replaced_waker_meets_a_grant_and_a_cancel() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let first = Request::waiting(semaphore.clone().acquire_owned());
        let second = Request::waiting(semaphore.acquire());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let leaver = thread::spawn(move || drop(first));
        let second = second.elsewhere();
        join([giver, leaver]);
        drop(second.served());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_waker_is_compared_while_it_is_called() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::waiting(semaphore.acquire());
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        let request = match request.again() {
            Asked::Pending(request) => request.again(),
            ready => ready,
        };
        join([giver]);
        drop(request.served());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn more_are_served_than_one_batch_holds_and_nobody_slips_in() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let line = [(); 3].map(|()| Request::waiting(semaphore.acquire()));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(3));
        let newcomer = Request::asked(semaphore.acquire());
        join([giver]);
        let permits = line.map(Request::served);
        let newcomer = newcomer.unserved();
        drop(permits);
        drop(newcomer.served());
        at_rest(&semaphore, 3);
    });
}

#[test]
fn the_line_is_edited_between_two_batches() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third, fourth] =
            [(); 4].map(|()| Request::waiting(semaphore.clone().acquire_owned()));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(3));
        drop(third);
        join([giver]);
        drop([first, second, fourth].map(Request::served));
        at_rest(&semaphore, 3);
    });
}

#[test]
fn permits_leave_between_two_batches() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let [first, second, third] = [(); 3].map(|()| Request::waiting(semaphore.acquire()));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(3));
        let forgotten = semaphore.forget_permits(1);
        join([giver]);
        drop([first, second].map(Request::served));
        drop(third);
        at_rest(&semaphore, 3 - forgotten);
    });
}

/// A task that does more than wake up.
struct Act(Box<dyn Fn() + Send + Sync>);

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn acting(act: impl Fn() + Send + Sync + 'static) -> Waker {
    waker(&Arc::new(Act(Box::new(act))))
}

#[test]
fn a_waker_panics_and_all_the_others_are_called() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = Box::pin(semaphore.acquire());
        let panics = acting(|| resume_unwind(Box::new("a waker panics")));
        assert!(first.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
        let [second, third] = [(); 2].map(|()| Request::waiting(semaphore.acquire()));
        let giver = aside(&semaphore, |semaphore| {
            catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(3))).unwrap_or_default();
        });
        let fourth = catch_unwind(AssertUnwindSafe(|| Request::asked(semaphore.acquire())));
        join([giver]);
        drop(first);
        drop([second, third].map(Request::served));
        drop(fourth.map(Asked::served));
        at_rest(&semaphore, 3);
    });
}

#[test]
fn a_waker_calls_back_into_its_semaphore() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut first = Box::pin(semaphore.acquire());
        let shared = Arc::downgrade(&semaphore);
        let gives = acting(move || shared.upgrade().unwrap().add_permits(1));
        assert!(first.as_mut().poll(&mut Context::from_waker(&gives)).is_pending());
        let [second, third] = [(); 2].map(|()| Request::waiting(semaphore.clone().acquire_owned()));
        let giver = aside(&semaphore, |semaphore| semaphore.add_permits(1));
        drop(second);
        join([giver]);
        drop(third.served());
        drop(first);
        at_rest(&semaphore, 2);
    });
}
