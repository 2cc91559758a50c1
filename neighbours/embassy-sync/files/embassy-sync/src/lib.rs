//! Holds embassy-sync's tests of its fair semaphore, with fairgate underneath.
#![cfg(test)]

// For the semaphore itself, which is in the file of its tests.
use embassy_sync::{blocking_mutex, waitqueue};

mod semaphore;

mod on_fairgate {
    use core::marker::PhantomData;

    pub(crate) struct FairSemaphore<M, const N: usize>(pub(crate) fairgate::Semaphore, PhantomData<fn() -> M>);

    #[derive(Debug)]
    pub(crate) struct WaitQueueFull;
    pub(crate) struct Releaser<'a>(fairgate::SemaphorePermit<'a>);

    impl<M, const N: usize> FairSemaphore<M, N> {
        pub(crate) fn new(permits: usize) -> Self {
            Self(fairgate::Semaphore::new(permits), PhantomData)
        }

        pub(crate) async fn acquire(&self, n: usize) -> Result<Releaser<'_>, WaitQueueFull> {
            self.0.acquire_many(n).max_waiters(N).await.map(Releaser).map_err(|_| WaitQueueFull)
        }

        pub(crate) async fn acquire_all(&self, min: usize) -> Result<Releaser<'_>, WaitQueueFull> {
            let request = self.0.acquire_many(min).up_to(fairgate::Semaphore::MAX_PERMITS);
            request.max_waiters(N).await.map(Releaser).map_err(|_| WaitQueueFull)
        }

        pub(crate) fn try_acquire(&self, n: usize) -> Option<Releaser<'_>> {
            self.0.try_acquire_many(n).ok().map(Releaser)
        }

        pub(crate) fn try_acquire_all(&self, min: usize) -> Option<Releaser<'_>> {
            self.0.acquire_many(min).up_to(fairgate::Semaphore::MAX_PERMITS).try_wait().ok().map(Releaser)
        }

        pub(crate) fn release(&self, n: usize) {
            self.0.add_permits(n);
        }

        /// embassy-sync sets the number that is available, fairgate the number that exists.
        pub(crate) fn set(&self, n: usize) {
            self.0.set_limit(self.0.held() + n);
        }

        pub(crate) fn permits(&self) -> usize {
            self.0.available_permits()
        }
    }

    impl Releaser<'_> {
        pub(crate) fn permits(&self) -> usize {
            self.0.num_permits()
        }

        pub(crate) fn disarm(self) -> usize {
            let n = self.0.num_permits();
            self.0.forget();
            n
        }
    }
}
