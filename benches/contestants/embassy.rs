//! Made for microcontrollers: the line is an array inside the semaphore, which is also its longest length,
//! and the critical section is one lock for the whole process. The mutex wakes one waiter at most.

use std::future::Future;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::semaphore::{FairSemaphore, Semaphore as Acquire};

use super::{gate, one};

const LONGEST_LINE: usize = 1024;

pub type Semaphore = FairSemaphore<CriticalSectionRawMutex, LONGEST_LINE>;
pub type Mutex = embassy_sync::mutex::Mutex<CriticalSectionRawMutex, ()>;

gate! { Semaphore: "embassy-sync", Fair;
    new(permits) Semaphore::new(permits);
    acquire(this) Acquire::acquire(this, 1);
    acquire_many(this, n) Acquire::acquire(this, n);
    try_acquire(this) Acquire::try_acquire(this, 1);
}

gate! { Mutex: "embassy-sync", Barging;
    new(permits) one(permits, Mutex::new(()));
    acquire(this) this.lock();
    try_acquire(this) this.try_lock();
}
