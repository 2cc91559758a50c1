//! What the tests share: a clock that the test sets, a count of what is in flight, and a way to run all tasks until they
//! wait.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use smol::LocalExecutor;

/// Runs the tasks until each of them waits or has ended.
pub(crate) fn run_until_idle(executor: &LocalExecutor<'_>) {
    while executor.try_tick() {}
}

/// A clock that stands still until the test advances it.
#[derive(Default)]
pub(crate) struct Clock {
    now: Cell<u64>,
    sleeping: RefCell<Vec<Waker>>,
}

impl Clock {
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) async fn sleep(&self, ticks: u64) {
        let until = self.now() + ticks;
        poll_fn(|cx| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            self.sleeping.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn advance(&self) {
        self.now.set(self.now() + 1);
        self.sleeping.take().into_iter().for_each(Waker::wake);
    }
}

/// Counts what is in flight, and the most that ever was.
#[derive(Default)]
pub(crate) struct InFlight {
    now: Cell<usize>,
    peak: Cell<usize>,
}

pub(crate) struct Flight<'a>(&'a InFlight);

impl InFlight {
    pub(crate) fn start(&self) -> Flight<'_> {
        self.now.set(self.now.get() + 1);
        self.peak.set(self.peak.get().max(self.now.get()));
        Flight(self)
    }

    pub(crate) fn now(&self) -> usize {
        self.now.get()
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.get()
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.now.set(self.0.now.get() - 1);
    }
}
