use std::future::Future;

use futures_intrusive::sync::{Mutex, Semaphore, SharedSemaphore};

use super::{gate, one};

/// It can be made fair or not.
const FAIR: bool = true;

pub type Fair = Semaphore;
pub type FairShared = SharedSemaphore;
pub type FairMutex = Mutex<()>;

gate! { Semaphore: "futures-intrusive", Fair;
    new(permits) Semaphore::new(FAIR, permits);
    acquire(this) this.acquire(1);
    acquire_many(this, n) this.acquire(n);
    try_acquire(this) this.try_acquire(1);
}

gate! { SharedSemaphore: "futures-intrusive", Fair;
    new(permits) SharedSemaphore::new(FAIR, permits);
    acquire(this) this.acquire(1);
}

gate! { Mutex<()>: "futures-intrusive", Fair;
    new(permits) one(permits, Mutex::new((), FAIR));
    acquire(this) this.lock();
    try_acquire(this) this.try_lock();
}
