//! Which operation makes a write visible to which observation: all pairs, and either result is asserted. An ordering
//! that was never in the sources cannot be weakened; here it shows as a cell that is not the promised one.
//!
//! One thread writes, and then calls an operation. The other thread calls a method and concludes from its result that
//! the operation was called. Then it reads. Loom shows if it can read the old value.
//!
//! The write and the read are Relaxed accesses to an atomic. Loom lets the read miss the write exactly if no ordering
//! of the crate makes the write happen before the read. So a pair without visibility is found without a failing execution.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use fairgate_loom::futures::AcquireOwned;
use fairgate_loom::{AcquireError, Mutex, OwnedMutexGuard, Permit, Semaphore, TryAcquireError};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::check::explore;
use crate::request::Request;

/// The expected matrix of the semaphore. A column is an operation of the writing thread, and a row is what the other
/// thread concludes from.
///
/// * `P` The write is visible, and the docs of `Semaphore` promise it.
/// * `v` The write is visible, but nothing promises it.
/// * `s` The read may return the old value. The docs promise nothing.
/// * `.` The result does not tell that the operation was called.
#[rustfmt::skip]
const SEMAPHORE: &str = "
                           release add hold_and_release cancel_a_grant cancel_a_request close close_a_queue try_acquire poll forget reduce reduce_below_0 enqueue raise_limit lower_limit forget_held
    try_acquire            P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    try_acquire_up_to      P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    poll                   P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    poll_up_to             P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    poll_bounded           P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    try_all                P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    poll_all               P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    blocking_acquire       P       P   P                v              v                .     .             .           .    .      .      .              .       P           .           .
    poll_again             P       P   .                v              v                .     .             .           .    .      .      .              .       P           .           .
    poll_with_new_waker    P       P   .                v              v                .     .             .           .    .      .      .              .       P           .           .
    all_again              P       .   .                v              v                .     .             .           .    .      .      .              .       .           .           v
    is_granted             P       P   .                v              v                .     .             .           .    .      .      .              .       P           .           .
    debug_request_granted  v       v   .                v              v                .     .             .           .    .      .      .              .       v           .           .
    forget                 P       P   P                v              .                .     .             .           .    .      .      .              .       P           .           .
    reduce                 P       P   P                v              .                .     .             .           .    .      .      .              .       P           .           .
    available              P       P   .                v              .                .     .             .           .    .      .      .              .       P           .           .
    nothing_owed           P       P   .                v              .                .     .             .           .    .      .      .              .       P           .           .
    debug_available        v       v   .                v              .                .     .             .           .    .      .      .              .       v           .           .
    no_permits_to_try      .       .   .                .              .                .     .             s           s    s      s      .              s       .           s           .
    poll_pending           .       .   .                .              .                .     .             s           s    s      s      .              v       .           s           .
    queue_full             .       .   .                .              .                .     .             s           s    s      s      .              s       .           s           .
    none_available         .       .   .                .              .                .     .             s           s    s      s      .              .       .           s           .
    limit_grows            .       v   .                .              .                .     .             .           .    .      .      .              .       v           .           .
    limit_shrinks          .       .   .                .              .                .     .             .           .    v      v      .              .       .           v           v
    none_held              v       .   .                v              .                .     .             .           .    .      .      .              .       .           .           v
    nothing_to_forget      .       .   .                .              .                .     .             s           s    s      s      .              .       .           s           .
    owed                   .       .   .                .              .                .     .             .           .    .      .      s              .       .           .           .
    is_closed              .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    try_closed             .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    poll_closed            .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    poll_of_0_closed       .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    bounded_closed         .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    blocking_closed        .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    poll_again_closed      .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    new_waker_closed       .       .   .                .              .                P     P             .           .    .      .      .              .       .           .           .
    debug_request_closed   .       .   .                .              .                v     v             .           .    .      .      .              .       .           .           .
    debug_closed           .       .   .                .              .                v     v             .           .    .      .      .              .       .           .           .
";

/// The expected matrix of the mutex.
const MUTEX: &str = "
                    unlock unlock_part lock cancel_a_granted_lock
    try_lock        P      P           .    v
    poll            P      P           .    v
    blocking_lock   P      P           .    v
    poll_again      P      P           .    v
    is_granted      P      P           .    v
    debug_data      P      P           .    v
    try_lock_fails  .      .           s    .
    debug_locked    .      .           s    .
