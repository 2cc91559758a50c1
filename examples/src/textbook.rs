//! The semaphore one would write in an evening, on the crate `event-listener`. Line by line, and what
//! it leaves open.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use event_listener::{Event, IntoNotification};

/// The permits are a number, and `Event` is the line: it keeps the wakers of all who listen.
pub struct Textbook {
    free: AtomicUsize,
    released: Event,
}

impl Textbook {
    pub const fn new(permits: usize) -> Self {
        Self { free: AtomicUsize::new(permits), released: Event::new() }
    }

    /// Takes a permit if there is one, whoever else may be waiting for it. So a newcomer can
    /// overtake everybody in line: this is called barging.
    pub fn try_acquire(&self) -> Option<TextbookPermit<'_>> {
        let one_less = |free: usize| free.checked_sub(1);
        self.free.fetch_update(SeqCst, SeqCst, one_less).ok()?;
        Some(TextbookPermit(self))
    }

    pub async fn acquire(&self) -> TextbookPermit<'_> {
        loop {
            // First without standing in line. Whoever was woken tries like any newcomer, and whoever
            // comes too late starts over, at the back of the line.
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
            // Stand in line first, and look again after: a permit given back between the look above
            // and this line would wake nobody.
            let listener = self.released.listen();
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
            // Woken, we are told that a permit came free, not that it is ours.
            listener.await;
        }
    }
}

pub struct TextbookPermit<'a>(&'a Textbook);

impl Drop for TextbookPermit<'_> {
    fn drop(&mut self) {
        // First the permit, then the news of it: the other way round, the one who is woken could look
        // too early and go back to sleep.
        self.0.free.fetch_add(1, SeqCst);
        // One more than have been told already, so that two permits wake two. If the one who is told
        // goes away before it looks, `event-listener` tells the next.
        self.0.released.notify(1.additional());
    }
}

// What "hand-built" adds to this: a permit is handed to the front of the line instead of being thrown
// among the crowd, so nobody overtakes and nobody starts over; a request for several permits at once;
// no allocation for a waiter; close, debt, and a count of those who wait.
