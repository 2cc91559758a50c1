//! The word of tokio's semaphore, with the mistake of tokio#8020: the lowest bit says that the semaphore is closed,
//! and `forget_permits` writes the new number of permits over it.

use super::promise::{Promise, Waiters, finally, on_cancel};
use super::trace::Field;
use super::{Closed, Plain};
use crate::source::{Source, source};

pub(crate) const SOURCE: Source = source!("tokio_word.rs");

const CLOSED: usize = 1;

/// The permits above the flag, in one word. The queue is simplified: it hands permits off one at a time.
pub(crate) struct TokioWord {
    word: Field<usize>,
    waiters: Waiters,
}

impl TokioWord {
    pub(crate) fn new(permits: usize) -> Self {
        Self { word: Field::new("word", permits << 1), waiters: Waiters::default() }
    }

    async fn acquire(&self, promise: Promise) -> Result<(), Closed> {
        if self.word.get() & CLOSED != 0 {
            return Err(Closed);
        }
        if self.word.get() >> 1 > 0 {
            self.word.set(self.word.get() - (1 << 1));
            return Ok(());
        }
        self.waiters.push(&promise);
        let pass_on = on_cancel(|| {
            if promise.is_resolved() {
                self.release()
            }
        });
        let leave = finally(|| self.waiters.remove(&promise));
        promise.wait().await;
        drop(leave);
        pass_on.completed();
        if promise.is_resolved() { Ok(()) } else { Err(Closed) }
    }

    fn release(&self) {
        match self.waiters.first_pending() {
            Some(first) => first.resolve(),
            None => self.word.set(self.word.get() + (1 << 1)),
        }
    }

    pub(crate) fn close(&self) {
        self.word.set(self.word.get() | CLOSED);
        while let Some(waiter) = self.waiters.first_pending() {
            waiter.cancel();
        }
    }

    pub(crate) fn forget_permits(&self, n: usize) {
        let permits = self.word.get() >> 1;
        self.word.set(permits.saturating_sub(n) << 1);
    }
}

impl Plain for TokioWord {
    type Ticket = Promise;

    async fn acquire(&self, _: usize, promise: Promise) -> Result<(), Closed> {
        self.acquire(promise).await
    }

    fn release(&self, _: usize) {
        self.release();
    }

    fn is_granted(promise: &Promise) -> bool {
        promise.peek_resolved()
    }

    fn available(&self) -> usize {
        self.word.peek() >> 1
    }

    fn inside(&self) -> String {
        let word = self.word.peek();
        format!("word = {word:#06b}: {} permits, closed = {}", word >> 1, word & CLOSED != 0)
    }
}
