//! `asyncio.Semaphore` from March to September 2022, with the mistake of gh-90155: the flag that was added against
//! barging stays set when the waiter that should reset it is cancelled.

use super::promise::{Promise, Waiters, on_cancel};
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("asyncio_2022_march.rs");

pub(crate) struct Asyncio2022March {
    value: Field<usize>,
    waiters: Waiters,
    wakeup_scheduled: Field<bool>,
}

impl Asyncio2022March {
    pub(crate) fn new(permits: usize) -> Self {
        Self {
            value: Field::new("value", permits),
            waiters: Waiters::default(),
            wakeup_scheduled: Field::new("wakeup_scheduled", false),
        }
    }

    async fn acquire(&self) {
        while self.wakeup_scheduled.get() || self.value.get() == 0 {
            let promise = Promise::default();
            self.waiters.push(&promise);
            let cancelled = on_cancel(|| {
                promise.cancel();
                self.wake_next();
            });
            promise.wait().await;
            cancelled.completed();
            self.wakeup_scheduled.set(false);
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
                self.wakeup_scheduled.set(true);
                return waiter.resolve();
            }
        }
    }
}

impl Plain for Asyncio2022March {
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
        let (value, waiters) = (self.value.peek(), self.waiters.describe());
        format!("value = {value}, waiters = {waiters}, wakeup_scheduled = {}", self.wakeup_scheduled.peek())
    }
}
