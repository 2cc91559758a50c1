//! What was done, counted.

use std::ops::AddAssign;

macro_rules! tally {
    ($($(#[doc = $meaning:literal])* $count:ident,)*) => {
        /// One worker's counts, or the sum of many.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Tally {
            $($(#[doc = $meaning])* pub $count: u64,)*
        }

        impl AddAssign for Tally {
            fn add_assign(&mut self, other: Self) {
                $(self.$count += other.$count;)*
            }
        }
    };
}

tally! {
    /// Requests for permits or for the lock, whatever became of them.
    attempts,
    /// Requests that were met at their first poll.
    at_once,
    /// Requests that stood in line and were met there.
    handed_over,
    /// Requests met for a thread in `blocking_acquire` or `blocking_lock`, which does not tell whether it stood.
    to_threads,
    /// Requests refused at once: too few permits free for a `try_acquire`, or too long a line.
    refused,
    /// Requests that stood in line until their deadline.
    timed_out,
    /// Requests dropped while they stood in line.
    cancelled,
    /// Requests that found the semaphore closed, or stood in line when it was.
    told_closed,

    resizes,
    forgets,
    splits,
    merges,
    looks,
    closes,

    /// Permits added after the start.
    added,
    /// Permits taken away, or forgotten by their holders.
    forgotten,
    /// Times the mutex was held.
    locked,
}

impl Tally {
    /// What was asked of the semaphore or the mutex. A request counts once, however it ended, and giving back
    /// does not count at all.
    pub fn operations(&self) -> u64 {
        self.attempts + self.resizes + self.forgets + self.splits + self.merges + self.looks + self.closes
    }

    /// The ends of all requests; there must be as many as requests.
    pub fn ends(&self) -> u64 {
        let met = self.at_once + self.handed_over + self.to_threads;
        met + self.refused + self.timed_out + self.cancelled + self.told_closed
    }
}
