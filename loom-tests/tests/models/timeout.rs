//! Timeouts that expire while the permit is granted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fairgate_loom::{Semaphore, with_timeout};
use loom::thread;

use crate::check::{assert_idle, check};
use crate::request::{Polled, Request};
use crate::threads::{join, spawn_with};

/// A deadline that is ready at its second poll.
struct SecondPoll(bool);

impl Future for SecondPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn a_timeout_against_a_grant() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let limited = Request::pending(with_timeout(semaphore.acquire(), SecondPoll(false)));
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let Polled::Ready(outcome) = limited.poll_again() else { panic!("the deadline was ready") };
        assert_eq!(semaphore.waiters(), 0);
        join([releaser]);
        assert_eq!(semaphore.available_permits(), 1 - outcome.iter().count());
        drop(outcome);
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn an_expired_timeout_takes_no_permit() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let limited = with_timeout(semaphore.clone().acquire_owned(), SecondPoll(false));
        let limited = Request::pending(limited);
        let second = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let other = thread::spawn(move || {
            let mut limited = limited;
            drop(limited.poll());
            limited
        });
        let second = second.poll_again();
        let kept = other.join().unwrap();
        join([releaser]);
        drop(second.expect_ready());
        assert_idle(&semaphore, 1);
        drop(kept);
    });
}

#[test]
fn a_timeout_of_a_large_front_grants_to_the_small_ones() {
    check(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let limited = with_timeout(semaphore.clone().acquire_many_owned(3), SecondPoll(false));
        let limited = Request::pending(limited);
        let small = Request::pending(semaphore.acquire());
        let releaser = spawn_with(&semaphore, |semaphore| semaphore.add_permits(1));
        let other = thread::spawn(move || drop(limited.poll_again()));
        let small = small.poll_again();
        join([releaser, other]);
        drop(small.expect_ready());
        assert_idle(&semaphore, 2);
    });
}
