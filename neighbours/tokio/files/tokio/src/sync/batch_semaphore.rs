//! tokio's internal semaphore has no permits: the caller releases by number. Here each permit is forgotten.

use fairgate::{AcquireError, TryAcquireError};

pub(crate) struct Semaphore(fairgate::Semaphore);

impl Semaphore {
    pub(crate) fn new(permits: usize) -> Self {
        Self(fairgate::Semaphore::new(permits))
    }

    pub(crate) async fn acquire(&self, n: usize) -> Result<(), AcquireError> {
        self.0.acquire_many(n).await.map(fairgate::Permit::forget)
    }

    pub(crate) fn try_acquire(&self, n: usize) -> Result<(), TryAcquireError> {
        self.0.try_acquire_many(n).map(fairgate::Permit::forget)
    }

    pub(crate) fn release(&self, n: usize) {
        self.0.add_permits(n);
    }

    pub(crate) fn forget_permits(&self, n: usize) -> usize {
        self.0.forget_permits(n)
    }

    pub(crate) fn available_permits(&self) -> usize {
        self.0.available_permits()
    }

    pub(crate) fn close(&self) {
        self.0.close();
    }
}
