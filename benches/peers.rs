//! Every semaphore and mutex that is measured, behind one small trait, so that all of them do the same work.
//!
//! Every method is `#[inline(always)]`: a call that only some peers pay for would be a cost of the harness.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::semaphore::Semaphore as EmbassyAcquire;

/// How a peer orders its waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Fairgate,
    /// The least work that any semaphore has to do.
    Baseline,
    /// Grants in FIFO order.
    Fair,
    /// A later request may overtake a queued one.
    Barging,
}

pub trait Named {
    const NAME: &'static str;
    const KIND: Kind;
}

/// A semaphore, or a mutex as a semaphore of one permit. Dropping the output of `acquire` releases the permit.
pub trait Peer: Named + Send + Sync + Sized + 'static {
    fn new(permits: usize) -> Self;
    fn acquire(&self) -> impl Future<Output: Send> + Send;
}

/// A semaphore that grants several permits to one request.
pub trait AcquireMany: Peer {
    fn acquire_many(&self, n: usize) -> impl Future<Output: Send> + Send;
}

pub trait TryAcquire: Peer {
    fn try_acquire(&self) -> impl Sized;
}

pub trait AvailablePermits: Peer {
    fn available_permits(&self) -> usize;
}

/// A mutex that blocks the thread.
pub trait BlockingLock: Named + Default + Send + Sync + 'static {
    fn lock(&self) -> impl Sized;
}

macro_rules! named {
    ($($type:ty: $name:literal, $kind:ident;)+) => {
        $(impl Named for $type {
            const NAME: &'static str = $name;
            const KIND: Kind = Kind::$kind;
        })+
    };
}

/// Implements `Peer` for a type: its name, its kind, how to create it and how to acquire. The optional lines
/// implement the other traits.
macro_rules! peer {
    ($peer:ty: $name:literal, $kind:ident;
     new($permits:ident) $new:expr;
     acquire($this:ident) $acquire:expr;
     $(acquire_many($many_this:ident, $n:ident) $many:expr;)?
     $(try_acquire($try_this:ident) $try:expr;)?
     $(available_permits($available_this:ident) $available:expr;)?) => {
        named! { $peer: $name, $kind; }

        impl Peer for $peer {
            #[inline(always)]
            fn new($permits: usize) -> Self {
                $new
            }

            #[inline(always)]
            fn acquire(&self) -> impl Future<Output: Send> + Send {
                let $this = self;
                $acquire
            }
        }

        $(impl AcquireMany for $peer {
            #[inline(always)]
            fn acquire_many(&self, n: usize) -> impl Future<Output: Send> + Send {
                let ($many_this, $n) = (self, n);
                $many
            }
        })?

        $(impl TryAcquire for $peer {
            #[inline(always)]
            fn try_acquire(&self) -> impl Sized {
                let $try_this = self;
                $try
            }
        })?

        $(impl AvailablePermits for $peer {
            #[inline(always)]
            fn available_permits(&self) -> usize {
                let $available_this = self;
                $available
            }
        })?
    };
}

/// Implements `Peer` for a mutex, which has one permit.
macro_rules! mutex {
    ($peer:ty: $name:literal, $kind:ident; $new:expr; acquire($this:ident) $acquire:expr;) => {
        peer! { $peer: $name, $kind;
            new(permits) { assert_eq!(permits, 1, "a mutex has one permit"); $new };
            acquire($this) $acquire;
        }
    };
}

macro_rules! blocking_lock {
    ($($peer:ty: |$this:ident| $lock:expr;)+) => {
        $(impl BlockingLock for $peer {
            #[inline(always)]
            fn lock(&self) -> impl Sized {
                let $this = self;
                $lock
            }
        })+
    };
}

// fairgate

pub type Fairgate = fairgate::Semaphore;
pub type FairgateOwned = Arc<Fairgate>;
pub type FairgateMutex = fairgate::Mutex<()>;
pub type FairgateMutexOwned = Arc<FairgateMutex>;