";

/// What a thread keeps until the write has been looked for.
type Kept = Option<Box<dyn Any>>;
/// Called by the writing thread. Its argument writes.
type Operation = Box<dyn FnOnce(&dyn Fn()) -> Kept>;
/// Called by the other thread. Returns `None` if the result does not tell that the operation was called.
type Observation = Box<dyn FnOnce() -> Kept>;

struct Publisher<T> {
    name: &'static str,
    /// Sets up a semaphore or mutex, and the operation.
    start: fn() -> (Arc<T>, Operation),
    /// Whether a blocked thread continues after the operation.
    unblocks: bool,
    /// The operation takes the permit and releases it. An observer that takes the permit may do so before or after it,
    /// and only executions in which it did so after it count.
    is_round_trip: bool,
}

struct Observer<T> {
    name: &'static str,
    /// Sets up the observation, for what the publisher has set up. `None` if that is not possible.
    start: fn(&Arc<T>) -> Option<Observation>,
    blocks: bool,
    /// The observer holds the only permit afterwards, or has taken it away.
    takes: bool,
}

const fn publisher<T>(name: &'static str, start: fn() -> (Arc<T>, Operation)) -> Publisher<T> {
    Publisher { name, start, unblocks: false, is_round_trip: false }
}

const fn observer<T>(name: &'static str, start: fn(&Arc<T>) -> Option<Observation>) -> Observer<T> {
    Observer { name, start, blocks: false, takes: false }
}

impl<T> Publisher<T> {
    const fn unblocks(mut self) -> Self {
        self.unblocks = true;
        self
    }

    const fn round_trip(mut self) -> Self {
        self.is_round_trip = true;
        self
    }
}

/// An observer that takes the permit.
const fn taker<T>(name: &'static str, start: fn(&Arc<T>) -> Option<Observation>) -> Observer<T> {
    Observer { name, start, blocks: false, takes: true }
}

/// An observer that blocks until it can take the permit.
const fn blocking_taker<T>(name: &'static str, start: fn(&Arc<T>) -> Option<Observation>) -> Observer<T> {
    Observer { name, start, blocks: true, takes: true }
}

/// An observer that blocks.
const fn blocking_observer<T>(
    name: &'static str,
    start: fn(&Arc<T>) -> Option<Observation>,
) -> Observer<T> {
    Observer { name, start, blocks: true, takes: false }
}

fn keep(value: impl Any) -> Kept {
    Some(Box::new(value))
}

/// A semaphore with this many permits, and an operation on it.
fn operation(
    permits: usize,
    act: impl FnOnce(&Arc<Semaphore>, &dyn Fn()) -> Kept + 'static,
) -> (Arc<Semaphore>, Operation) {
    let semaphore = Arc::new(Semaphore::new(permits));
    let shared = Arc::clone(&semaphore);
    (semaphore, Box::new(move |write| act(&shared, write)))
}

/// An operation that writes, and then drops something that belongs to the semaphore.
fn drop_of<T>(shared: Arc<T>, dropped: impl Any) -> (Arc<T>, Operation) {
    let act = move |write: &dyn Fn()| {
        write();
        drop(dropped);
        None
    };
    (shared, Box::new(act))
}

/// An observation of a semaphore or mutex.
fn observe<T: 'static>(
    shared: &Arc<T>,
    look: impl FnOnce(&Arc<T>) -> Kept + 'static,
) -> Option<Observation> {
    let shared = Arc::clone(shared);
    Some(Box::new(move || look(&shared)))
}

/// An observation that keeps nothing.
fn observe_if<T: 'static>(
    shared: &Arc<T>,
    look: impl FnOnce(&Arc<T>) -> bool + 'static,
) -> Option<Observation> {
    observe(shared, move |shared| if look(shared) { keep(()) } else { None })
}

/// An observation of a request that is queued already.
fn observe_queued(
    semaphore: &Arc<Semaphore>,
    look: impl FnOnce(Request<AcquireOwned>) -> Kept + 'static,
) -> Option<Observation> {
    let request = Request::poll_once(acquire(semaphore, 1)).into_ready().err()?;
    Some(Box::new(move || look(request)))
}

