//! What may cross threads, be moved while pinned, or be seen after a panic: for every public type, what it may and what
//! it may not (P15). And how large they are. The compiler checks all of it; what it refuses beside this, lifetimes and
//! variance, stands in `refused.md`.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard as StdGuard};

use fairgate::{
    Acquire, AcquireError, AcquireFrom, AcquireOwned, AcquireUpTo, BoundedAcquire, BoundedAcquireError,
    Elapsed, Guard, Lock, LockFrom, LockOwned, MappedGuard, MappedMutexGuard, Mutex, MutexGuard,
    OwnedMappedMutexGuard, OwnedMutexGuard, OwnedSemaphorePermit, Permit, PollSemaphore, Semaphore,
    SemaphorePermit, TryAcquireError, TryLockError, WithTimeout,
};

/// Whether a type has a trait, for the compiler to say: the inherent constant, if its bound holds, goes before the
/// one of the trait.
macro_rules! has {
    ($type:ty: $bound:path) => {{
        #[allow(dead_code, reason = "one of the two answers")]
        trait No {
            const YES: bool = false;
        }
        impl<T: ?Sized> No for T {}
        struct Asked<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "one of the two answers")]
        impl<T: ?Sized + $bound> Asked<T> {
            const YES: bool = true;
        }
        <Asked<$type>>::YES
    }};
}

/// Rows of a type and its four answers, a dash for no. A wrong one does not compile.
macro_rules! table {
    ($($type:ty: $send:tt $sync:tt $unpin:tt $unwind:tt;)*) => { $(
        const _: () = {
            assert!(has!($type: Send) == said!($send), concat!(stringify!($type), ": Send"));
            assert!(has!($type: Sync) == said!($sync), concat!(stringify!($type), ": Sync"));
            assert!(has!($type: Unpin) == said!($unpin), concat!(stringify!($type), ": Unpin"));
            assert!(has!($type: UnwindSafe) == said!($unwind), concat!(stringify!($type), ": UnwindSafe"));
        };
    )* };
}

macro_rules! said {
    (-) => {
        false
    };
    ($yes:tt) => {
        true
    };
}

// Values for a mutex. (A guard of std's may be looked at by another thread but has to be dropped where it was made.)
type Both = u8;
type SendOnly = Cell<u8>;
type SyncOnly = StdGuard<'static, u8>;
type Neither = Rc<u8>;

type Borrowed = &'static Semaphore;
type Shared = Arc<Semaphore>;
type Local = Rc<Semaphore>;

