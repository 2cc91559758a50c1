//! The types under test behind one trait, so that each test is written once: semaphores and mutexes, borrowed and in
//! an `Arc`. A mutex counts as a source of one permit.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll};

use fairgate::{
    AcquireFrom, AcquireUpTo, BoundedAcquire, Guard, Handle, LockFrom, Mutex, Permit, Semaphore,
};

use super::step::Request;

/// A type that hands out permits.
pub trait PermitSource: Clone {
    type Permits;
    /// Resolves to `None` if the source is closed or the queue is full.
    type Future: Future<Output = Option<Self::Permits>> + Unpin;

    fn acquire(&self, request: Request) -> Self::Future;
    fn try_acquire(&self, n: usize) -> Option<Self::Permits>;
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

/// A source that a test can create.
pub trait NewSource: PermitSource + 'static {
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
    /// The number of permits granted to a future that has not completed yet. Unknown, and 0, for a request with a
    /// minimum and a maximum.
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
        match future {
            SemaphoreFuture::Exactly(future) if future.is_granted() => future.num_permits(),
            SemaphoreFuture::Bounded(future) if future.is_granted() => future.num_permits(),
            _ => 0,
        }
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
        let exactly = |n| Semaphore::acquire_from(self.0.clone(), n);
        match request {
            Request::Exactly(n) => SemaphoreFuture::Exactly(Box::pin(exactly(n))),
            Request::UpTo(min, max) => SemaphoreFuture::UpTo(Box::pin(exactly(min).up_to(max))),
            Request::Bounded(max_waiters, n) => {
                SemaphoreFuture::Bounded(Box::pin(exactly(n).bounded(max_waiters)))
            }
        }
    }

    fn try_acquire(&self, n: usize) -> Option<Permit<H>> {
        Semaphore::try_acquire_from(self.0.clone(), n).ok()
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

/// A pinned future of a semaphore.
pub enum SemaphoreFuture<H: Handle<Target = Semaphore>> {
    Exactly(Pin<Box<AcquireFrom<H>>>),
    UpTo(Pin<Box<AcquireUpTo<H>>>),
    Bounded(Pin<Box<BoundedAcquire<H>>>),
}

impl<H: Handle<Target = Semaphore>> Future for SemaphoreFuture<H> {
    type Output = Option<Permit<H>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Exactly(future) => future.as_mut().poll(cx).map(Result::ok),
            Self::UpTo(future) => future.as_mut().poll(cx).map(Result::ok),
            Self::Bounded(future) => future.as_mut().poll(cx).map(Result::ok),
        }
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
        let guard = (available == 0).then(|| Mutex::try_lock_from(mutex.clone()).unwrap());
        Self { mutex, initial_guard: Arc::new(StdMutex::new(guard)) }
    }
}

impl<H: Handle<Target = Mutex<()>> + Clone> PermitSource for ViaMutex<H> {
    type Permits = Guard<H>;
    type Future = MutexFuture<H>;

    fn acquire(&self, request: Request) -> MutexFuture<H> {
        assert_eq!(request, Request::Exactly(1), "a mutex has one permit");
        MutexFuture(Box::pin(Mutex::lock_from(self.mutex.clone())))
    }

    fn try_acquire(&self, n: usize) -> Option<Guard<H>> {
        assert_eq!(n, 1, "a mutex has one permit");
        Mutex::try_lock_from(self.mutex.clone()).ok()
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

/// A pinned future of a mutex.
pub struct MutexFuture<H: Handle<Target = Mutex<()>>>(Pin<Box<LockFrom<H>>>);

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
