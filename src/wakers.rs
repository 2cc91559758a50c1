//! A batch of wakers: taken out of nodes under the lock, called after it.
//!
//! * **W1 (full)** Exactly the slots `called..held` hold a waker.

use core::mem::MaybeUninit;
use core::task::Waker;

use crate::sync::WATCHED;

/// How many wakers are carried out of the lock at a time. Loom sees small batches, so that its models
/// reach the seam between two of them.
pub(crate) const BATCH: usize = if WATCHED { 2 } else { 32 };

pub(crate) struct Wakers {
    slots: [MaybeUninit<Waker>; BATCH],
    called: usize,
    held: usize,
}

impl Wakers {
    pub(crate) const fn new() -> Self {
        Self { slots: [const { MaybeUninit::uninit() }; BATCH], called: 0, held: 0 }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.held == BATCH
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.called == self.held
    }

    pub(crate) fn push(&mut self, waker: Waker) {
        self.slots[self.held].write(waker);
        self.held += 1;
    }

    /// Calls all of them, in order. If one panics, the rest are still here.
    pub(crate) fn wake_all(&mut self) {
        while self.called < self.held {
            // SAFETY: the slot is full (W1), and is counted out before the waker can panic.
            let waker = unsafe { self.slots[self.called].assume_init_read() };
            self.called += 1;
            waker.wake();
        }
        (self.called, self.held) = (0, 0);
    }
}
