use std::future::Future;
use std::sync::Arc;

use asyncband::mutex::Mutex;
use asyncband::semaphore::Semaphore;

use super::{gate, one};

gate! { Semaphore: "asyncband", Fair;
    new(permits) Semaphore::new(permits);
    acquire(this) this.acquire(1);
    acquire_many(this, n) this.acquire(n);
    try_acquire(this) this.try_acquire(1);
}

gate! { Arc<Semaphore>: "asyncband", Fair;
    new(permits) Arc::new(Semaphore::new(permits));
    acquire(this) this.clone().acquire_owned(1);
}

gate! { Mutex<()>: "asyncband", Fair;
    new(permits) one(permits, Mutex::new(()));
    acquire(this) this.lock();
    try_acquire(this) this.try_lock();
}

gate! { Arc<Mutex<()>>: "asyncband", Fair;
    new(permits) one(permits, Arc::new(Mutex::new(())));
    acquire(this) this.clone().lock_owned();
}
