//! It has a mutex and no semaphore, and whoever comes first after an unlock gets the lock.

use std::future::Future;
use std::sync::Arc;

use futures_util::lock::Mutex;

use super::{gate, one};

gate! { Mutex<()>: "futures-util", Barging;
    new(permits) one(permits, Mutex::new(()));
    acquire(this) this.lock();
    try_acquire(this) this.try_lock();
}

gate! { Arc<Mutex<()>>: "futures-util", Barging;
    new(permits) one(permits, Arc::new(Mutex::new(())));
    acquire(this) this.clone().lock_owned();
}