peer! { Fairgate: "fairgate", Fairgate;
    new(permits) Fairgate::new(permits);
    acquire(this) this.acquire();
    acquire_many(this, n) this.acquire_many(n);
    try_acquire(this) this.try_acquire();
    available_permits(this) this.available_permits();
}
peer! { FairgateOwned: "fairgate", Fairgate;
    new(permits) Arc::new(Fairgate::new(permits));
    acquire(this) this.clone().acquire_owned();
}
mutex! { FairgateMutex: "fairgate", Fairgate; fairgate::Mutex::new(()); acquire(this) this.lock(); }
mutex! { FairgateMutexOwned: "fairgate", Fairgate;
    Arc::new(fairgate::Mutex::new(()));
    acquire(this) this.clone().lock_owned();
}

// The baseline: a counter, decreased by one compare-and-swap and increased by another. It has no queue, so it
// is measured only where a permit is available.

pub struct CasPair(AtomicUsize);
pub type CasPairOwned = Arc<CasPair>;

impl CasPair {
    #[inline(always)]
    fn take(&self, n: usize) -> bool {
        let permits = self.0.load(Ordering::Relaxed);
        let taken = permits.checked_sub(n);
        taken.is_some_and(|left| {
            self.0.compare_exchange(permits, left, Ordering::Acquire, Ordering::Relaxed).is_ok()
        })
    }

    #[inline(always)]
    fn release(&self, n: usize) {
        let mut permits = self.0.load(Ordering::Relaxed);
        let add =
            |permits, sum| self.0.compare_exchange(permits, sum, Ordering::Release, Ordering::Relaxed);
        while let Err(now) = add(permits, permits + n) {
            permits = now;
        }
    }

    #[inline(always)]
    fn wait(&self, n: usize) -> impl Future<Output = CasPermit<'_>> + Send {
        poll_fn(move |_| if self.take(n) { Poll::Ready(CasPermit(self, n)) } else { Poll::Pending })
    }
}

struct CasPermit<'a>(&'a CasPair, usize);

impl Drop for CasPermit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release(self.1);
    }
}

struct OwnedCasPermit(CasPairOwned);

impl Drop for OwnedCasPermit {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release(1);
    }
}

peer! { CasPair: "CAS pair", Baseline;
    new(permits) CasPair(AtomicUsize::new(permits));
    acquire(this) this.wait(1);
    acquire_many(this, n) this.wait(n);
    try_acquire(this) this.take(1).then(|| CasPermit(this, 1));
}
peer! { CasPairOwned: "CAS pair", Baseline;
    new(permits) Arc::new(CasPair::new(permits));
    acquire(this) {
        let mut handle = Some(this.clone());
        poll_fn(move |_| match handle.take_if(|pair| pair.take(1)) {
            Some(handle) => Poll::Ready(OwnedCasPermit(handle)),
            None => Poll::Pending,
        })
    };
}

// tokio

pub type Tokio = tokio::sync::Semaphore;
pub type TokioOwned = Arc<Tokio>;
pub type TokioMutex = tokio::sync::Mutex<()>;
pub type TokioMutexOwned = Arc<TokioMutex>;

peer! { Tokio: "tokio", Fair;
    new(permits) Tokio::new(permits);
    acquire(this) this.acquire();
    acquire_many(this, n) this.acquire_many(n as u32);
    try_acquire(this) this.try_acquire();
    available_permits(this) this.available_permits();
}
peer! { TokioOwned: "tokio", Fair;
    new(permits) Arc::new(Tokio::new(permits));
    acquire(this) this.clone().acquire_owned();
}
mutex! { TokioMutex: "tokio", Fair; tokio::sync::Mutex::new(()); acquire(this) this.lock(); }
mutex! { TokioMutexOwned: "tokio", Fair;
    Arc::new(tokio::sync::Mutex::new(()));
    acquire(this) this.clone().lock_owned();
}

// asyncband

pub type Asyncband = asyncband::semaphore::Semaphore;
pub type AsyncbandOwned = Arc<Asyncband>;
pub type AsyncbandMutex = asyncband::mutex::Mutex<()>;
pub type AsyncbandMutexOwned = Arc<AsyncbandMutex>;

