//! Counts of what was done.

use std::ops::AddAssign;

macro_rules! counts {
    ($($(#[doc = $meaning:literal])* $count:ident,)*) => {
        /// The counts of one worker, or of several.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Counts {
            $($(#[doc = $meaning])* pub $count: u64,)*
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$count += other.$count;)*
            }
        }
    };
}

counts! {
    /// Requests for permits or for the mutex, with any outcome.
    requests,
    /// Requests that completed at their first poll, and successful tries.
    immediate,
    /// Requests that were queued and then granted.
    queued,
    /// Requests granted to a thread in a blocking call, which does not show whether it was queued.
    blocking,
    /// Requests refused at once: a try without enough permits, or a request with `max_waiters` and a full queue.
    refused,
    /// Requests that were queued until their deadline.
    timed_out,
    /// Requests dropped while they were queued.
    cancelled,
    /// Requests that found the semaphore closed, or were queued when it was closed.
    closed,

    /// Calls of `set_limit`.
    resizes,
    forgets,
    splits,
    merges,
    observations,
    closes,

    /// Permits that were forgotten.
    forgotten,
    /// How often the mutex was locked.
    locked,
}

impl Counts {
    /// Operations on the semaphore or the mutex. A request counts once, with any outcome, and a release does not
    /// count.
    pub fn operations(&self) -> u64 {
        self.requests
            + self.resizes
            + self.forgets
            + self.splits
            + self.merges
            + self.observations
            + self.closes
    }

    /// The number of outcomes, which must equal the number of requests.
    pub fn outcomes(&self) -> u64 {
        let granted = self.immediate + self.queued + self.blocking;
        granted + self.refused + self.timed_out + self.cancelled + self.closed
    }
}
