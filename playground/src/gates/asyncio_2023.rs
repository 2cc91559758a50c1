//! `asyncio.Semaphore` since November 2023: a task that gets its permit wakes waiters while permits are free.

use super::promise::{Promise, Waiters, finally, on_cancel};
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("asyncio_2023.rs");

pub(crate) struct Asyncio2023 {
    value: Field<usize>,
    waiters: Waiters,
}

impl Asyncio2023 {
    pub(crate) fn new(permits: usize) -> Self {
        Self { value: Field::new("value", permits), waiters: Waiters::default() }
    }

    async fn acquire(&self, promise: Promise) {
        if self.value.get() > 0 && self.waiters.all_cancelled() {
            self.value.set(self.value.get() - 1);
            return;
        }
        self.waiters.push(&promise);
        let _wake = finally(|| while self.value.get() > 0 && self.wake_next() {});
        let cancelled = on_cancel(|| {
            if promise.is_resolved() {
                self.value.set(self.value.get() + 1);
            }
        });
        let leave = finally(|| self.waiters.remove(&promise));
        promise.wait().await;
        drop(leave);
        cancelled.completed();
    }

    fn release(&self) {
        self.value.set(self.value.get() + 1);
        self.wake_next();
    }

    fn wake_next(&self) -> bool {
        let Some(first) = self.waiters.first_pending() else { return false };
        self.value.set(self.value.get() - 1);
        first.resolve();
        true
    }
}

impl Plain for Asyncio2023 {
    type Ticket = Promise;

    async fn acquire(&self, _: usize, promise: Promise) -> Result<(), Closed> {
        self.acquire(promise).await;
        Ok(())
    }

    fn release(&self, _: usize) {
        self.release();
    }

    fn is_granted(promise: &Promise) -> bool {
        promise.peek_resolved()
    }

    fn available(&self) -> usize {
        self.value.peek()
    }

    fn woken_wakes_next(&self) -> bool {
        true
    }

    fn inside(&self) -> String {
        format!("value = {}, waiters = {}", self.value.peek(), self.waiters.describe())
    }
}