fn acquire(semaphore: &Arc<Semaphore>, permits: usize) -> AcquireOwned {
    semaphore.clone().acquire_many_owned(permits)
}

/// Polls a new future once; the output if it is ready.
fn poll<F: Future>(future: F) -> Option<F::Output> {
    Request::poll_once(future).into_ready().ok()
}

fn granted<T: Any, E>(result: Option<Result<T, E>>) -> Kept {
    keep(result?.ok()?)
}

fn failed<T, E>(result: Option<Result<T, E>>, expected: fn(&E) -> bool) -> Kept {
    result?.err().filter(expected).and_then(|_| keep(()))
}

fn closed<T>(result: Option<Result<T, AcquireError>>) -> Kept {
    failed(result, AcquireError::is_closed)
}

const PUBLISHERS: &[Publisher<Semaphore>] = &[
    publisher("release", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        drop_of(semaphore, permit)
    })
    .unblocks(),
    publisher("add", || {
        operation(0, |semaphore, write| {
            write();
            semaphore.add_permits(1);
            None
        })
    })
    .unblocks(),
    publisher("hold_and_release", || {
        operation(1, |semaphore, write| {
            if let Ok(permit) = semaphore.try_acquire() {
                write();
                drop(permit);
            }
            None
        })
    })
    .unblocks()
    .round_trip(),
    publisher("cancel_a_grant", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(acquire(&semaphore, 1));
        semaphore.add_permits(1);
        drop_of(semaphore, request)
    })
    .unblocks(),
    publisher("cancel_a_request", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let request = Request::pending(acquire(&semaphore, 2));
        drop_of(semaphore, request)
    })
    .unblocks(),
    publisher("close", || {
        operation(0, |semaphore, write| {
            write();
            semaphore.close();
            None
        })
    })
    .unblocks(),
    publisher("close_a_queue", || {
        let semaphore = Arc::new(Semaphore::new(0));
        let request = Request::pending(acquire(&semaphore, 1));
        let shared = Arc::clone(&semaphore);
        let close = move |write: &dyn Fn()| {
            write();
            shared.close();
            keep(request)
        };
        (semaphore, Box::new(close))
    })
    .unblocks(),
    publisher("try_acquire", || {
        operation(1, |semaphore, write| {
            write();
            granted(Some(semaphore.clone().try_acquire_owned()))
        })
    }),
    publisher("poll", || {
        operation(1, |semaphore, write| {
            write();
            granted(poll(acquire(semaphore, 1)))
        })
    }),
    publisher("forget", || {
        operation(1, |semaphore, write| {
            write();
            semaphore.forget_permits(1);
            None
        })
    }),
    publisher("reduce", || {
        operation(1, |semaphore, write| {
            write();
            semaphore.reduce_permits(1);
            None
        })
    }),
    publisher("reduce_below_0", || {
        operation(0, |semaphore, write| {
            write();
            semaphore.reduce_permits(1);
            None
        })
    }),
    publisher("raise_limit", || {
        operation(0, |semaphore, write| {
            write();
            semaphore.set_limit(1);
            None
        })
    })
    .unblocks(),
    publisher("lower_limit", || {
        operation(1, |semaphore, write| {
            write();
            semaphore.set_limit(0);
            None
        })
    }),
    publisher("forget_held", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().try_acquire_owned().unwrap();
        let forget = |write: &dyn Fn()| {
            write();
            permit.forget();
            None
        };
        (semaphore, Box::new(forget))
    }),
    publisher("enqueue", || {
        operation(1, |semaphore, write| {
            write();
            keep(Request::pending(acquire(semaphore, 2)))
        })
    }),
];