table! {
    // The semaphore, its permits and its futures, which never move once pinned.
    Semaphore:                                 Send Sync Unpin UnwindSafe;
    SemaphorePermit<'static>:                  Send Sync Unpin UnwindSafe;
    OwnedSemaphorePermit:                      Send Sync Unpin UnwindSafe;
    Permit<Local>:                             -    -    Unpin UnwindSafe;
    Acquire<'static>:                          Send Sync -     -;
    AcquireOwned:                              Send Sync -     -;
    AcquireFrom<Local>:                          -    -    -     -;
    BoundedAcquire<Borrowed>:                Send Sync -     -;
    BoundedAcquire<Shared>:                  Send Sync -     -;
    BoundedAcquire<Local>:                   -    -    -     -;
    AcquireUpTo<Borrowed>:                 Send Sync -     -;
    AcquireUpTo<Shared>:                   Send Sync -     -;
    AcquireUpTo<Local>:                    -    -    -     -;
    PollSemaphore:                             Send Sync Unpin -;

    // A mutex passes its value from thread to thread, one at a time: whoever shares it needs to send it.
    Mutex<Both>:                               Send Sync Unpin UnwindSafe;
    Mutex<SendOnly>:                           Send Sync Unpin UnwindSafe;
    Mutex<SyncOnly>:                           -    -    Unpin UnwindSafe;
    Mutex<Neither>:                            -    -    Unpin UnwindSafe;
    Lock<'static, Both>:                       Send Sync -     -;
    Lock<'static, SendOnly>:                   Send Sync -     -;
    Lock<'static, SyncOnly>:                   -    -    -     -;
    Lock<'static, Neither>:                    -    -    -     -;
    LockOwned<Both>:                           Send Sync -     -;
    LockOwned<SendOnly>:                       Send Sync -     -;
    LockOwned<SyncOnly>:                       -    -    -     -;
    LockOwned<Neither>:                        -    -    -     -;
    LockFrom<Rc<Mutex<Both>>>:                  -    -    -     -;

    // A guard is sent as its value is, and shared as its value is; since it leads back to its mutex, whoever
    // shares it also needs to send the value.
    MutexGuard<'static, Both>:                 Send Sync Unpin -;
    MutexGuard<'static, SendOnly>:             Send -    Unpin -;
    MutexGuard<'static, SyncOnly>:             -    -    Unpin -;
    MutexGuard<'static, Neither>:              -    -    Unpin -;
    OwnedMutexGuard<Both>:                     Send Sync Unpin -;
    OwnedMutexGuard<SendOnly>:                 Send -    Unpin -;
    OwnedMutexGuard<SyncOnly>:                 -    -    Unpin -;
    OwnedMutexGuard<Neither>:                  -    -    Unpin -;
    Guard<Rc<Mutex<Both>>>:                    -    -    Unpin -;

    // A part of a borrowed value knows nothing of the whole.
    MappedMutexGuard<'static, Both>:           Send Sync Unpin UnwindSafe;
    MappedMutexGuard<'static, SendOnly>:       Send -    Unpin -;
    MappedMutexGuard<'static, SyncOnly>:       -    Sync Unpin UnwindSafe;
    MappedMutexGuard<'static, Neither>:        -    -    Unpin UnwindSafe;

    // A part of a shared value can be the last to keep the whole, and drop it.
    OwnedMappedMutexGuard<Both, Both>:         Send Sync Unpin -;
    OwnedMappedMutexGuard<Both, SendOnly>:     Send -    Unpin -;
    OwnedMappedMutexGuard<Both, SyncOnly>:     -    Sync Unpin -;
    OwnedMappedMutexGuard<Both, Neither>:      -    -    Unpin -;
    OwnedMappedMutexGuard<SendOnly, Both>:     Send -    Unpin -;
    OwnedMappedMutexGuard<SyncOnly, Both>:     -    -    Unpin -;
    OwnedMappedMutexGuard<Neither, Both>:      -    -    Unpin -;
    MappedGuard<Rc<Mutex<Both>>, Both>:        -    -    Unpin -;

    // The adapter is what its parts are.
    WithTimeout<Both, Both>:                   Send Sync Unpin UnwindSafe;
    WithTimeout<Acquire<'static>, Both>:       Send Sync -     -;
    WithTimeout<Both, Neither>:                -    -    Unpin UnwindSafe;

    AcquireError:                              Send Sync Unpin UnwindSafe;
    TryAcquireError:                           Send Sync Unpin UnwindSafe;
    BoundedAcquireError:                       Send Sync Unpin UnwindSafe;
    TryLockError:                              Send Sync Unpin UnwindSafe;
    Elapsed:                                   Send Sync Unpin UnwindSafe;
}

// A semaphore may be looked at after a panic: its line is never left half edited.
const _: () = assert!(has!(Semaphore: RefUnwindSafe));

/// That the question can be answered with yes and with no.
#[test]
fn the_table_tells_yes_from_no() {
    assert!(has!(u8: Send) && has!(Cell<u8>: Send) && has!(str: Sync));
    assert!(!has!(Rc<u8>: Send) && !has!(Cell<u8>: Sync) && !has!(std::marker::PhantomPinned: Unpin));
    assert!(!has!(&'static mut u8: UnwindSafe) && !has!(RefCell<u8>: RefUnwindSafe));
}

/// At most so many bytes, on 64 bits.
macro_rules! sizes {
    ($($type:ty: $bytes:literal;)*) => { $(
        #[cfg(target_pointer_width = "64")]
        const _: () = assert!(size_of::<$type>() <= $bytes, stringify!($type));
    )* };
}

sizes! {
    Semaphore:                               16;
    Mutex<()>:                               16;
    Acquire<'static>:                        56;
    AcquireOwned:                            56;
    BoundedAcquire<Borrowed>:              64;
    AcquireUpTo<Borrowed>:               64;
    Lock<'static, ()>:                       56;
    LockOwned<()>:                           56;
    SemaphorePermit<'static>:                16;
    OwnedSemaphorePermit:                    16;
    Option<SemaphorePermit<'static>>:        16;
    MutexGuard<'static, ()>:                  8;
    OwnedMutexGuard<()>:                      8;
    Option<MutexGuard<'static, ()>>:          8;
    MappedMutexGuard<'static, ()>:           16;
    OwnedMappedMutexGuard<(), ()>:           24;
    PollSemaphore:                           16;
    AcquireError:                             0;
    TryAcquireError:                          1;
    Elapsed:                                  0;
}
