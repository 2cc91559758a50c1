//! It gives no guards, so these do what its users have to. It counts to 63, and its line is searched from
//! end to end, so it takes no part where lines are long.

use std::future::Future;

use super::{gate, one};

pub struct Semaphore(saa::Semaphore);

struct Taken<'a>(&'a saa::Semaphore, usize);

impl Drop for Taken<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release_many(self.1);
    }
}

gate! { Semaphore: "saa", Fair;
    new(permits) Semaphore(saa::Semaphore::with_permits(permits));
    acquire(this) async {
        this.0.acquire_async().await;
        Taken(&this.0, 1)
    };
    acquire_many(this, n) async move {
        assert!(this.0.acquire_many_async(n).await);
        Taken(&this.0, n)
    };
    try_acquire(this) this.0.try_acquire().then(|| Taken(&this.0, 1));
}

pub struct Mutex(saa::Lock);

struct Locked<'a>(&'a saa::Lock);

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release_lock();
    }
}

gate! { Mutex: "saa", Fair;
    new(permits) one(permits, Mutex(saa::Lock::new()));
    acquire(this) async {
        assert!(this.0.lock_async().await);
        Locked(&this.0)
    };
    try_acquire(this) this.0.try_lock().is_ok().then(|| Locked(&this.0));
}
