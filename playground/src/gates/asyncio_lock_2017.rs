//! `asyncio.Lock` of 2017, with the mistake of bpo-32734: a waiter that is cancelled while the lock is free wakes
//! another one, although the first waiter is already woken.

use super::promise::{Promise, Waiters, finally, on_cancel};
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("asyncio_lock_2017.rs");

pub(crate) struct AsyncioLock2017 {
    locked: Field<bool>,
    waiters: Waiters,
}

impl Default for AsyncioLock2017 {
    fn default() -> Self {
        Self { locked: Field::new("locked", false), waiters: Waiters::default() }
    }
}

impl AsyncioLock2017 {
    async fn acquire(&self, promise: Promise) {
        if !self.locked.get() && self.waiters.all_cancelled() {
            self.locked.set(true);
            return;
        }
        self.waiters.push(&promise);
        let _leave = finally(|| self.waiters.remove(&promise));
        let cancelled = on_cancel(|| {
            promise.cancel();
            if !self.locked.get() {
                self.wake_first();
            }
        });
        promise.wait().await;
        cancelled.completed();
        self.locked.set(true);
    }

    fn release(&self) {
        self.locked.set(false);
        self.wake_first();
    }

    fn wake_first(&self) {
        if let Some(first) = self.waiters.first_pending() {
            first.resolve();
        }
    }
}

impl Plain for AsyncioLock2017 {
    type Ticket = Promise;

    async fn acquire(&self, _: usize, promise: Promise) -> Result<(), Closed> {
        self.acquire(promise).await;
        Ok(())
    }

    fn release(&self, _: usize) {
        self.release();
    }

    fn available(&self) -> usize {
        (!self.locked.peek()).into()
    }

    fn inside(&self) -> String {
        format!("locked = {}, waiters = {}", self.locked.peek(), self.waiters.describe())
    }
}