const OBSERVERS: &[Observer<Semaphore>] = &[
    taker("try_acquire", |semaphore| {
        observe(semaphore, |semaphore| granted(Some(semaphore.clone().try_acquire_owned())))
    }),
    taker("try_acquire_up_to", |semaphore| {
        observe(semaphore, |semaphore| {
            let taken = semaphore.acquire().up_to(2).try_wait().map(Permit::forget);
            let shared = Arc::clone(semaphore);
            taken.ok().and_then(|()| keep(AddLater(shared)))
        })
    }),
    taker("poll", |semaphore| observe(semaphore, |semaphore| granted(poll(acquire(semaphore, 1))))),
    taker("poll_up_to", |semaphore| {
        observe(semaphore, |semaphore| granted(poll(acquire(semaphore, 1).up_to(2))))
    }),
    taker("poll_bounded", |semaphore| {
        observe(semaphore, |semaphore| granted(poll(acquire(semaphore, 1).max_waiters(0))))
    }),
    taker("try_all", |semaphore| {
        observe(semaphore, |semaphore| {
            let all = semaphore.clone().acquire_all_owned().try_wait().ok()?;
            if all.num_permits() == 1 { keep(all) } else { None }
        })
    }),
    taker("poll_all", |semaphore| {
        observe(semaphore, |semaphore| {
            let all = poll(semaphore.clone().acquire_all_owned())?.ok()?;
            if all.num_permits() == 1 { keep(all) } else { None }
        })
    }),
    observer("all_again", |semaphore| {
        let request = Request::poll_once(semaphore.clone().acquire_all_owned()).into_ready().err()?;
        Some(Box::new(move || granted(request.poll_again().into_ready().ok())))
    }),
    blocking_taker("blocking_acquire", |semaphore| {
        observe(semaphore, |semaphore| granted(Some(semaphore.clone().blocking_acquire_owned())))
    }),
    observer("poll_again", |semaphore| {
        observe_queued(semaphore, |request| granted(request.poll_again().into_ready().ok()))
    }),
    observer("poll_with_new_waker", |semaphore| {
        observe_queued(semaphore, |request| granted(request.poll_from_new_task().into_ready().ok()))
    }),
    observer("is_granted", |semaphore| {
        observe_queued(
            semaphore,
            |request| if request.future().is_granted() { keep(request) } else { None },
        )
    }),
    observer("debug_request_granted", |semaphore| {
        observe_queued(semaphore, |request| {
            if format!("{:?}", request.future()).contains("Granted") { keep(request) } else { None }
        })
    }),
    taker("forget", |semaphore| {
        observe(semaphore, |semaphore| match semaphore.forget_permits(1) {
            0 => None,
            _ => keep(AddLater(semaphore.clone())),
        })
    }),
    taker("reduce", |semaphore| {
        observe(semaphore, |semaphore| {
            semaphore.reduce_permits(1);
            let paid_back = AddLater(semaphore.clone());
            if semaphore.owed() == 0 { keep(paid_back) } else { None }
        })
    }),
    observer("available", |semaphore| {
        observe_if(semaphore, |semaphore| semaphore.available_permits() == 1)
    }),
    observer("nothing_owed", |semaphore| {
        semaphore.reduce_permits(1);
        observe_if(semaphore, |semaphore| semaphore.owed() == 0)
    }),
    observer("debug_available", |semaphore| {
        observe_if(semaphore, |semaphore| format!("{semaphore:?}").contains("permits: 1"))
    }),
    observer("no_permits_to_try", |semaphore| {
        observe(semaphore, |semaphore| {
            failed(Some(semaphore.try_acquire()), |error| *error == TryAcquireError::NoPermits)
        })
    }),
    observer("poll_pending", |semaphore| {
        observe(semaphore, |semaphore| {
            Request::poll_once(acquire(semaphore, 1)).into_ready().err().and_then(keep)
        })
    }),
    observer("queue_full", |semaphore| {
        observe(semaphore, |semaphore| {
            failed(poll(acquire(semaphore, 1).max_waiters(0)), AcquireError::is_full)
        })
    }),
    observer("none_available", |semaphore| {
        observe_if(semaphore, |semaphore| semaphore.available_permits() == 0)
    }),
    observer("limit_grows", |semaphore| {
        let before = semaphore.limit();
        observe_if(semaphore, move |semaphore| semaphore.limit() > before)
    }),
    observer("limit_shrinks", |semaphore| {
        let before = semaphore.limit();
        observe_if(semaphore, move |semaphore| semaphore.limit() < before)
    }),
    observer("none_held", |semaphore| {
        if semaphore.held() == 0 {
            return None;
        }
        observe_if(semaphore, |semaphore| semaphore.held() == 0)
    }),
    observer("nothing_to_forget", |semaphore| {
        observe(semaphore, |semaphore| match semaphore.forget_permits(1) {
            0 => keep(()),
            _ => {
                semaphore.add_permits(1);
                None
            }
        })
    }),
    observer("owed", |semaphore| observe_if(semaphore, |semaphore| semaphore.owed() == 1)),
    observer("is_closed", |semaphore| observe_if(semaphore, |semaphore| semaphore.is_closed())),
    observer("try_closed", |semaphore| {
        observe(semaphore, |semaphore| {
            failed(Some(semaphore.try_acquire()), |error| *error == TryAcquireError::Closed)
        })
    }),
    observer("poll_closed", |semaphore| {
        observe(semaphore, |semaphore| closed(poll(acquire(semaphore, 1))))
    }),
    observer("poll_of_0_closed", |semaphore| {
        observe(semaphore, |semaphore| closed(poll(acquire(semaphore, 0))))
    }),
    observer("bounded_closed", |semaphore| {
        observe(semaphore, |semaphore| {
            failed(poll(acquire(semaphore, 1).max_waiters(0)), AcquireError::is_closed)
        })
    }),
    blocking_observer("blocking_closed", |semaphore| {
        observe(semaphore, |semaphore| closed(Some(semaphore.clone().blocking_acquire_owned())))
    }),
    observer("poll_again_closed", |semaphore| {
        observe_queued(semaphore, |request| closed(request.poll_again().into_ready().ok()))
    }),
    observer("new_waker_closed", |semaphore| {
        observe_queued(semaphore, |request| closed(request.poll_from_new_task().into_ready().ok()))
    }),
    observer("debug_request_closed", |semaphore| {
        observe_queued(semaphore, |request| {
            if format!("{:?}", request.future()).contains("Closed") { keep(request) } else { None }
        })
    }),
    observer("debug_closed", |semaphore| {
        observe_if(semaphore, |semaphore| format!("{semaphore:?}").contains("closed: true"))
    }),
];

