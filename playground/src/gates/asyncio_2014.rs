//! `asyncio.Semaphore` until 2015, with the mistake of asyncio#270: a waiter that is woken and then cancelled wakes
//! no other waiter.

use super::promise::{Promise, Waiters, finally};
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("asyncio_2014.rs");

pub(crate) struct Asyncio2014 {
    value: Field<usize>,
    waiters: Waiters,
}

impl Asyncio2014 {
    pub(crate) fn new(permits: usize) -> Self {
        Self { value: Field::new("value", permits), waiters: Waiters::default() }
    }

    async fn acquire(&self, promise: Promise) {
        if self.waiters.is_empty() && self.value.get() > 0 {
            self.value.set(self.value.get() - 1);
            return;
        }
        self.waiters.push(&promise);
        let _leave = finally(|| self.waiters.remove(&promise));
        promise.wait().await;
        self.value.set(self.value.get() - 1);
    }

    fn release(&self) {
        self.value.set(self.value.get() + 1);
        if let Some(first) = self.waiters.first_pending() {
            first.resolve();
        }
    }
}

impl Plain for Asyncio2014 {
    type Ticket = Promise;

    async fn acquire(&self, _: usize, promise: Promise) -> Result<(), Closed> {
        self.acquire(promise).await;
        Ok(())
    }

    fn release(&self, _: usize) {
        self.release();
    }

    fn available(&self) -> usize {
        self.value.peek()
    }

    fn inside(&self) -> String {
        format!("value = {}, waiters = {}", self.value.peek(), self.waiters.describe())
    }
}
