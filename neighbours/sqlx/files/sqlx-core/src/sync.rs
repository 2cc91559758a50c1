//! The semaphore of the pool, on fairgate: the same one for every runtime.

pub struct AsyncSemaphore(fairgate::Semaphore);

pub struct AsyncSemaphoreReleaser<'a>(fairgate::SemaphorePermit<'a>);

impl AsyncSemaphore {
    #[track_caller]
    pub fn new(fair: bool, permits: usize) -> Self {
        debug_assert!(fair, "fairgate has no unfair mode");
        Self(fairgate::Semaphore::new(permits))
    }

    pub fn permits(&self) -> usize {
        self.0.available_permits()
    }

    pub async fn acquire(&self, permits: u32) -> AsyncSemaphoreReleaser<'_> {
        let permit = self.0.acquire_many(permits as usize).await;
        AsyncSemaphoreReleaser(permit.expect("the pool never closes this semaphore"))
    }

    pub fn try_acquire(&self, permits: u32) -> Option<AsyncSemaphoreReleaser<'_>> {
        self.0.try_acquire_many(permits as usize).ok().map(AsyncSemaphoreReleaser)
    }

    pub fn release(&self, permits: usize) {
        self.0.add_permits(permits);
    }
}

impl AsyncSemaphoreReleaser<'_> {
    pub fn disarm(self) {
        self.0.forget();
    }
}