peer! { Asyncband: "asyncband", Fair;
    new(permits) Asyncband::new(permits);
    acquire(this) this.acquire(1);
    acquire_many(this, n) this.acquire(n);
    try_acquire(this) this.try_acquire(1);
}
peer! { AsyncbandOwned: "asyncband", Fair;
    new(permits) Arc::new(Asyncband::new(permits));
    acquire(this) this.clone().acquire_owned(1);
}
mutex! { AsyncbandMutex: "asyncband", Fair; asyncband::mutex::Mutex::new(()); acquire(this) this.lock(); }
mutex! { AsyncbandMutexOwned: "asyncband", Fair;
    Arc::new(asyncband::mutex::Mutex::new(()));
    acquire(this) this.clone().lock_owned();
}

// maitake-sync

pub type Maitake = maitake_sync::Semaphore;
pub type MaitakeOwned = Arc<Maitake>;
pub type MaitakeMutex = maitake_sync::Mutex<()>;
pub type MaitakeMutexOwned = Arc<MaitakeMutex>;

peer! { Maitake: "maitake-sync", Fair;
    new(permits) Maitake::new(permits);
    acquire(this) this.acquire(1);
    acquire_many(this, n) this.acquire(n);
    try_acquire(this) this.try_acquire(1);
}
peer! { MaitakeOwned: "maitake-sync", Fair;
    new(permits) Arc::new(Maitake::new(permits));
    acquire(this) this.acquire_owned(1);
}
mutex! { MaitakeMutex: "maitake-sync", Fair; maitake_sync::Mutex::new(()); acquire(this) this.lock(); }
mutex! { MaitakeMutexOwned: "maitake-sync", Fair;
    Arc::new(maitake_sync::Mutex::new(()));
    acquire(this) this.clone().lock_owned();
}

// futures-intrusive, in its fair form.

const FAIR: bool = true;

pub type FuturesIntrusive = futures_intrusive::sync::Semaphore;
pub type FuturesIntrusiveOwned = futures_intrusive::sync::SharedSemaphore;
pub type FuturesIntrusiveMutex = futures_intrusive::sync::Mutex<()>;

peer! { FuturesIntrusive: "futures-intrusive", Fair;
    new(permits) FuturesIntrusive::new(FAIR, permits);
    acquire(this) this.acquire(1);
    acquire_many(this, n) this.acquire(n);
    try_acquire(this) this.try_acquire(1);
}
peer! { FuturesIntrusiveOwned: "futures-intrusive", Fair;
    new(permits) FuturesIntrusiveOwned::new(FAIR, permits);
    acquire(this) this.acquire(1);
}
mutex! { FuturesIntrusiveMutex: "futures-intrusive", Fair;
    futures_intrusive::sync::Mutex::new((), FAIR);
    acquire(this) this.lock();
}

// saa has no guards, so these types release as its users have to. Its semaphore counts up to 63 permits, and its
// futures block the thread in their first poll, so it is left out of every benchmark that polls without waiting.

pub struct Saa(saa::Semaphore);

struct SaaPermit<'a>(&'a saa::Semaphore, usize);

impl Drop for SaaPermit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release_many(self.1);
    }
}

peer! { Saa: "saa", Fair;
    new(permits) Saa(saa::Semaphore::with_permits(permits));
    acquire(this) async {
        this.0.acquire_async().await;
        SaaPermit(&this.0, 1)
    };
    acquire_many(this, n) async move {
        assert!(this.0.acquire_many_async(n).await);
        SaaPermit(&this.0, n)
    };
    try_acquire(this) this.0.try_acquire().then(|| SaaPermit(&this.0, 1));
}

pub struct SaaMutex(saa::Lock);

struct SaaGuard<'a>(&'a saa::Lock);

impl Drop for SaaGuard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release_lock();
    }
}

mutex! { SaaMutex: "saa", Fair;
    SaaMutex(saa::Lock::new());
    acquire(this) async {
        assert!(this.0.lock_async().await);
        SaaGuard(&this.0)
    };
}

// flag-bearer brings the queue; its user brings the count.