/// Adds the permit that an observer has taken away, when it is dropped.
struct AddLater(Arc<Semaphore>);

impl Drop for AddLater {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// What a method has to do with the matrices.
enum Role {
    /// The names of its columns and rows.
    Cells(&'static [&'static str]),
    /// Why it has none.
    Outside(&'static str),
}
use Role::{Cells, Outside};

const CALLS_OTHERS: Role = Outside("calls methods that are in the matrix");
const CONSTRUCTS: Role = Outside("makes or consumes a value that no other thread has");
const OWNED: Role = Outside("reads what the caller owns");

/// All public methods by name. A new one must be added here, with its cells or the reason why it has none.
const METHODS: &[(&str, Role)] = &[
    ("acquire", Outside("makes a future; `poll` is in the matrix")),
    ("acquire_from", Outside("the same")),
    ("acquire_many", Outside("the same")),
    ("acquire_many_owned", Outside("the same")),
    ("acquire_owned", Outside("the same")),
    ("add_permits", Cells(&["add"])),
    ("as_ref", OWNED),
    ("available_permits", Cells(&["available", "none_available"])),
    ("blocking_acquire", Cells(&["blocking_acquire", "blocking_closed"])),
    ("blocking_acquire_many", CALLS_OTHERS),
    ("blocking_acquire_many_owned", CALLS_OTHERS),
    ("blocking_acquire_owned", CALLS_OTHERS),
    ("blocking_lock", Cells(&["blocking_lock"])),
    ("blocking_lock_owned", CALLS_OTHERS),
    ("cancel", CALLS_OTHERS),
    ("clone", CONSTRUCTS),
    ("close", Cells(&["close", "close_a_queue"])),
    ("const_new", CONSTRUCTS),
    ("default", CONSTRUCTS),
    ("deref", OWNED),
    ("deref_mut", OWNED),
    ("drop", Cells(&["release", "hold_and_release", "unlock", "unlock_part"])),
    (
        "fmt",
        Cells(&[
            "debug_request_granted",
            "debug_request_closed",
            "debug_available",
            "debug_closed",
            "debug_data",
            "debug_locked",
        ]),
    ),
    ("forget", Cells(&["forget_held"])),
    ("forget_permits", Cells(&["forget", "nothing_to_forget"])),
    ("from", CONSTRUCTS),
    ("get_mut", OWNED),
    ("into_inner", CONSTRUCTS),
    ("is_closed", Cells(&["is_closed"])),
    ("is_granted", Cells(&["is_granted"])),
    ("lock", Outside("makes a future; `poll` is in the matrix")),
    ("lock_from", Outside("the same")),
    ("lock_owned", Outside("the same")),
    ("map", OWNED),
    ("merge", OWNED),
    ("mutex", OWNED),
    ("new", CONSTRUCTS),
    ("num_permits", OWNED),
    (
        "poll",
        Cells(&[
            "poll",
            "poll_up_to",
            "poll_bounded",
            "poll_all",
            "all_again",
            "poll_again",
            "poll_with_new_waker",
            "poll_pending",
            "poll_closed",
            "poll_of_0_closed",
            "poll_again_closed",
            "new_waker_closed",
            "enqueue",
        ]),
    ),
    ("poll_acquire", CALLS_OTHERS),
    ("poll_acquire_many", CALLS_OTHERS),
    ("reduce_permits", Cells(&["reduce", "reduce_below_0"])),
    ("semaphore", OWNED),
    ("split", OWNED),
    ("timeout", Outside("makes a future; when it expires, it cancels the request")),
    ("try_acquire", Cells(&["try_acquire", "no_permits_to_try", "try_closed"])),
    ("try_acquire_many", CALLS_OTHERS),
    ("try_acquire_many_owned", CALLS_OTHERS),
    ("try_acquire_owned", CALLS_OTHERS),
    ("try_lock", Cells(&["try_lock", "try_lock_fails", "lock"])),
    ("try_lock_owned", CALLS_OTHERS),
    ("try_map", OWNED),
    ("up_to", Cells(&["poll_up_to"])),
    ("waiters", Outside("the same as `needed`")),
    ("with_timeout", Outside("makes a future; when it expires, it cancels the request")),
    ("acquire_all", Outside("the same")),
    ("acquire_all_from", Outside("the same")),
    ("acquire_all_owned", Outside("the same")),
    ("add_permits_up_to", Outside("an addition; what it returns is that of the word")),
    ("held", Cells(&["none_held"])),
    ("is_full", OWNED),
    ("is_timed_out", OWNED),
    ("limit", Cells(&["limit_grows", "limit_shrinks"])),
    ("max_waiters", Cells(&["poll_bounded", "queue_full", "bounded_closed"])),
    ("needed", Outside("a number that is loaded with Relaxed and promises nothing; loom does not know it")),
    ("owed", Cells(&["nothing_owed", "owed"])),
    ("set_limit", Cells(&["raise_limit", "lower_limit"])),
    ("try_wait", Cells(&["try_acquire_up_to", "try_all"])),
    ("wait", CALLS_OTHERS),
    ("wait_timeout", CALLS_OTHERS),
];

/// Columns that no method of their own belongs to.
const DROPPED_FUTURES: &[&str] = &["cancel_a_grant", "cancel_a_granted_lock", "cancel_a_request"];

/// The name of the public function that a line of the sources declares.
fn function_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let declared = line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub const fn "))?;
    declared.split(['(', '<']).next()
}

