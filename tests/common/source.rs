//! The types under test behind one trait, so that each test is written once: semaphores and mutexes, borrowed and in
//! an `Arc`. A mutex counts as a source of one permit.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll};
use std::time::Duration;

use fairgate::futures::{Acquire, Lock};
use fairgate::{Guard, Handle, Mutex, Permit, Semaphore};

use super::step::{Permits, Request};

/// A type that hands out permits.
pub trait PermitSource: Clone {
    type Permits;
    /// Resolves to `None` if the source is closed or the queue is full.
    type Future: Future<Output = Option<Self::Permits>> + Unpin;

    fn acquire(&self, request: Request) -> Self::Future;
    /// The try form of the request.
    fn try_acquire(&self, request: impl Into<Request>) -> Option<Self::Permits>;
    fn count(permits: &Self::Permits) -> usize;
    /// Adds permits that no waiter holds.
    fn add(&self, n: usize);
    /// The number of available permits and the number of waiters. A mutex does not report waiters and returns 0 for
    /// them.
    fn counts(&self) -> (usize, usize);
    /// Whether `try_acquire(1)` succeeds. The permit is released again.
    fn is_available(&self) -> bool {
        self.try_acquire(1).is_some()
    }
}

/// A source on which threads can block.
pub trait BlockingSource: PermitSource {
    /// Blocks the thread for at most `limit`. `None` if the time is up, the source is closed or the queue is full.
    fn wait_timeout(&self, request: impl Into<Request>, limit: Duration) -> Option<Self::Permits>;
}

/// A source that a test can create.
pub trait NewSource: BlockingSource + 'static {
    fn with_permits(available: usize) -> Self;
}

/// A source that can be used from other threads and from wakers.
pub trait SyncSource: NewSource<Future: Send + 'static, Permits: Send> + Send + Sync {}

impl<S: NewSource<Future: Send + 'static, Permits: Send> + Send + Sync> SyncSource for S {}

/// A source that is a semaphore and dereferences to it.
pub trait SemaphoreSource:
    PermitSource<Permits = Permit<Self::Handle>> + Deref<Target = Semaphore>
{
    type Handle: Handle<Target = Semaphore> + Clone;
    /// The number of permits granted to a future that has not completed yet.
    fn granted(future: &Self::Future) -> usize;
}

/// A semaphore behind any handle.
#[derive(Clone)]
pub struct ViaSemaphore<H>(pub H);

pub type BorrowedSemaphore = ViaSemaphore<&'static Semaphore>;
pub type ArcSemaphore = ViaSemaphore<Arc<Semaphore>>;

impl<H: Handle<Target = Semaphore> + Clone> SemaphoreSource for ViaSemaphore<H> {
    type Handle = H;

    fn granted(future: &SemaphoreFuture<H>) -> usize {
        if future.0.is_granted() { future.0.num_permits() } else { 0 }
    }
}

impl<H: Handle<Target = Semaphore>> Deref for ViaSemaphore<H> {
    type Target = Semaphore;
    fn deref(&self) -> &Semaphore {
        &self.0
    }
}

impl<H: Handle<Target = Semaphore> + Clone> PermitSource for ViaSemaphore<H> {
    type Permits = Permit<H>;
    type Future = SemaphoreFuture<H>;

    fn acquire(&self, request: Request) -> SemaphoreFuture<H> {
        SemaphoreFuture(Box::pin(self.request(request)))
    }

    fn try_acquire(&self, request: impl Into<Request>) -> Option<Permit<H>> {
        self.request(request.into()).try_wait().ok()
    }

    fn count(permits: &Permit<H>) -> usize {
        permits.num_permits()
    }

    fn add(&self, n: usize) {
        self.0.add_permits(n);
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.available_permits(), self.0.waiters())
    }
}

impl<H: Handle<Target = Semaphore> + Clone> ViaSemaphore<H> {
    /// The request, configured and not polled.
    fn request(&self, request: Request) -> Acquire<H> {
        let handle = self.0.clone();
        let acquire = match request.permits {
            Permits::Exactly(n) => Semaphore::acquire_from(handle, n),
            Permits::UpTo(min, max) => Semaphore::acquire_from(handle, min).up_to(max),
            Permits::All => Semaphore::acquire_all_from(handle),
        };
        match request.max_waiters {
            Some(n) => acquire.max_waiters(n),
            None => acquire,
        }
    }
}

impl<H: Handle<Target = Semaphore> + Clone> BlockingSource for ViaSemaphore<H> {
    fn wait_timeout(&self, request: impl Into<Request>, limit: Duration) -> Option<Permit<H>> {
        self.request(request.into()).wait_timeout(limit).ok()
    }
}

/// A pinned future of a semaphore.
pub struct SemaphoreFuture<H: Handle<Target = Semaphore>>(Pin<Box<Acquire<H>>>);

