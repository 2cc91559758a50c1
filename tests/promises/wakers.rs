//! Which calls may run the wakers of other requests: the list in the documentation of `Semaphore`, call by call.
//!
//! A release grants the queued requests one after another, and calls the waker of each before the next one is granted. The
//! second of these wakers makes the call under test, on the same thread: a call that edits the queue then serves the rest of
//! it, as it would if another thread had added the permits.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fairgate::futures::AcquireOwned;
use fairgate::{OwnedSemaphorePermit, PollSemaphore, Semaphore};

use crate::common::panics;
use crate::common::waker::{self, WakerEvent};

/// The requests that are granted before the call: `Stage::granted`, and the one whose waker makes the call.
const BEFORE: usize = 2;
/// The requests that are queued behind them. The last one is `Stage::queued`.
const BEHIND: usize = 68;
/// The request among those whose waker panics, if one does.
const PANICKING: usize = 40;

type Request = Pin<Box<AcquireOwned>>;

/// What the call under test works on.
struct Stage {
    semaphore: Arc<Semaphore>,
    /// The wakers of other requests that were called so far.
    woken: Arc<AtomicUsize>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
    /// Granted before the call, and not polled since.
    granted: Mutex<Option<Request>>,
    /// At the back of the queue, polled with `waker`.
    queued: Mutex<Option<Request>>,
    waker: Waker,
    /// What the call has left behind.
    kept: Mutex<Vec<Request>>,
}

impl Stage {
    fn new() -> Arc<Self> {
        let semaphore = Arc::new(Semaphore::new(1));
        let held = semaphore.clone().try_acquire_owned().ok();
        let woken = Arc::new(AtomicUsize::new(0));
        let waker = counting(&woken);
        let slots = || Mutex::new(None);
        let kept = Mutex::default();
        Arc::new(Self {
            semaphore,
            woken,
            held: held.into(),
            granted: slots(),
            queued: slots(),
            waker,
            kept,
        })
    }

    /// A request for one permit.
    fn request(&self) -> Request {
        Box::pin(self.semaphore.clone().acquire_owned())
    }
}