/// The sources of the public types.
const SOURCES: &[&str] = &[
    include_str!("../../../src/error.rs"),
    include_str!("../../../src/mutex/guard.rs"),
    include_str!("../../../src/mutex/lock.rs"),
    include_str!("../../../src/mutex/mod.rs"),
    include_str!("../../../src/semaphore/acquire.rs"),
    include_str!("../../../src/semaphore/mod.rs"),
    include_str!("../../../src/semaphore/permit.rs"),
    include_str!("../../../src/semaphore/poll.rs"),
    include_str!("../../../src/timeout.rs"),
];

/// The methods of traits that the types implement.
const METHODS_OF_TRAITS: &[&str] =
    &["as_ref", "clone", "default", "deref", "deref_mut", "drop", "fmt", "from", "poll", "timeout"];

#[test]
fn each_public_method_is_listed_and_each_cell_has_a_method() {
    let declared = SOURCES.iter().flat_map(|source| source.lines()).filter_map(function_name);
    let public: BTreeSet<_> = declared.chain(METHODS_OF_TRAITS.iter().copied()).collect();
    let listed: BTreeSet<_> = METHODS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, public);

    let listed = METHODS.iter().flat_map(|(_, role)| match role {
        Cells(names) => *names,
        Outside(reason) => {
            assert!(!reason.is_empty());
            &[]
        }
    });
    let listed: BTreeSet<_> = listed.chain(DROPPED_FUTURES).copied().collect();
    let columns = PUBLISHERS.iter().map(|it| it.name).chain(MUTEX_PUBLISHERS.iter().map(|it| it.name));
    let rows = OBSERVERS.iter().map(|it| it.name).chain(MUTEX_OBSERVERS.iter().map(|it| it.name));
    assert_eq!(listed, columns.chain(rows).collect());
}

