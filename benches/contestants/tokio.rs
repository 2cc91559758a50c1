use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};

use super::{gate, one};

gate! { Semaphore: "tokio", Fair;
    new(permits) Semaphore::new(permits);
    acquire(this) this.acquire();
    acquire_many(this, n) this.acquire_many(n as u32);
    try_acquire(this) this.try_acquire();
}

gate! { Arc<Semaphore>: "tokio", Fair;
    new(permits) Arc::new(Semaphore::new(permits));
    acquire(this) this.clone().acquire_owned();
}

gate! { Mutex<()>: "tokio", Fair;
    new(permits) one(permits, Mutex::new(()));
    acquire(this) this.lock();
    try_acquire(this) this.try_lock();
}

gate! { Arc<Mutex<()>>: "tokio", Fair;
    new(permits) one(permits, Arc::new(Mutex::new(())));
    acquire(this) this.clone().lock_owned();
}
