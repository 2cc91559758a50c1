//! Wakers are cloned, woken and dropped while the queue is unlocked, so they may call anything on the
//! semaphore.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;

use crate::common::source::{NewSource, PermitSource, SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::{Outcome, Request, State};
use crate::common::waker::{self, WakeLog, WakerEvent};
use crate::common::with_watchdog;
use crate::common::world::World;

/// Three waiters: the front, which needs more than is available, the middle, whose waker calls back, and the
/// back.
struct Queue<S: PermitSource> {
    source: S,
    front: Mutex<Option<S::Future>>,
    middle: Mutex<Option<S::Future>>,
    back: Mutex<Option<S::Future>>,
    /// Permits created so far, less those removed.
    total: AtomicIsize,
    called: AtomicBool,
}

type Trigger<S> = fn(&Arc<Queue<S>>, &Waker);
type Callback<S> = fn(&Queue<S>);

impl<S: SyncSource> Queue<S> {
    /// `(available, front)`: the initial permits, and how many the front requests.
    fn new((available, front): (usize, usize)) -> Arc<Self> {
        let source = S::with_permits(available);
        let request = |n| Mutex::new(Some(source.acquire(Request::exactly(n))));
        let (front, middle, back) = (request(front), request(1), request(1));
        let total = AtomicIsize::new(available as isize);
        let queue = Self { front, middle, back, total, called: false.into(), source };
        Arc::new(queue)
    }

    /// A waker that runs `callback` once, at the first `on`.
    fn waker(self: &Arc<Self>, on: WakerEvent, callback: Callback<S>) -> Waker {
        let queue = self.clone();
        waker::on(on, move || {
            if !queue.called.swap(true, SeqCst) {
                callback(&queue);
            }
        })
    }

    /// Polls a future and drops what it returns.
    fn poll(slot: &Mutex<Option<S::Future>>, waker: &Waker) {
        let mut slot = slot.lock().unwrap();
        let future = slot.as_mut().expect("not dropped yet");
        drop(Pin::new(future).poll(&mut Context::from_waker(waker)));
    }

    /// Polls all three once, the middle with this waker.
    fn enqueue_all(&self, middle: &Waker) {
        Self::poll(&self.front, Waker::noop());
        Self::poll(&self.middle, middle);
        Self::poll(&self.back, Waker::noop());
    }

    fn add(&self, n: usize) {
        self.total.fetch_add(n as isize, SeqCst);
        self.source.add(n);
    }

    /// Drops a future unless it is being polled right now.
    fn drop_future(slot: &Mutex<Option<S::Future>>) {
        let taken = slot.try_lock().ok().and_then(|mut slot| slot.take());
        drop(taken);
    }

    /// Drops all futures and checks that every permit is available.
    fn drop_all_and_check(&self, case: &str) {
        assert!(self.called.load(SeqCst), "{case}: the event never happened");
        [&self.front, &self.middle, &self.back].into_iter().for_each(Self::drop_future);
        let available = self.total.load(SeqCst).max(0) as usize;
        assert_eq!(self.source.counts(), (available, 0), "{case}");
    }
}

type Callbacks<S> = Vec<(&'static str, Callback<S>)>;

/// Callbacks that a mutex supports too.
fn callbacks<S: SyncSource>() -> Callbacks<S> {
    vec![
        ("tries to acquire", |queue| drop(queue.source.try_acquire(1))),
        ("drops another future", |queue| Queue::<S>::drop_future(&queue.back)),
        ("drops its middle future", |queue| Queue::<S>::drop_future(&queue.middle)),
        ("polls a new future and drops it", |queue| {
            let mut late = queue.source.acquire(Request::exactly(1));
            drop(Pin::new(&mut late).poll(&mut Context::from_waker(Waker::noop())));
        }),
    ]
}

fn semaphore_callbacks<S: SemaphoreSource + SyncSource>() -> Callbacks<S> {
    let mut all = callbacks();
    all.extend([
        ("adds", (|queue| queue.add(1)) as Callback<S>),
        ("adds many", |queue| queue.add(9)),
        ("closes", |queue| queue.source.close()),
        ("reads the state", |queue| drop((queue.source.counts(), format!("{:?}", *queue.source)))),
        ("removes permits", |queue| {
            queue.total.fetch_sub(2, SeqCst);
            queue.source.reduce_permits(2);
        }),
        ("forgets permits", |queue| {
            let forgotten = queue.source.forget_permits(1);
            queue.total.fetch_sub(forgotten as isize, SeqCst);
        }),
    ]);
    all
}

fn run_all<S: SyncSource>(
    event: WakerEvent,
    permits: (usize, usize),
    callbacks: Callbacks<S>,
    triggers: &[(&str, Trigger<S>)],
) {
    for &(when, trigger) in triggers {
        for &(case, callback) in &callbacks {
            let case = format!("a waker that {case} at {event:?} when {when}");
            with_watchdog(&case.clone(), move || {
                let queue = Queue::<S>::new(permits);
                let waker = queue.waker(event, callback);
                trigger(&queue, &waker);
                drop(waker);
                queue.drop_all_and_check(&case);
            });
        }
    }
}

fn run_all_on_semaphores<S: SemaphoreSource + SyncSource>(
    event: WakerEvent,
    triggers: &[(&str, Trigger<S>)],
) {
    run_all(event, (1, 3), semaphore_callbacks(), triggers);
}

/// P10: wakers were called under the lock. P18: a future was dropped by its own waker.
fn a_waker_may_call_anything_when_it_is_woken<S: SemaphoreSource + SyncSource>() {
    let triggers: &[(&str, Trigger<S>)] = &[
        ("permits are added", |queue, waker| {
            queue.enqueue_all(waker);
            queue.add(5);
        }),
        ("the limit grows", |queue, waker| {
            queue.enqueue_all(waker);
            queue.total.fetch_add(5, SeqCst);
            queue.source.set_limit(6);
        }),
        ("the front is cancelled", |queue, waker| {
            queue.enqueue_all(waker);
            Queue::<S>::drop_future(&queue.front);
        }),
        ("permits are released", |queue, waker| {
            let held = queue.source.try_acquire(1);
            queue.enqueue_all(waker);
            queue.add(3);
            drop(held);
        }),
        ("the semaphore is closed", |queue, waker| {
            queue.enqueue_all(waker);
            queue.source.close();
        }),
    ];
    run_all_on_semaphores(WakerEvent::Wake, triggers);
}

/// What drops a waker.
fn drops<S: SyncSource>() -> [(&'static str, Trigger<S>); 2] {
    [
        ("its future is polled with another waker", |queue, waker| {
            queue.enqueue_all(waker);
            Queue::<S>::poll(&queue.middle, Waker::noop());
        }),
        ("its future is dropped", |queue, waker| {
            queue.enqueue_all(waker);
            Queue::<S>::drop_future(&queue.middle);
        }),
    ]
}

/// What clones a waker.
fn clones<S: SyncSource>() -> [(&'static str, Trigger<S>); 2] {
    [
        ("its future is queued", |queue, waker| {
            Queue::<S>::poll(&queue.front, Waker::noop());
            Queue::<S>::poll(&queue.middle, waker);
        }),
        ("its future is polled with a new waker", |queue, waker| {
            queue.enqueue_all(Waker::noop());
            Queue::<S>::poll(&queue.middle, waker);
        }),
    ]
}

/// P11: a replaced or unused waker was dropped under the lock.
fn a_waker_may_call_anything_when_it_is_dropped<S: SemaphoreSource + SyncSource>() {
    run_all_on_semaphores(WakerEvent::Drop, &drops::<S>());
}

/// P12: wakers were cloned under the lock.
fn a_waker_may_call_anything_when_it_is_cloned<S: SemaphoreSource + SyncSource>() {
    run_all_on_semaphores(WakerEvent::Clone, &clones::<S>());
}

/// P10, P11, P12, P18, for every source: the events and callbacks that a mutex supports.
fn a_waker_may_acquire_and_cancel_at_any_event<S: SyncSource>() {
    let on_wake: &[(&str, Trigger<S>)] = &[
        ("its future is granted the permit", |queue, waker| {
            Queue::<S>::poll(&queue.middle, waker);
            Queue::<S>::poll(&queue.back, Waker::noop());
            queue.add(1);
        }),
        ("the granted front is cancelled", |queue, waker| {
            queue.enqueue_all(waker);
            queue.add(1);
            Queue::<S>::drop_future(&queue.front);
        }),
    ];
    for (event, triggers) in [
        (WakerEvent::Wake, on_wake),
        (WakerEvent::Drop, &drops::<S>()),
        (WakerEvent::Clone, &clones::<S>()),
    ] {
        run_all(event, (0, 1), callbacks(), triggers);
    }
}

/// P12: the poll that clones the waker sees a permit that the clone adds.
fn a_permit_added_while_the_waker_is_cloned_is_acquired_by_the_same_poll<S: SyncSource>() {
    for queued_before in [false, true] {
        let mut world = World::<S>::new(0);
        let source = world.source.clone();
        let adding = waker::on(WakerEvent::Clone, move || source.add(1));
        let waiter = world.create(1);
        if queued_before {
            assert_eq!(world.poll(waiter), Outcome::Pending);
        }
        assert_eq!(world.poll_with(waiter, &adding), Outcome::Acquired(1));
    }
}

/// P32: between two wake-ups the lock was free and a new request barged. A waker that calls back
/// while waiters remain to be granted acquires nothing, and the permits go to the front.
fn nothing_barges_between_two_wake_ups<S: SemaphoreSource + SyncSource>() {
    let mut world = World::<S>::new(0);
    let results = Arc::new(Mutex::new(Vec::new()));
    let (source, log, push_to) = (world.source.clone(), WakeLog::default(), results.clone());
    let late_wakes = log.clone();
    let trying = waker::on(WakerEvent::Wake, move || {
        let mut late = source.acquire(Request::exactly(1));
        let waker = late_wakes.waker(0, 0);
        let polled = Pin::new(&mut late).poll(&mut Context::from_waker(&waker));
        push_to.lock().unwrap().push((source.try_acquire(1).is_none(), polled.is_pending()));
    });
    let all: Vec<_> = (0..200)
        .map(|waiter| if waiter % 10 == 0 { world.acquire_with(1, &trying) } else { world.acquire(1) })
        .collect();
    world.source.add(100);
    assert_eq!(*results.lock().unwrap(), [(true, true); 10]);
    let mut woken = world.woken();
    woken.sort_unstable();
    let logged: Vec<_> = all[..100].iter().copied().filter(|waiter| waiter % 10 != 0).collect();
    assert_eq!(woken, logged);
    for (index, waiter) in all.into_iter().enumerate() {
        let expected = if index < 100 { Outcome::Acquired(1) } else { Outcome::Pending };
        assert_eq!(world.poll(waiter), expected);
    }
    assert_eq!(world.state(), State { available: 0, waiters: 100, closed: false });
    assert_eq!(log.take(), [], "a dropped future is not woken");
}

/// P27: a hundred spurious polls cost one clone of the waker, made by the first.
fn polling_again_with_the_same_waker_does_not_clone_it<S: NewSource>() {
    let clones = Arc::new(AtomicIsize::new(0));
    let counted = clones.clone();
    let waker = waker::on(WakerEvent::Clone, move || _ = counted.fetch_add(1, SeqCst));
    let mut world = World::<S>::new(0);
    let waiter = world.acquire_with(1, &waker);
    (0..100).for_each(|_| assert_eq!(world.poll_with(waiter, &waker), Outcome::Pending));
    assert_eq!(clones.load(SeqCst), 1);
}

/// A task whose executor is gone: its waker owns the future and drops it when it is woken.
struct OrphanedTask<F>(Mutex<Option<Pin<Box<F>>>>);

impl<F: Future + Send + 'static> OrphanedTask<F> {
    fn start(future: F) {
        let task = Arc::new(Self(Mutex::new(Some(Box::pin(future)))));
        let waker = Waker::from(task.clone());
        let mut slot = task.0.lock().unwrap();
        let future = slot.as_mut().expect("not woken yet");
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
}

impl<F: Future + Send + 'static> Wake for OrphanedTask<F> {
    fn wake(self: Arc<Self>) {
        let future = self.0.lock().unwrap().take();
        drop(future);
    }
}

/// Each wake-up drops a granted future, which passes its permit on and wakes the next. The documented limit of this
/// recursion is 500 tasks on a stack of 2 MiB.
fn a_chain_of_500_tasks_owned_by_their_wakers_fits_on_a_thread_stack<S: SemaphoreSource + SyncSource>() {
    for operation in [|source: &S| source.add(1), |source: &S| source.close()] {
        let source = S::with_permits(0);
        for _ in 0..500 {
            OrphanedTask::start(source.acquire(Request::exactly(1)));
        }
        assert_eq!(source.waiters(), 500);
        let releasing = source.clone();
        let thread =
            thread::Builder::new().stack_size(2 << 20).spawn(move || operation(&releasing)).unwrap();
        thread.join().unwrap();
        let available = if source.is_closed() { 0 } else { 1 };
        assert_eq!(source.counts(), (available, 0));
    }
}

for_each_source! {
    all:
        polling_again_with_the_same_waker_does_not_clone_it,
        a_waker_may_acquire_and_cancel_at_any_event,
        a_permit_added_while_the_waker_is_cloned_is_acquired_by_the_same_poll;
    semaphores:
        a_waker_may_call_anything_when_it_is_woken,
        a_waker_may_call_anything_when_it_is_dropped,
        a_waker_may_call_anything_when_it_is_cloned,
        nothing_barges_between_two_wake_ups,
        a_chain_of_500_tasks_owned_by_their_wakers_fits_on_a_thread_stack,
}