fn counting(woken: &Arc<AtomicUsize>) -> Waker {
    let woken = woken.clone();
    waker::on(WakerEvent::Wake, move || _ = woken.fetch_add(1, SeqCst))
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

fn take<T>(slot: &Mutex<Option<T>>) -> T {
    slot.lock().unwrap().take().expect("it is there")
}

type Call = (&'static str, fn(&Stage), usize);

/// The calls that may run wakers of other requests, and how many they run here: those of all queued requests, without that of
/// a request that is cancelled or given another waker.
const MAY_WAKE: &[Call] = &[
    ("the first poll of a request that is queued", first_poll, BEHIND),
    ("the first poll of a request that finds the queue full", poll_with_full_queue, BEHIND),
    ("a poll with another waker", |stage| poll_queued(stage, Waker::noop()), BEHIND - 1),
    ("dropping a queued request", |stage| drop(take(&stage.queued)), BEHIND - 1),
    ("dropping a granted request", |stage| drop(take(&stage.granted)), BEHIND),
    ("waiting as a thread", |stage| drop(stage.semaphore.acquire().wait()), BEHIND),
    ("waiting as a thread for a limited time", |stage| wait_timeout(stage), BEHIND),
    ("dropping a permit", |stage| drop(take(&stage.held)), BEHIND),
    ("forgetting a permit", |stage| take(&stage.held).forget(), BEHIND),
    ("adding permits", |stage| stage.semaphore.add_permits(1), BEHIND),
    ("filling a bucket", |stage| assert_eq!(stage.semaphore.add_permits_up_to(1, 1000), 1), BEHIND),
    ("raising the limit", |stage| stage.semaphore.set_limit(900), BEHIND),
    ("lowering the limit", |stage| stage.semaphore.set_limit(stage.semaphore.limit() - 1), BEHIND),
    ("removing permits", |stage| stage.semaphore.reduce_permits(1), BEHIND),
    ("forgetting available permits", |stage| assert_eq!(stage.semaphore.forget_permits(1), 1), BEHIND),
    ("closing", |stage| stage.semaphore.close(), BEHIND),
];

/// The calls that never do.
const NEVER_WAKE: &[Call] = &[
    ("trying", |stage| assert!(stage.semaphore.try_acquire().is_err()), 0),
    ("trying a range", |stage| assert!(stage.semaphore.acquire().up_to(2).try_wait().is_err()), 0),
    ("trying to acquire all", |stage| assert!(stage.semaphore.acquire_all().try_wait().is_err()), 0),
    ("the first poll of a request that may not wait", poll_without_waiting, 0),
    ("the first poll of a request for no permits", |stage| drop(stage.semaphore.acquire_many(0).wait()), 0),
    ("dropping a request that was never polled", |stage| drop(stage.request()), 0),
    ("a poll with the same waker", |stage| poll_queued(stage, &stage.waker), 0),
    ("a poll that returns the permits", poll_granted, 0),
    ("asking a request", |stage| assert!(is_granted(&stage.granted) && !is_granted(&stage.queued)), 0),
    ("counting", count, 0),
    ("formatting", |stage| drop(format!("{:?} {:?} {:?}", stage.semaphore, stage.held, stage.queued)), 0),
    ("adding no permits", |stage| stage.semaphore.add_permits(0), 0),
    ("filling a full bucket", |stage| assert_eq!(stage.semaphore.add_permits_up_to(1, 1), 0), 0),
    (
        "a `PollSemaphore` without a request",
        |stage| PollSemaphore::new(stage.semaphore.clone()).cancel(),
        0,
    ),
];

/// The future is kept even if the poll panics: it can be polled again.
fn first_poll(stage: &Stage) {
    let mut kept = stage.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    kept.push(stage.request());
    let request = kept.last_mut().expect("one was pushed");
    assert!(poll(request.as_mut(), Waker::noop()).is_ready(), "it is granted with the rest of the queue");
    kept.clear();
}

fn poll_with_full_queue(stage: &Stage) {
    let mut request = std::pin::pin!(stage.semaphore.acquire().max_waiters(1));
    assert!(matches!(poll(request.as_mut(), Waker::noop()), Poll::Ready(Err(full)) if full.is_full()));
}

fn poll_without_waiting(stage: &Stage) {
    let mut request = std::pin::pin!(stage.semaphore.acquire().max_waiters(0));
    assert!(matches!(poll(request.as_mut(), Waker::noop()), Poll::Ready(Err(full)) if full.is_full()));
}

fn wait_timeout(stage: &Stage) {
    drop(stage.semaphore.acquire().wait_timeout(Duration::ZERO));
}

/// The request stays where it is even if the poll panics.
fn poll_queued(stage: &Stage, waker: &Waker) {
    let mut queued = stage.queued.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let _granted = poll(queued.as_mut().expect("it is there").as_mut(), waker);
}

fn poll_granted(stage: &Stage) {
    let mut granted = take(&stage.granted);
    let Poll::Ready(Ok(permit)) = poll(granted.as_mut(), Waker::noop()) else { panic!("it is granted") };
    *stage.held.lock().unwrap() = Some({
        let mut held = take(&stage.held);
        held.merge(permit);
        held
    });
}

fn is_granted(request: &Mutex<Option<Request>>) -> bool {
    request.lock().unwrap().as_ref().is_some_and(|request| request.is_granted())
}

fn count(stage: &Stage) {
    let semaphore = &stage.semaphore;
    assert_eq!((semaphore.waiters(), semaphore.needed()), (BEHIND, Some(1)));
    assert_eq!(semaphore.limit(), semaphore.held() + semaphore.available_permits());
    assert_eq!((semaphore.owed(), semaphore.is_closed()), (0, false));
}

/// Makes the call while `BEHIND` requests are queued for which there are permits. Returns whether it panics and how many
/// wakers of other requests it calls.
fn make(call: fn(&Stage), is_panicking: bool) -> (bool, usize) {
    let stage = Stage::new();
    let result = Arc::new(Mutex::new(None));
    let calling = waker::on(WakerEvent::Wake, {
        let (stage, result) = (stage.clone(), result.clone());
        move || {
            let before = stage.woken.load(SeqCst);
            let panicked = panics(|| call(&stage));
            *result.lock().unwrap() = Some((panicked, stage.woken.load(SeqCst) - before));
        }
    });
    let panicking = {
        let woken = stage.woken.clone();
        waker::on(WakerEvent::Wake, move || {
            woken.fetch_add(1, SeqCst);
            panic!("the waker of another request panics");
        })
    };
    let mut requests: Vec<_> = (0..BEFORE + BEHIND).map(|_| stage.request()).collect();
    for (index, request) in requests.iter_mut().enumerate() {
        let waker = match index {
            0 => Waker::noop(),
            1 => &calling,
            _ if is_panicking && index == BEFORE + PANICKING => &panicking,
            _ => &stage.waker,
        };
        assert!(poll(request.as_mut(), waker).is_pending());
    }
    *stage.queued.lock().unwrap() = requests.pop();
    *stage.granted.lock().unwrap() = Some(requests.remove(0));
    drop(calling);
    let outer_panicked = panics(|| stage.semaphore.add_permits(2 * (BEFORE + BEHIND)));
    let result = result.lock().unwrap().take().expect("the call was made");
    assert_eq!(
        outer_panicked,
        is_panicking && !result.0,
        "one of the two calls runs the waker that panics"
    );

    // Nothing is lost: the requests have completed, and all permits that exist are available in the end.
    for mut request in requests {
        let polled = poll(request.as_mut(), Waker::noop());
        assert!(matches!(polled, Poll::Ready(result) if result.is_ok() || stage.semaphore.is_closed()));
    }
    let kept = std::mem::take(&mut *stage.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    for mut request in kept {
        assert!(poll(request.as_mut(), Waker::noop()).is_ready(), "a poll that panicked is made again");
    }
    for slot in [&stage.granted, &stage.queued] {
        drop(slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take());
    }
    drop(stage.held.lock().unwrap().take());
    let semaphore = &stage.semaphore;
    assert_eq!((semaphore.held(), semaphore.waiters()), (0, 0));
    assert_eq!(semaphore.available_permits(), semaphore.limit());
    result
}

#[test]
fn the_calls_that_may_run_the_wakers_of_other_requests() {
    for &(name, call, wakers) in MAY_WAKE {
        assert_eq!(make(call, false), (false, wakers), "{name}");
    }
}

/// The panic resumes in the call, after all other wakers were called. No permit is lost.
#[test]
fn a_panic_of_another_requests_waker_resumes_in_such_a_call() {
    for &(name, call, wakers) in MAY_WAKE {
        assert_eq!(make(call, true), (true, wakers), "{name}");
    }
}

#[test]
fn the_calls_that_never_run_the_wakers_of_other_requests() {
    for &(name, call, wakers) in NEVER_WAKE {
        assert_eq!(make(call, false), (false, wakers), "{name}");
        assert_eq!(make(call, true), (false, wakers), "{name}");
    }
}
