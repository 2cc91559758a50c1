//! Everybody who takes part, behind one small trait, so that all do the same work.
//!
//! Every method is inlined by force: a call that only some contestants pay for would be the harness's
//! cost, not theirs.

mod async_lock;
mod asyncband;
mod bare;
mod embassy;
mod fairgate;
mod flag_bearer;
mod futures_intrusive;
mod futures_util;
mod maitake;
mod saa;
mod tokio;

use std::future::Future;
use std::sync::Arc;

pub use self::bare::Bare;

/// Where a contestant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The crate that this is about.
    Ours,
    /// What no semaphore can beat.
    Limit,
    /// Serves in the order of arrival.
    Fair,
    /// Lets a newcomer overtake those who wait.
    Barging,
    /// Blocks the thread; here for the sense of scale.
    Blocking,
}

/// Lets so many through at a time. Whoever drops what `acquire` gave lets the next one in.
///
/// A mutex is a gate of one; the owned forms are gates in an `Arc`.
pub trait Gate: Send + Sync + Sized + 'static {
    const NAME: &'static str;
    const KIND: Kind;

    fn new(permits: usize) -> Self;
    fn acquire(&self) -> impl Future<Output: Send> + Send;
}

/// A gate that can be asked for several permits at once.
pub trait Weighted: Gate {
    fn acquire_many(&self, n: usize) -> impl Future<Output: Send> + Send;
}

/// A gate that can be tried without waiting.
pub trait Try: Gate {
    fn try_acquire(&self) -> impl Sized;
}

/// Says how a contestant does it: name, kind, how to make one, how to acquire, and where it can do so
/// how to acquire many and how to try.
macro_rules! gate {
    ($gate:ty: $name:literal, $kind:ident;
     new($permits:ident) $new:expr;
     acquire($this:ident) $acquire:expr;
     $(acquire_many($these:ident, $n:ident) $many:expr;)?
     $(try_acquire($that:ident) $try:expr;)?) => {
        impl $crate::contestants::Gate for $gate {
            const NAME: &'static str = $name;
            const KIND: $crate::contestants::Kind = $crate::contestants::Kind::$kind;

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

        $(impl $crate::contestants::Weighted for $gate {
            #[inline(always)]
            fn acquire_many(&self, $n: usize) -> impl Future<Output: Send> + Send {
                let $these = self;
                $many
            }
        })?

        $(impl $crate::contestants::Try for $gate {
            #[inline(always)]
            fn try_acquire(&self) -> impl Sized {
                let $that = self;
                $try
            }
        })?
    };
}
use gate;

/// A mutex, made for the one permit it has.
fn one<M>(permits: usize, mutex: M) -> M {
    assert_eq!(permits, 1, "a mutex lets one through");
    mutex
}

pub type Ours = ::fairgate::Semaphore;
pub type Tokio = ::tokio::sync::Semaphore;
pub type AsyncLock = ::async_lock::Semaphore;
pub type FuturesIntrusive = self::futures_intrusive::Fair;
pub type Asyncband = ::asyncband::semaphore::Semaphore;
pub type Maitake = ::maitake_sync::Semaphore;
pub type Saa = self::saa::Semaphore;
pub type Embassy = self::embassy::Semaphore;
pub type FlagBearer = self::flag_bearer::Semaphore;

pub type BareOwned = Arc<Bare>;
pub type OursOwned = Arc<Ours>;
pub type TokioOwned = Arc<Tokio>;
pub type AsyncLockOwned = Arc<AsyncLock>;
pub type FuturesIntrusiveOwned = self::futures_intrusive::FairShared;
pub type AsyncbandOwned = Arc<Asyncband>;
pub type MaitakeOwned = Arc<Maitake>;

pub type OursMutex = ::fairgate::Mutex<()>;
pub type TokioMutex = ::tokio::sync::Mutex<()>;
pub type AsyncLockMutex = ::async_lock::Mutex<()>;
pub type FuturesIntrusiveMutex = self::futures_intrusive::FairMutex;
pub type FuturesUtilMutex = ::futures_util::lock::Mutex<()>;
pub type AsyncbandMutex = ::asyncband::mutex::Mutex<()>;
pub type MaitakeMutex = ::maitake_sync::Mutex<()>;
pub type SaaMutex = self::saa::Mutex;
pub type EmbassyMutex = self::embassy::Mutex;

pub type OursMutexOwned = Arc<OursMutex>;
pub type TokioMutexOwned = Arc<TokioMutex>;
pub type AsyncLockMutexOwned = Arc<AsyncLockMutex>;
pub type FuturesUtilMutexOwned = Arc<FuturesUtilMutex>;
pub type AsyncbandMutexOwned = Arc<AsyncbandMutex>;
pub type MaitakeMutexOwned = Arc<MaitakeMutex>;