impl<H: Handle<Target = Semaphore>> Future for SemaphoreFuture<H> {
    type Output = Option<Permit<H>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Result::ok)
    }
}

impl NewSource for BorrowedSemaphore {
    fn with_permits(available: usize) -> Self {
        Self(leak(Semaphore::new(available)))
    }
}

impl NewSource for ArcSemaphore {
    fn with_permits(available: usize) -> Self {
        Self(Arc::new(Semaphore::new(available)))
    }
}

/// A mutex, as a source of one permit. If the permit is not available at the start, the source itself holds the
/// guard until `add` drops it.
#[derive(Clone)]
pub struct ViaMutex<H: Handle<Target = Mutex<()>>> {
    pub mutex: H,
    initial_guard: Arc<StdMutex<Option<Guard<H>>>>,
}

pub type BorrowedMutex = ViaMutex<&'static Mutex<()>>;
pub type ArcMutex = ViaMutex<Arc<Mutex<()>>>;

impl<H: Handle<Target = Mutex<()>> + Clone> ViaMutex<H> {
    pub fn new(mutex: H, available: usize) -> Self {
        let guard = (available == 0).then(|| Mutex::lock_from(mutex.clone()).try_wait().unwrap());
        Self { mutex, initial_guard: Arc::new(StdMutex::new(guard)) }
    }
}

impl<H: Handle<Target = Mutex<()>> + Clone> PermitSource for ViaMutex<H> {
    type Permits = Guard<H>;
    type Future = MutexFuture<H>;

    fn acquire(&self, request: Request) -> MutexFuture<H> {
        MutexFuture(Box::pin(self.request(request)))
    }

    fn try_acquire(&self, request: impl Into<Request>) -> Option<Guard<H>> {
        self.request(request.into()).try_wait().ok()
    }

    fn count(_: &Guard<H>) -> usize {
        1
    }

    fn add(&self, n: usize) {
        assert_eq!(n, 1, "a mutex has one permit");
        let guard = self.initial_guard.lock().unwrap().take();
        drop(guard.expect("a mutex has one permit"));
    }

    fn counts(&self) -> (usize, usize) {
        (usize::from(self.is_available()), 0)
    }
}

impl<H: Handle<Target = Mutex<()>> + Clone> ViaMutex<H> {
    fn request(&self, request: Request) -> Lock<H> {
        assert_eq!(request, Request::exactly(1), "a mutex has one permit");
        Mutex::lock_from(self.mutex.clone())
    }
}

impl<H: Handle<Target = Mutex<()>> + Clone> BlockingSource for ViaMutex<H> {
    fn wait_timeout(&self, request: impl Into<Request>, limit: Duration) -> Option<Guard<H>> {
        self.request(request.into()).wait_timeout(limit).ok()
    }
}

/// A pinned future of a mutex.
pub struct MutexFuture<H: Handle<Target = Mutex<()>>>(Pin<Box<Lock<H>>>);

impl<H: Handle<Target = Mutex<()>>> Future for MutexFuture<H> {
    type Output = Option<Guard<H>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Some)
    }
}

impl NewSource for BorrowedMutex {
    fn with_permits(available: usize) -> Self {
        Self::new(leak(Mutex::new(())), available)
    }
}

impl NewSource for ArcMutex {
    fn with_permits(available: usize) -> Self {
        Self::new(Arc::new(Mutex::new(())), available)
    }
}

/// Leaks a value. A static list keeps it reachable, so that leak detectors do not report it.
pub fn leak<T: Sync + 'static>(value: T) -> &'static T {
    static LEAKED: StdMutex<Vec<&'static dyn Sync>> = StdMutex::new(Vec::new());
    let leaked: &'static T = Box::leak(Box::new(value));
    LEAKED.lock().unwrap().push(leaked);
    leaked
}

/// Instantiates generic tests: those listed under `all` for every source, those under `semaphores` for the sources
/// that are semaphores.
macro_rules! for_each_source {
    (all: $($all:ident),*; semaphores: $($semaphores:ident),* $(,)?) => {
        for_each_source! { @ borrowed_semaphore BorrowedSemaphore, $($all)* $($semaphores)* }
        for_each_source! { @ arc_semaphore ArcSemaphore, $($all)* $($semaphores)* }
        for_each_source! { @ borrowed_mutex BorrowedMutex, $($all)* }
        for_each_source! { @ arc_mutex ArcMutex, $($all)* }
    };
    (semaphores: $($test:ident),* $(,)?) => {
        for_each_source! { @ borrowed_semaphore BorrowedSemaphore, $($test)* }
        for_each_source! { @ arc_semaphore ArcSemaphore, $($test)* }
    };
    (@ $module:ident $source:ident, $($test:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test::<crate::common::source::$source>();
                }
            )*
        }
    };
}
pub(crate) use for_each_source;
