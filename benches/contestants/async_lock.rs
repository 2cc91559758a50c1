//! A permit given back wakes the front of the line, but a newcomer may take it first.

use std::future::Future;
use std::sync::Arc;

use async_lock::{Mutex, Semaphore};

use super::{gate, one};

gate! { Semaphore: "async-lock", Barging;
    new(permits) Semaphore::new(permits);
    acquire(this) this.acquire();
    try_acquire(this) this.try_acquire();
}

gate! { Arc<Semaphore>: "async-lock", Barging;
    new(permits) Arc::new(Semaphore::new(permits));
    acquire(this) this.acquire_arc();
}

gate! { Mutex<()>: "async-lock", Barging;
    new(permits) one(permits, Mutex::new(()));
    acquire(this) this.lock();
    try_acquire(this) this.try_lock();
}

gate! { Arc<Mutex<()>>: "async-lock", Barging;
    new(permits) one(permits, Arc::new(Mutex::new(())));
    acquire(this) this.lock_arc();
}
