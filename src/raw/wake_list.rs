#![allow(unsafe_code)]
//! Wakers that are collected from completed nodes, and called when the queue is unlocked.
//!
//! * **W1 (initialized)** Exactly the slots `next..end` hold a waker.

use core::mem::MaybeUninit;
use core::task::Waker;

use crate::sync::LOOM;

const _: () = assert!(WakeList::CAPACITY >= 2);

/// A list of at most [`CAPACITY`](Self::CAPACITY) wakers.
pub(super) struct WakeList {
    slots: [MaybeUninit<Waker>; Self::CAPACITY],
    next: usize,
    end: usize,
}

impl WakeList {
    /// Small under loom, so that models reach a second batch. At least 2, because `RawSemaphore::serve` relies on a batch of
    /// one request not being full.
    pub(super) const CAPACITY: usize = if LOOM { 2 } else { 32 };

    pub(super) const fn new() -> Self {
        Self { slots: [const { MaybeUninit::uninit() }; Self::CAPACITY], next: 0, end: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.next == self.end
    }

    /// Adds a waker.
    ///
    /// # Panics
    /// Panics if the list is full.
    pub(super) fn push(&mut self, waker: Waker) {
        self.slots[self.end].write(waker);
        self.end += 1;
    }

    /// Calls all wakers in order, and empties the list. If one panics, the wakers after it are still in the list.
    pub(super) fn wake_all(&mut self) {
        while self.next < self.end {
            // SAFETY: the slot holds a waker (W1). It leaves `next..end` before the waker is called, so it is read once.
            let waker = unsafe { self.slots[self.next].assume_init_read() };
            self.next += 1;
            waker.wake();
        }
        (self.next, self.end) = (0, 0);
    }
}
