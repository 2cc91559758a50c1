//! The auto traits of every public type, those it implements and those it does not (P15), and the sizes. The
//! compiler checks all of it. Lifetimes and variance are tested in `refused.md`.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::MutexGuard as StdGuard;

use fairgate::futures::{Acquire, AcquireOwned, Lock, LockOwned, WithTimeout};
use fairgate::{
    AcquireError, Elapsed, Guard, MappedGuard, MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard,
    OwnedMutexGuard, OwnedSemaphorePermit, Permit, PollSemaphore, Semaphore, SemaphorePermit,
    TryAcquireError, TryLockError,
};

/// Whether a type implements a trait, as a constant: if the bound holds, the inherent constant shadows the one
/// of the trait.
macro_rules! has {
    ($type:ty: $bound:path) => {{
        #[allow(dead_code, reason = "one of the two is unused")]
        trait Fallback {
            const HOLDS: bool = false;
        }
        impl<T: ?Sized> Fallback for T {}
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "one of the two is unused")]
        impl<T: ?Sized + $bound> Probe<T> {
            const HOLDS: bool = true;
        }
        <Probe<$type>>::HOLDS
    }};
}

/// Rows of a type and four traits, with a dash for a trait that it does not implement. A wrong row does not
/// compile.
macro_rules! table {
    ($($type:ty: $send:tt $sync:tt $unpin:tt $unwind:tt;)*) => { $(
        const _: () = {
            assert!(has!($type: Send) == expected!($send), concat!(stringify!($type), ": Send"));
            assert!(has!($type: Sync) == expected!($sync), concat!(stringify!($type), ": Sync"));
            assert!(has!($type: Unpin) == expected!($unpin), concat!(stringify!($type), ": Unpin"));
            assert!(has!($type: UnwindSafe) == expected!($unwind), concat!(stringify!($type), ": UnwindSafe"));
        };
    )* };
}

macro_rules! expected {
    (-) => {
        false
    };
    ($yes:tt) => {
        true
    };
}

// Values of a mutex. A guard of std may be shared with another thread and must be dropped where it was created.
type SendSync = u8;
type SendOnly = Cell<u8>;
type SyncOnly = StdGuard<'static, u8>;
type NotSendNotSync = Rc<u8>;

type RefHandle = &'static Semaphore;
type RcHandle = Rc<Semaphore>;
type LockRef<T> = Lock<&'static Mutex<T>>;

table! {
    // The semaphore, its permits and its futures. The futures must not move once they are pinned.
    Semaphore:                                       Send Sync Unpin UnwindSafe;
    SemaphorePermit<'static>:                        Send Sync Unpin UnwindSafe;
    OwnedSemaphorePermit:                            Send Sync Unpin UnwindSafe;
    Permit<RcHandle>:                                -    -    Unpin UnwindSafe;
    Acquire<RefHandle>:                              Send Sync -     -;
    AcquireOwned:                                    Send Sync -     -;
    Acquire<RcHandle>:                               -    -    -     -;
    PollSemaphore:                                   Send Sync Unpin -;

    // A mutex moves its value from thread to thread, so it is `Sync` if the value is `Send`.
    Mutex<SendSync>:                                 Send Sync Unpin UnwindSafe;
    Mutex<SendOnly>:                                 Send Sync Unpin UnwindSafe;
    Mutex<SyncOnly>:                                 -    -    Unpin UnwindSafe;
    Mutex<NotSendNotSync>:                           -    -    Unpin UnwindSafe;
    LockRef<SendSync>:                               Send Sync -     -;
    LockRef<SendOnly>:                               Send Sync -     -;
    LockRef<SyncOnly>:                               -    -    -     -;
    LockRef<NotSendNotSync>:                         -    -    -     -;
    LockOwned<SendSync>:                             Send Sync -     -;
    LockOwned<SendOnly>:                             Send Sync -     -;
    LockOwned<SyncOnly>:                             -    -    -     -;
    LockOwned<NotSendNotSync>:                       -    -    -     -;
    Lock<Rc<Mutex<SendSync>>>:                       -    -    -     -;

    // A guard is `Send` and `Sync` as its value is. It returns its mutex, so `Sync` requires a value that is
    // also `Send`.
    MutexGuard<'static, SendSync>:                   Send Sync Unpin -;
    MutexGuard<'static, SendOnly>:                   Send -    Unpin -;
    MutexGuard<'static, SyncOnly>:                   -    -    Unpin -;
    MutexGuard<'static, NotSendNotSync>:             -    -    Unpin -;
    OwnedMutexGuard<SendSync>:                       Send Sync Unpin -;
    OwnedMutexGuard<SendOnly>:                       Send -    Unpin -;
    OwnedMutexGuard<SyncOnly>:                       -    -    Unpin -;
    OwnedMutexGuard<NotSendNotSync>:                 -    -    Unpin -;
    Guard<Rc<Mutex<SendSync>>>:                      -    -    Unpin -;

    // A borrowed mapped guard does not know the whole value.
    MappedMutexGuard<'static, SendSync>:             Send Sync Unpin UnwindSafe;
    MappedMutexGuard<'static, SendOnly>:             Send -    Unpin -;
    MappedMutexGuard<'static, SyncOnly>:             -    Sync Unpin UnwindSafe;
    MappedMutexGuard<'static, NotSendNotSync>:       -    -    Unpin UnwindSafe;

    // An owned mapped guard can be the last handle and drop the whole value.
    OwnedMappedMutexGuard<SendSync, SendSync>:       Send Sync Unpin -;
    OwnedMappedMutexGuard<SendSync, SendOnly>:       Send -    Unpin -;
    OwnedMappedMutexGuard<SendSync, SyncOnly>:       -    Sync Unpin -;
    OwnedMappedMutexGuard<SendSync, NotSendNotSync>: -    -    Unpin -;
    OwnedMappedMutexGuard<SendOnly, SendSync>:       Send -    Unpin -;
    OwnedMappedMutexGuard<SyncOnly, SendSync>:       -    -    Unpin -;
    OwnedMappedMutexGuard<NotSendNotSync, SendSync>: -    -    Unpin -;
    MappedGuard<Rc<Mutex<SendSync>>, SendSync>:      -    -    Unpin -;

    // The adapter has the traits of its parts.
    WithTimeout<SendSync, SendSync>:                 Send Sync Unpin UnwindSafe;
    WithTimeout<Acquire<RefHandle>, SendSync>:       Send Sync -     -;
    WithTimeout<SendSync, NotSendNotSync>:           -    -    Unpin UnwindSafe;

    AcquireError:                                    Send Sync Unpin UnwindSafe;
    TryAcquireError:                                 Send Sync Unpin UnwindSafe;
    TryLockError:                                    Send Sync Unpin UnwindSafe;
    Elapsed:                                         Send Sync Unpin UnwindSafe;
}