pub type FlagBearer = flag_bearer::Semaphore<Count>;

pub struct Count(usize);

impl flag_bearer::SemaphoreState for Count {
    type Params = usize;
    type Permit = usize;

    #[inline]
    fn acquire(&mut self, n: usize) -> Result<usize, usize> {
        self.0 = self.0.checked_sub(n).ok_or(n)?;
        Ok(n)
    }

    #[inline]
    fn release(&mut self, n: usize) {
        self.0 += n;
    }
}

peer! { FlagBearer: "flag-bearer", Fair;
    new(permits) flag_bearer::Builder::fifo().with_state(Count(permits));
    acquire(this) this.must_acquire(1);
    acquire_many(this, n) this.must_acquire(n);
    try_acquire(this) this.try_acquire(1).is_ok();
}

// embassy-sync is made for microcontrollers. Its queue is an array inside the semaphore, and its critical section is
// one lock for the whole process. Its mutex keeps one waker and is not fair.

pub const EMBASSY_MAX_WAITERS: usize = 1024;

pub type Embassy = embassy_sync::semaphore::FairSemaphore<CriticalSectionRawMutex, EMBASSY_MAX_WAITERS>;
pub type EmbassyMutex = embassy_sync::mutex::Mutex<CriticalSectionRawMutex, ()>;

peer! { Embassy: "embassy-sync", Fair;
    new(permits) Embassy::new(permits);
    acquire(this) EmbassyAcquire::acquire(this, 1);
    acquire_many(this, n) EmbassyAcquire::acquire(this, n);
    try_acquire(this) EmbassyAcquire::try_acquire(this, 1);
}
mutex! { EmbassyMutex: "embassy-sync", Barging; EmbassyMutex::new(()); acquire(this) this.lock(); }

// async-lock wakes the front of its queue, and a later request may take the permit first.

pub type AsyncLock = async_lock::Semaphore;
pub type AsyncLockOwned = Arc<AsyncLock>;
pub type AsyncLockMutex = async_lock::Mutex<()>;
pub type AsyncLockMutexOwned = Arc<AsyncLockMutex>;

peer! { AsyncLock: "async-lock", Barging;
    new(permits) AsyncLock::new(permits);
    acquire(this) this.acquire();
    try_acquire(this) this.try_acquire();
}
peer! { AsyncLockOwned: "async-lock", Barging;
    new(permits) Arc::new(AsyncLock::new(permits));
    acquire(this) this.acquire_arc();
}
mutex! { AsyncLockMutex: "async-lock", Barging; async_lock::Mutex::new(()); acquire(this) this.lock(); }
mutex! { AsyncLockMutexOwned: "async-lock", Barging;
    Arc::new(async_lock::Mutex::new(()));
    acquire(this) this.lock_arc();
}

// futures-util has a mutex and no semaphore.

pub type FuturesUtilMutex = futures_util::lock::Mutex<()>;
pub type FuturesUtilMutexOwned = Arc<FuturesUtilMutex>;

mutex! { FuturesUtilMutex: "futures-util", Barging; futures_util::lock::Mutex::new(()); acquire(this) this.lock(); }
mutex! { FuturesUtilMutexOwned: "futures-util", Barging;
    Arc::new(futures_util::lock::Mutex::new(()));
    acquire(this) this.clone().lock_owned();
}

// Mutexes that block the thread. `parking_lot::FairMutex` hands its lock to the front of its queue.

pub type StdMutex = std::sync::Mutex<()>;
pub type ParkingLotMutex = parking_lot::Mutex<()>;
pub type ParkingLotFairMutex = parking_lot::FairMutex<()>;

named! {
    ParkingLotFairMutex: "parking_lot fair", Fair;
    ParkingLotMutex: "parking_lot", Barging;
    StdMutex: "std", Barging;
}
blocking_lock! {
    FairgateMutex: |this| this.blocking_lock();
    TokioMutex: |this| this.blocking_lock();
    ParkingLotFairMutex: |this| this.lock();
    ParkingLotMutex: |this| this.lock();
    StdMutex: |this| this.lock().unwrap();
}
