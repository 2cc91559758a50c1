//! The kinds of things that hand out permits in turn, behind one trait, so that each test is written once:
//! borrowed and shared semaphores, and mutexes as semaphores of one permit.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll};

use fairgate::{
    AcquireFrom, AcquireUpTo, BoundedAcquire, Guard, Handle, LockFrom, Mutex, Permit, Semaphore,
};

use super::step::Ask;

pub trait Kind: Clone {
    type Held;
    /// Ready with `None` when refused.
    type Request: Future<Output = Option<Self::Held>> + Unpin;

    fn request(&self, ask: Ask) -> Self::Request;
    fn try_take(&self, n: usize) -> Option<Self::Held>;
    fn count(held: &Self::Held) -> usize;
    /// Gives permits from outside.
    fn add(&self, n: usize);
    /// How many permits lie free, and how many requests wait. A mutex does not tell of the latter.
    fn tells(&self) -> (usize, usize);
    /// Takes one if it lies free and puts it back: what a newcomer would find.
    fn is_free(&self) -> bool {
        self.try_take(1).is_some()
    }
}

/// A kind that can be made out of nothing.
pub trait Start: Kind + 'static {
    fn with(free: usize) -> Self;
}

/// The kinds that can be reached from a waker, and from other threads.
pub trait Shared: Start<Request: Send + 'static, Held: Send> + Send + Sync {}

impl<K: Start<Request: Send + 'static, Held: Send> + Send + Sync> Shared for K {}

/// A semaphore, by whatever leads to it.
#[derive(Clone)]
pub struct Counted<O>(pub O);

pub type Borrowed = Counted<&'static Semaphore>;
pub type Owned = Counted<Arc<Semaphore>>;

/// The kinds that are a semaphore: more can be done to them.
pub trait Counting: Kind<Held = Permit<Self::Handle>> + Deref<Target = Semaphore> {
    type Handle: Handle<Target = Semaphore> + Clone;
    /// What the request was granted and has not picked up yet. A greedy one does not tell.
    fn granted(request: &Self::Request) -> usize;
}

impl<O: Handle<Target = Semaphore> + Clone> Counting for Counted<O> {
    type Handle = O;

    fn granted(request: &Request<O>) -> usize {
        match request {
            Request::Plain(future) if future.is_granted() => future.num_permits(),
            Request::Bounded(future) if future.is_granted() => future.num_permits(),
            _ => 0,
        }
    }
}

impl<O: Handle<Target = Semaphore>> Deref for Counted<O> {
    type Target = Semaphore;
    fn deref(&self) -> &Semaphore {
        &self.0
    }
}

impl<O: Handle<Target = Semaphore> + Clone> Kind for Counted<O> {
    type Held = Permit<O>;
    type Request = Request<O>;

    fn request(&self, ask: Ask) -> Request<O> {
        let plain = |n| Semaphore::acquire_from(self.0.clone(), n);
        match ask {
            Ask::For(n) => Request::Plain(Box::pin(plain(n))),
            Ask::UpTo(least, most) => Request::Greedy(Box::pin(plain(least).up_to(most))),
            Ask::Behind(length, n) => Request::Bounded(Box::pin(plain(n).bounded(length))),
        }
    }

    fn try_take(&self, n: usize) -> Option<Permit<O>> {
        Semaphore::try_acquire_from(self.0.clone(), n).ok()
    }

    fn count(held: &Permit<O>) -> usize {
        held.num_permits()
    }

    fn add(&self, n: usize) {
        self.0.add_permits(n);
    }

    fn tells(&self) -> (usize, usize) {
        (self.0.available_permits(), self.0.waiters())
    }
}

/// A request that has its place in memory.
pub enum Request<O: Handle<Target = Semaphore>> {
    Plain(Pin<Box<AcquireFrom<O>>>),
    Greedy(Pin<Box<AcquireUpTo<O>>>),
    Bounded(Pin<Box<BoundedAcquire<O>>>),
}