// A panic never leaves the queue half edited.
const _: () = assert!(has!(Semaphore: RefUnwindSafe));

/// The macro answers yes and no.
#[test]
fn the_table_detects_both_answers() {
    assert!(has!(u8: Send) && has!(Cell<u8>: Send) && has!(str: Sync));
    assert!(!has!(Rc<u8>: Send) && !has!(Cell<u8>: Sync) && !has!(std::marker::PhantomPinned: Unpin));
    assert!(!has!(&'static mut u8: UnwindSafe) && !has!(RefCell<u8>: RefUnwindSafe));
}

/// The size in bytes on 64-bit targets.
macro_rules! sizes {
    ($($type:ty: $bytes:literal;)*) => { $(
        #[cfg(target_pointer_width = "64")]
        const _: () = assert!(size_of::<$type>() == $bytes, stringify!($type));
    )* };
}

sizes! {
    Semaphore:                         32;
    Mutex<()>:                         32;
    Mutex<u64>:                        40;
    Acquire<RefHandle>:                56;
    AcquireOwned:                      56;
    Acquire<RcHandle>:                 56;
    LockRef<()>:                       56;
    LockOwned<()>:                     56;
    Lock<Rc<Mutex<()>>>:               56;
    WithTimeout<Acquire<RefHandle>, ()>: 64;
    SemaphorePermit<'static>:          16;
    OwnedSemaphorePermit:              16;
    Permit<RcHandle>:                  16;
    Option<SemaphorePermit<'static>>:  16;
    MutexGuard<'static, ()>:           8;
    OwnedMutexGuard<()>:               8;
    Guard<Rc<Mutex<()>>>:              8;
    Option<MutexGuard<'static, ()>>:   8;
    MappedMutexGuard<'static, ()>:     16;
    OwnedMappedMutexGuard<(), ()>:     24;
    MappedGuard<Rc<Mutex<()>>, ()>:    24;
    PollSemaphore:                     16;
    AcquireError:                      1;
    TryAcquireError:                   1;
    TryLockError:                      0;
    Elapsed:                           0;
}

/// A future that holds a guard of a value with a trait object in it. (With the value's type as a second parameter of the
/// guard, the compiler could not prove this future to be Send.)
#[test]
fn a_future_that_holds_a_guard_of_trait_objects_is_send() {
    type Task = Box<dyn FnOnce(&str) + Send>;

    async fn push(tasks: &Mutex<Vec<Task>>, task: Task) {
        let mut tasks = tasks.lock().await;
        std::future::ready(()).await;
        tasks.push(task);
    }
    fn require_send<T: Send>(value: T) -> T {
        value
    }
    let tasks = Mutex::new(Vec::new());
    futures_lite::future::block_on(require_send(push(&tasks, Box::new(|_| ()))));
    assert_eq!(tasks.into_inner().len(), 1);
}
