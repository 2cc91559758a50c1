//! It brings the line, its user the count.

use std::future::Future;

use flag_bearer::{Builder, SemaphoreState};

use super::gate;

pub type Semaphore = flag_bearer::Semaphore<Count>;

pub struct Count(usize);

impl SemaphoreState for Count {
    type Params = usize;
    type Permit = usize;

    #[inline]
    fn acquire(&mut self, n: usize) -> Result<usize, usize> {
        match self.0.checked_sub(n) {
            Some(left) => {
                self.0 = left;
                Ok(n)
            }
            None => Err(n),
        }
    }

    #[inline]
    fn release(&mut self, n: usize) {
        self.0 += n;
    }
}

gate! { Semaphore: "flag-bearer", Fair;
    new(permits) Builder::fifo().with_state(Count(permits));
    acquire(this) this.must_acquire(1);
    acquire_many(this, n) this.must_acquire(n);
    try_acquire(this) this.try_acquire(1).is_ok();
}
