//! Holds maitake-sync's tests. Each import of theirs finds fairgate's item of that purpose.
#![cfg(test)]

extern crate alloc;

macro_rules! test_dbg {
    ($value:expr) => {
        $value
    };
}

macro_rules! trace {
    ($($message:tt)*) => {};
}

mod loom {
    pub(crate) use loom::{future, model, sync, thread};
}

/// What their loom tests of the semaphore import: the type built with loom's atomics.
mod models {
    pub(crate) use fairgate_loom::Semaphore;
}

mod mutex {
    pub(crate) use fairgate_loom::futures::Lock;
    mod tests;
}
use fairgate_loom::Mutex;

mod semaphore {
    use core::sync::atomic::Ordering::Relaxed;
    use fairgate::futures::{Acquire, AcquireOwned};
    use fairgate::{OwnedSemaphorePermit as OwnedPermit, Semaphore, SemaphorePermit as Permit};
    mod tests;
}

mod util {
    pub(crate) fn trace_init() {}

    pub(crate) mod test {
        pub(crate) fn assert_future<F: std::future::Future>() {}
        pub(crate) fn assert_send_sync<T: Send + Sync>() {}
    }
}