const MUTEX_PUBLISHERS: &[Publisher<Mutex<()>>] = &[
    publisher("unlock", || {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        drop_of(mutex, guard)
    })
    .unblocks(),
    publisher("unlock_part", || {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().try_lock_owned().unwrap();
        drop_of(mutex, OwnedMutexGuard::map(guard, |value| value))
    })
    .unblocks(),
    publisher("lock", || {
        let mutex = Arc::new(Mutex::new(()));
        let shared: Arc<Mutex<()>> = Arc::clone(&mutex);
        let lock = move |write: &dyn Fn()| {
            write();
            shared.try_lock_owned().ok().and_then(keep)
        };
        (mutex, Box::new(lock))
    }),
    publisher("cancel_a_granted_lock", || {
        let mutex = Arc::new(Mutex::new(()));
        let guard = Mutex::try_lock(&mutex).unwrap();
        let request = Request::pending(mutex.clone().lock_owned());
        drop(guard);
        drop_of(mutex, request)
    })
    .unblocks(),
];

const MUTEX_OBSERVERS: &[Observer<Mutex<()>>] = &[
    taker("try_lock", |mutex| observe(mutex, |mutex| mutex.clone().try_lock_owned().ok().and_then(keep))),
    taker("poll", |mutex| observe(mutex, |mutex| poll(mutex.clone().lock_owned()).and_then(keep))),
    blocking_taker("blocking_lock", |mutex| {
        observe(mutex, |mutex| keep(mutex.clone().blocking_lock_owned()))
    }),
    observer("poll_again", |mutex| {
        let request = Request::poll_once(mutex.clone().lock_owned()).into_ready().err()?;
        Some(Box::new(move || request.poll_again().into_ready().ok().and_then(keep)))
    }),
    observer("is_granted", |mutex| {
        let request = Request::poll_once(mutex.clone().lock_owned()).into_ready().err()?;
        Some(Box::new(move || if request.future().is_granted() { keep(request) } else { None }))
    }),
    observer("debug_data", |mutex| observe_if(mutex, |mutex| format!("{mutex:?}").contains("()"))),
    observer("try_lock_fails", |mutex| observe_if(mutex, |mutex| mutex.try_lock().is_err())),
    observer("debug_locked", |mutex| observe_if(mutex, |mutex| format!("{mutex:?}").contains("locked"))),
];

/// How often an observer concluded that the operation was called: rightly, and it read the new value; rightly, and it
/// read the old value; wrongly.
#[derive(Default)]
struct Counts {
    visible: AtomicUsize,
    stale: AtomicUsize,
    wrong: AtomicUsize,
}

