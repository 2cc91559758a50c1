//! The limit: a counter, taken from with one compare-and-swap and given back with another. It knows no
//! line, so it can only be asked when there is something to take.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use super::gate;

pub struct Bare(AtomicUsize);

impl Bare {
    #[inline(always)]
    fn take(&self, n: usize) -> bool {
        let free = self.0.load(Ordering::Relaxed);
        free >= n && self.0.compare_exchange(free, free - n, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline(always)]
    fn give(&self, n: usize) {
        let mut free = self.0.load(Ordering::Relaxed);
        while let Err(now) = self.0.compare_exchange(free, free + n, Ordering::Release, Ordering::Relaxed) {
            free = now;
        }
    }

    #[inline(always)]
    fn wait(&self, n: usize) -> impl Future<Output = Taken<'_>> + Send {
        poll_fn(move |_| if self.take(n) { Poll::Ready(Taken(self, n)) } else { Poll::Pending })
    }
}

struct Taken<'a>(&'a Bare, usize);

impl Drop for Taken<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.give(self.1);
    }
}

struct TakenOwned(Arc<Bare>);

impl Drop for TakenOwned {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.give(1);
    }
}

gate! { Bare: "bare atomics", Limit;
    new(permits) Bare(AtomicUsize::new(permits));
    acquire(this) this.wait(1);
    acquire_many(this, n) this.wait(n);
    try_acquire(this) this.take(1).then(|| Taken(this, 1));
}

gate! { Arc<Bare>: "bare atomics", Limit;
    new(permits) Arc::new(Bare::new(permits));
    acquire(this) {
        let mut owner = Some(this.clone());
        poll_fn(move |_| match owner.take_if(|bare| bare.take(1)) {
            Some(owner) => Poll::Ready(TakenOwned(owner)),
            None => Poll::Pending,
        })
    };
}