impl<O: Handle<Target = Semaphore>> Future for Request<O> {
    type Output = Option<Permit<O>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Plain(future) => future.as_mut().poll(cx).map(Result::ok),
            Self::Greedy(future) => future.as_mut().poll(cx).map(Result::ok),
            Self::Bounded(future) => future.as_mut().poll(cx).map(Result::ok),
        }
    }
}

impl Start for Borrowed {
    fn with(free: usize) -> Self {
        Self(lasting(Semaphore::new(free)))
    }
}

impl Start for Owned {
    fn with(free: usize) -> Self {
        Self(Arc::new(Semaphore::new(free)))
    }
}

/// A mutex, as a semaphore that has one permit at most. While it is not free at the start, its one permit is
/// kept here, to be given later.
#[derive(Clone)]
pub struct Single<M: Handle<Target = Mutex<()>>> {
    pub mutex: M,
    kept: Arc<StdMutex<Option<Guard<M>>>>,
}

pub type Lock = Single<&'static Mutex<()>>;
pub type LockOwned = Single<Arc<Mutex<()>>>;

impl<M: Handle<Target = Mutex<()>> + Clone> Single<M> {
    pub fn new(mutex: M, free: usize) -> Self {
        let kept = (free == 0).then(|| Mutex::try_lock_from(mutex.clone()).unwrap());
        Self { mutex, kept: Arc::new(StdMutex::new(kept)) }
    }
}

impl<M: Handle<Target = Mutex<()>> + Clone> Kind for Single<M> {
    type Held = Guard<M>;
    type Request = LockRequest<M>;

    fn request(&self, ask: Ask) -> LockRequest<M> {
        assert_eq!(ask, Ask::For(1), "of a mutex one asks for one");
        LockRequest(Box::pin(Mutex::lock_from(self.mutex.clone())))
    }

    fn try_take(&self, n: usize) -> Option<Guard<M>> {
        assert_eq!(n, 1, "of a mutex one asks for one");
        Mutex::try_lock_from(self.mutex.clone()).ok()
    }

    fn count(_: &Guard<M>) -> usize {
        1
    }

    fn add(&self, n: usize) {
        assert_eq!(n, 1, "a mutex has one permit");
        let kept = self.kept.lock().unwrap().take();
        drop(kept.expect("a mutex has one permit"));
    }

    fn tells(&self) -> (usize, usize) {
        (usize::from(self.is_free()), 0)
    }
}

/// A request for a mutex that has its place in memory.
pub struct LockRequest<M: Handle<Target = Mutex<()>>>(Pin<Box<LockFrom<M>>>);

impl<M: Handle<Target = Mutex<()>>> Future for LockRequest<M> {
    type Output = Option<Guard<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Some)
    }
}

impl Start for Lock {
    fn with(free: usize) -> Self {
        Self::new(lasting(Mutex::new(())), free)
    }
}

impl Start for LockOwned {
    fn with(free: usize) -> Self {
        Self::new(Arc::new(Mutex::new(())), free)
    }
}

/// Keeps a value for the rest of the program, within reach of a leak detector.
pub fn lasting<T: Sync + 'static>(value: T) -> &'static T {
    static KEPT: StdMutex<Vec<&'static dyn Sync>> = StdMutex::new(Vec::new());
    let kept: &'static T = Box::leak(Box::new(value));
    KEPT.lock().unwrap().push(kept);
    kept
}

/// Makes tests of generic functions: of each of `all` one a kind, of each of `semaphores` one a kind that is a
/// semaphore.
macro_rules! each_kind {
    (all: $($all:ident),*; semaphores: $($semaphores:ident),* $(,)?) => {
        each_kind! { @of borrowed Borrowed, $($all)* $($semaphores)* }
        each_kind! { @of owned Owned, $($all)* $($semaphores)* }
        each_kind! { @of lock Lock, $($all)* }
        each_kind! { @of lock_owned LockOwned, $($all)* }
    };
    (semaphores: $($test:ident),* $(,)?) => {
        each_kind! { @of borrowed Borrowed, $($test)* }
        each_kind! { @of owned Owned, $($test)* }
    };
    (@of $module:ident $kind:ident, $($test:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test::<crate::common::kind::$kind>();
                }
            )*
        }
    };
}
pub(crate) use each_kind;
