//! `asyncio.Semaphore` from 2015 to 2022, with the mistake of bpo-45997: a permit that is released belongs to the task
//! that runs first, and a waiter that comes too late goes to the back.

use super::promise::{Promise, Waiters, on_cancel};
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("asyncio_2015.rs");

pub(crate) struct Asyncio2015 {
    value: Field<usize>,
    waiters: Waiters,
}

impl Asyncio2015 {
    pub(crate) fn new(permits: usize) -> Self {
        Self { value: Field::new("value", permits), waiters: Waiters::default() }
    }

    async fn acquire(&self) {
        while self.value.get() == 0 {
            let promise = Promise::default();
            self.waiters.push(&promise);
            let cancelled = on_cancel(|| {
                promise.cancel();
                if self.value.get() > 0 && !promise.is_cancelled() {
                    self.wake_next();
                }
            });
            promise.wait().await;
            cancelled.completed();
        }
        self.value.set(self.value.get() - 1);
    }

    fn release(&self) {
        self.value.set(self.value.get() + 1);
        self.wake_next();
    }

    fn wake_next(&self) {
        while let Some(waiter) = self.waiters.pop() {
            if !waiter.is_done() {
                return waiter.resolve();
            }
        }
    }
}

impl Plain for Asyncio2015 {
    type Ticket = ();

    async fn acquire(&self, _: usize, (): ()) -> Result<(), Closed> {
        self.acquire().await;
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