/// Evaluates a cell: `v`, `s` or `.`.
fn cell<T: 'static>(publisher: &Publisher<T>, observer: &Observer<T>) -> char {
    if observer.blocks && !publisher.unblocks || publisher.is_round_trip && !observer.takes {
        return '.';
    }
    let counts = Arc::new(Counts::default());
    let (counted, publish, observe) = (Arc::clone(&counts), publisher.start, observer.start);
    let is_round_trip = publisher.is_round_trip;
    let model = move || {
        let (shared, operation) = publish();
        let Some(observation) = observe(&shared) else { return };
        let written = Rc::new(AtomicBool::new(false));
        // Loom does not know this cell, so it orders nothing, and its value is never old.
        let is_written = Rc::new(Cell::new(false));
        let writer = thread::spawn({
            let (written, is_written) = (Rc::clone(&written), Rc::clone(&is_written));
            move || {
                operation(&|| {
                    written.store(true, Ordering::Relaxed);
                    is_written.set(true);
                })
            }
        });
        let observed = observation();
        if observed.is_some() && (is_written.get() || !is_round_trip) {
            let count = match (is_written.get(), written.load(Ordering::Relaxed)) {
                (false, _) => &counted.wrong,
                (true, false) => &counted.stale,
                (true, true) => &counted.visible,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        let kept = writer.join().unwrap();
        drop((observed, kept));
    };
    explore(Some(2), None, &Arc::new(model));
    let [visible, stale, wrong] =
        [&counts.visible, &counts.stale, &counts.wrong].map(|count| count.load(Ordering::Relaxed));
    match () {
        () if wrong > 0 || visible + stale == 0 => '.',
        () if stale > 0 => 's',
        () => 'v',
    }
}

/// Evaluates the column of one publisher, and compares it with the expected one.
#[track_caller]
fn check_column<T: 'static>(
    expected: &str,
    name: &str,
    publishers: &[Publisher<T>],
    observers: &[Observer<T>],
) {
    let publisher = publishers.iter().find(|publisher| publisher.name == name).unwrap();
    let mut wrong = Vec::new();
    for observer in observers {
        let (is, should) = (cell(publisher, observer), expected_cell(expected, name, observer.name));
        println!("cell {name} {} {is}", observer.name);
        if should.replace('P', "v") != is.to_string() {
            wrong.push(format!("{name} / {}: {is}, expected {should}", observer.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A cell of an expected matrix; empty if there is none.
fn expected_cell<'a>(matrix: &'a str, publisher: &str, observer: &str) -> &'a str {
    let mut rows = matrix
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|row| !row.is_empty());
    let header = rows.next().unwrap();
    let column = header.iter().position(|name| *name == publisher);
    let row = rows.find(|row| row[0] == observer);
    column.zip(row).and_then(|(column, row)| row.get(column + 1).copied()).unwrap_or("")
}

/// A test for each column.
macro_rules! columns {
    ($($test:ident: $matrix:ident $publishers:ident $observers:ident $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                check_column($matrix, $name, $publishers, $observers);
            }
        )*

        #[test]
        fn each_column_has_a_test() {
            let tested: &[&str] = &[$($name),*];
            let publishers = PUBLISHERS.iter().map(|publisher| publisher.name);
            let all: Vec<_> = publishers.chain(MUTEX_PUBLISHERS.iter().map(|publisher| publisher.name)).collect();
            assert_eq!(tested, all);
        }
    };
}

columns! {
    from_a_release: SEMAPHORE PUBLISHERS OBSERVERS "release",
    from_an_addition: SEMAPHORE PUBLISHERS OBSERVERS "add",
    from_a_hold_and_release: SEMAPHORE PUBLISHERS OBSERVERS "hold_and_release",
    from_the_cancel_of_a_grant: SEMAPHORE PUBLISHERS OBSERVERS "cancel_a_grant",
    from_the_cancel_of_a_request: SEMAPHORE PUBLISHERS OBSERVERS "cancel_a_request",
    from_a_close: SEMAPHORE PUBLISHERS OBSERVERS "close",
    from_a_close_of_a_queue: SEMAPHORE PUBLISHERS OBSERVERS "close_a_queue",
    from_a_try: SEMAPHORE PUBLISHERS OBSERVERS "try_acquire",
    from_a_poll: SEMAPHORE PUBLISHERS OBSERVERS "poll",
    from_a_forget: SEMAPHORE PUBLISHERS OBSERVERS "forget",
    from_a_reduction: SEMAPHORE PUBLISHERS OBSERVERS "reduce",
    from_a_reduction_into_a_deficit: SEMAPHORE PUBLISHERS OBSERVERS "reduce_below_0",
    from_a_limit_that_is_raised: SEMAPHORE PUBLISHERS OBSERVERS "raise_limit",
    from_a_limit_that_is_lowered: SEMAPHORE PUBLISHERS OBSERVERS "lower_limit",
    from_a_held_permit_that_is_forgotten: SEMAPHORE PUBLISHERS OBSERVERS "forget_held",
    from_a_request_that_is_queued: SEMAPHORE PUBLISHERS OBSERVERS "enqueue",
    from_an_unlock: MUTEX MUTEX_PUBLISHERS MUTEX_OBSERVERS "unlock",
    from_an_unlock_of_a_part: MUTEX MUTEX_PUBLISHERS MUTEX_OBSERVERS "unlock_part",
    from_a_lock: MUTEX MUTEX_PUBLISHERS MUTEX_OBSERVERS "lock",
    from_the_cancel_of_a_granted_lock: MUTEX MUTEX_PUBLISHERS MUTEX_OBSERVERS "cancel_a_granted_lock",
}
