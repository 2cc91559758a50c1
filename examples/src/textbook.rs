//! A semaphore as a textbook has it, on the crate `event-listener`, with what it does not guarantee.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use event_listener::{Event, IntoNotification};

/// The permits are a number. `Event` is the queue: it keeps the wakers of all listeners.
pub struct Textbook {
    available: AtomicUsize,
    released: Event,
}

impl Textbook {
    pub const fn new(permits: usize) -> Self {
        Self { available: AtomicUsize::new(permits), released: Event::new() }
    }

    /// Takes a permit if one is available, even if other tasks are queued for it. So a later request can overtake
    /// every queued one. This is called barging.
    pub fn try_acquire(&self) -> Option<TextbookPermit<'_>> {
        let one_less = |available: usize| available.checked_sub(1);
        self.available.fetch_update(SeqCst, SeqCst, one_less).ok()?;
        Some(TextbookPermit(self))
    }

    pub async fn acquire(&self) -> TextbookPermit<'_> {
        loop {
            // A woken task tries like any other. If the permit is gone, it starts over, at the back of the queue.
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
            // Listen first, then try again: if a permit were released between the try above and this line, its
            // notification would wake no task.
            let listener = self.released.listen();
            if let Some(permit) = self.try_acquire() {
                return permit;
            }
            // The notification says that a permit was released. It does not reserve the permit.
            listener.await;
        }
    }
}

pub struct TextbookPermit<'a>(&'a Textbook);

impl Drop for TextbookPermit<'_> {
    fn drop(&mut self) {
        // First the permit, then the notification. In the other order the woken task could try too early and go
        // back to sleep.
        self.0.available.fetch_add(1, SeqCst);
        // `additional`: one more than were notified before, so that two releases wake two tasks. If the notified
        // task is cancelled before it runs, `event-listener` notifies the next one.
        self.0.released.notify(1.additional());
    }
}

// What fairgate does beyond this: a release grants its permit to the front of the queue, so no request overtakes and
// no waiter starts over; a request for several permits at once; no allocation for a waiter; close; a limit that
// shrinks while permits are held; and a count of the waiters.
