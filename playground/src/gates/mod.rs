//! The semaphores and locks of the levels, behind one small trait.
//!
//! `fairgate` implements it with the real types. The others are a textbook semaphore and renderings of historic
//! ones, each with the mistake it had.

pub(crate) mod asyncio_2014;
pub(crate) mod asyncio_2015;
pub(crate) mod asyncio_2022_march;
pub(crate) mod asyncio_2022_september;
pub(crate) mod asyncio_2023;
pub(crate) mod asyncio_lock_2017;
mod fair;
pub(crate) mod inside;
pub(crate) mod own;
mod promise;
pub(crate) mod trace;
pub(crate) mod textbook;
pub(crate) mod tokio_word;

use std::any::Any;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

pub(crate) use fair::MutexPermit;

/// What a level needs from a semaphore or a lock.
pub(crate) trait Gate {
    /// Requests `n` permits. The request enters the queue when it is polled first.
    fn acquire(self: Rc<Self>, n: usize) -> Waiting;

    /// Releases permits that no task holds.
    fn add(&self, n: usize);

    fn available(&self) -> usize;

    /// Permits that were taken away while they were held.
    fn owed(&self) -> usize {
        0
    }

    /// Whether a waiter that is granted its permit wakes the next one when it runs, so that the permits that are left need
    /// not be granted at once.
    fn woken_wakes_next(&self) -> bool {
        false
    }

    /// What the semaphore itself remembers, in its own terms.
    fn inside(&self) -> String;
}

/// A pending acquire.
pub(crate) type Waiting = Pin<Box<dyn Acquire>>;

/// What an acquire returns.
pub(crate) type Acquired = Result<Box<dyn Permit>, Closed>;

pub(crate) trait Acquire: Future<Output = Acquired> {
    /// Whether the permits already belong to this request, although it was not polled since.
    fn is_granted(&self) -> bool;
}

/// Permits that are held. Dropping them releases them.
pub(crate) trait Permit {
    /// Uses the permits up instead of releasing them.
    fn forget(self: Box<Self>);

    fn as_any(&self) -> &dyn Any;
}

/// The semaphore is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// A semaphore written with `async fn acquire` and `fn release`, as most are.
pub(crate) trait Plain: 'static {
    /// Keeps what a waiter needs to know about itself while it waits.
    type Ticket: Clone + Default + 'static;

    fn acquire(&self, n: usize, ticket: Self::Ticket) -> impl Future<Output = Result<(), Closed>>;

    fn release(&self, n: usize);

    /// Whether a release has already moved the permits to the request with this ticket.
    fn is_granted(_: &Self::Ticket) -> bool {
        false
    }

    fn available(&self) -> usize;

    /// See [`Gate::woken_wakes_next`].
    fn woken_wakes_next(&self) -> bool {
        false
    }

    fn inside(&self) -> String;
}

impl<S: Plain> Gate for S {
    fn acquire(self: Rc<Self>, n: usize) -> Waiting {
        let ticket = S::Ticket::default();
        let (semaphore, own) = (self, ticket.clone());
        let future = async move {
            Plain::acquire(&*semaphore, n, own).await?;
            Ok(Box::new(PlainPermit { semaphore, n }) as Box<dyn Permit>)
        };
        Box::pin(PlainAcquire::<S> { future: Box::pin(future), ticket })
    }

    fn add(&self, n: usize) {
        self.release(n);
    }

    fn available(&self) -> usize {
        Plain::available(self)
    }

    fn woken_wakes_next(&self) -> bool {
        Plain::woken_wakes_next(self)
    }

    fn inside(&self) -> String {
        Plain::inside(self)
    }
}

struct PlainAcquire<S: Plain> {
    future: Pin<Box<dyn Future<Output = Acquired>>>,
    ticket: S::Ticket,
}

impl<S: Plain> Unpin for PlainAcquire<S> {}

impl<S: Plain> Future for PlainAcquire<S> {
    type Output = Acquired;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<S: Plain> Acquire for PlainAcquire<S> {
    fn is_granted(&self) -> bool {
        S::is_granted(&self.ticket)
    }
}

struct PlainPermit<S: Plain> {
    semaphore: Rc<S>,
    n: usize,
}

impl<S: Plain> Permit for PlainPermit<S> {
    fn forget(mut self: Box<Self>) {
        self.n = 0;
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<S: Plain> Drop for PlainPermit<S> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.semaphore.release(self.n);
        }
    }
}
