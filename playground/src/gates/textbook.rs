//! The semaphore that most people write first, on the crate `event-listener`: a number, and an event.

use super::promise::Signal;
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("textbook.rs");

pub(crate) struct Textbook {
    free: Field<usize>,
    released: Signal,
    /// Whether requests may differ in size. A release then wakes all waiters, because only they know what they need.
    sizes: bool,
}

impl Textbook {
    /// For requests of one permit.
    pub(crate) fn new(permits: usize) -> Self {
        Self { free: Field::new("free", permits), released: Signal::default(), sizes: false }
    }

    /// For requests of any size.
    pub(crate) fn with_sizes(permits: usize) -> Self {
        Self { sizes: true, ..Self::new(permits) }
    }

    fn take(&self, n: usize) -> bool {
        let enough = self.free.get() >= n;
        if enough {
            self.free.set(self.free.get() - n);
        }
        enough
    }

    async fn acquire_many(&self, n: usize) {
        loop {
            if self.take(n) {
                return;
            }
            let listener = self.released.listen();
            if self.take(n) {
                return;
            }
            listener.await;
        }
    }

    fn release(&self, n: usize) {
        self.free.set(self.free.get() + n);
        if self.sizes {
            self.released.notify(usize::MAX);
        } else {
            self.released.notify_additional(n);
        }
    }
}

impl Plain for Textbook {
    type Ticket = ();

    async fn acquire(&self, n: usize, (): ()) -> Result<(), Closed> {
        self.acquire_many(n).await;
        Ok(())
    }

    fn release(&self, n: usize) {
        self.release(n);
    }

    fn available(&self) -> usize {
        self.free.peek()
    }

    fn inside(&self) -> String {
        format!("free = {}, listeners = {}", self.free.peek(), self.released.total_listeners())
    }
}
