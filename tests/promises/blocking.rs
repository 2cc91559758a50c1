//! Blocked threads and tasks share one queue, and no thread waits without bound for the queue lock.
//!
//! That a thread allocates only at its first wait is tested in `tests/no_alloc.rs`.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Mutex as StdMutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use fairgate::futures::Acquire;
use fairgate::{Mutex, Semaphore};
use futures_lite::future::{block_on, poll_once};
use tokio::runtime;

use crate::common::source::{NewSource, SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::{Outcome, Request};
use crate::common::world::World;
use crate::common::{HUNG, rounds, wait_until, with_watchdog};

/// Waits until `n` waiters are queued. Closes the semaphore if that does not happen, so that blocked threads
/// return.
fn wait_until_queued(semaphore: &Semaphore, n: usize) {
    let start = Instant::now();
    wait_until(|| semaphore.waiters() >= n || start.elapsed() > HUNG);
    if semaphore.waiters() < n {
        semaphore.close();
        panic!("{semaphore:?}: fewer than {n} waiters are queued");
    }
}

/// P28: threads and tasks are queued alternately and granted in that order.
fn blocked_threads_and_tasks_share_one_queue<S: SemaphoreSource + SyncSource>() {
    let (source, order) = (S::with_permits(0), StdMutex::new(Vec::new()));
    let record = |waiter| order.lock().unwrap().push(waiter);
    thread::scope(|scope| {
        for waiter in 0..8 {
            let (source, record) = (&source, &record);
            scope.spawn(move || match waiter % 4 {
                0 => drop((source.blocking_acquire().unwrap(), record(waiter))),
                1 => drop((block_on(source.acquire(Request::exactly(1))).unwrap(), record(waiter))),
                2 => drop((source.acquire_many(2).wait_timeout(Duration::MAX).unwrap(), record(waiter))),
                _ => drop((block_on(source.acquire_many(2)).unwrap(), record(waiter))),
            });
            wait_until_queued(source, waiter + 1);
        }
        source.add(2);
    });
    let mut order = order.into_inner().unwrap();
    // Two waiters that are granted together record themselves in any order.
    order.chunks_mut(4).for_each(|four| four[..2].sort_unstable());
    assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(source.counts(), (2, 0));
}

/// P03: a thread that is about to block took the permit that a queued request waits for.
fn a_blocking_acquire_does_not_overtake_a_queued_request<S: SemaphoreSource + SyncSource>() {
    let source = S::with_permits(1);
    let mut large = Box::pin(source.acquire(Request::exactly(2)));
    assert!(block_on(poll_once(large.as_mut())).is_none());
    let is_acquired = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _permit = source.blocking_acquire().unwrap();
            is_acquired.store(true, SeqCst);
        });
        wait_until(|| source.waiters() == 2 || is_acquired.load(SeqCst));
        assert!(!is_acquired.load(SeqCst), "the thread has overtaken the queued request");
        source.add(1);
        let permits = block_on(large).unwrap();
        assert!(!is_acquired.load(SeqCst), "the queued request has its permits, and the thread is next");
        drop(permits);
    });
    assert!(is_acquired.into_inner());
    assert_eq!(source.counts(), (2, 0));
}

/// Every form of blocking is queued after one attempt, and then keeps its place: a future that is polled later is behind it.
/// (A call that tries for a while before it is queued is not among the waiters, and is overtaken.)
#[test]
fn a_blocking_call_is_queued_at_once_and_not_overtaken_by_a_later_poll() {
    let semaphore = Arc::new(Semaphore::new(0));
    let calls: [fn(&Arc<Semaphore>) -> bool; 8] = [
        |semaphore| semaphore.blocking_acquire().map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.blocking_acquire_many(1).map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.clone().blocking_acquire_owned().map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.clone().blocking_acquire_many_owned(1).map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.acquire().wait().map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.acquire().up_to(1).wait().map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.acquire().max_waiters(1).wait().map(|permit| permit.forget()).is_ok(),
        |semaphore| semaphore.acquire().wait_timeout(Duration::MAX).map(|permit| permit.forget()).is_ok(),
    ];
    for call in calls {
        thread::scope(|scope| {
            let thread = scope.spawn(|| call(&semaphore));
            wait_until_queued(&semaphore, 1);
            let later = queued(&semaphore);
            let bounded = pin!(semaphore.acquire().max_waiters(2));
            assert!(bounded.poll(&mut Context::from_waker(Waker::noop())).is_ready(), "the thread counts");
            semaphore.add_permits(1);
            assert!(!later.is_granted(), "the later request has overtaken the thread");
            assert!(semaphore.try_acquire().is_err());
            assert!(thread.join().unwrap());
            semaphore.add_permits(1);
            assert!(later.is_granted());
        });
        assert_eq!(semaphore.forget_permits(1), 1, "the permit of the later request");
    }
}

/// Every increment under the lock counts.
#[test]
fn blocked_threads_and_tasks_share_a_mutex() {
    let mutex = Arc::new(Mutex::new(0));
    thread::scope(|scope| {
        for thread in 0..6 {
            let mutex = mutex.clone();
            scope.spawn(move || {
                for _ in 0..rounds(500) {
                    match thread % 3 {
                        0 => *mutex.blocking_lock() += 1,
                        1 => *mutex.clone().blocking_lock_owned() += 1,
                        _ => block_on(async { *mutex.lock().await += 1 }),
                    }
                }
            });
        }
    });
    assert_eq!(*mutex.try_lock().unwrap(), 6 * rounds(500));
}

/// P28: a blocked thread that timed out left its node in the queue.
fn a_blocking_timeout_cancels_the_waiter<S: NewSource>() {
    for limit in [Duration::ZERO, Duration::from_millis(1)] {
        let mut world = World::<S>::new(0);
        let before = world.acquire(1);
        assert!(world.source.wait_timeout(1, limit).is_none());
        let after = world.acquire(1);
        world.source.add(1);
        assert_eq!(world.poll(before), Outcome::Acquired(1));
        world.release(before);
        assert_eq!(world.poll(after), Outcome::Acquired(1), "the thread is still queued");
    }
}

fn a_blocking_timeout_of_zero_acquires_what_is_available<S: NewSource>() {
    let source = S::with_permits(1);
    let held = source.wait_timeout(1, Duration::ZERO);
    assert!(held.is_some());
    assert!(!source.is_available());
}

/// P28: a blocked thread took a spurious unpark for its grant, or missed its own.
fn a_spurious_unpark_does_not_end_a_blocking_acquire<S: SemaphoreSource + SyncSource>() {
    let source = S::with_permits(0);
    let wait = |limit| match limit {
        None => source.blocking_acquire().unwrap().forget(),
        Some(limit) => source.wait_timeout(1, limit).unwrap().forget(),
    };
    for limit in [None, Some(Duration::from_secs(1 << 20)), Some(Duration::MAX)] {
        let acquired = AtomicBool::new(false);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                thread::current().unpark();
                wait(limit);
                acquired.store(true, SeqCst);
            });
            wait_until_queued(&source, 1);
            for _ in 0..100 {
                sleeper.thread().unpark();
                thread::yield_now();
                assert!(!acquired.load(SeqCst));
                assert_eq!(source.counts(), (0, 1));
            }
            source.add(1);
        });
        assert_eq!(source.counts(), (0, 0));
    }
}

/// An executor whose waker is the park token of its thread, as in the documentation of `std::task::Wake`.
fn block_on_with_park_token<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// P28: a wake-up of the outer executor arrives while its poll blocks. Both wake-ups use the park token of the thread,
/// and a blocking call that consumes it must not lose the outer wake-up.
#[test]
fn a_blocking_acquire_keeps_the_park_token_of_an_outer_executor() {
    with_watchdog("an outer executor whose wake-up was lost", || {
        for round in 0..rounds(200) {
            let (event, permits) = (Semaphore::new(0), Semaphore::new(0));
            thread::scope(|scope| {
                scope.spawn(|| {
                    wait_until_queued(&event, 1);
                    wait_until_queued(&permits, 1);
                    if round % 2 == 0 {
                        event.add_permits(1);
                        permits.add_permits(1);
                    } else {
                        permits.add_permits(1);
                        event.add_permits(1);
                    }
                });
                let (mut acquire, mut blocked) = (Box::pin(event.acquire()), false);
                let outer = poll_fn(|cx| {
                    let polled = acquire.as_mut().poll(cx);
                    if blocked {
                        return polled.map(|permit| permit.is_ok());
                    }
                    blocked = true;
                    assert!(polled.is_pending());
                    permits.blocking_acquire().unwrap().forget();
                    Poll::Pending
                });
                assert!(block_on_with_park_token(outer));
            });
        }
    });
}

/// P28: the same for a call that times out.
#[test]
fn a_call_that_times_out_keeps_the_park_token_of_an_outer_executor() {
    with_watchdog("a thread whose park token was lost", || {
        let semaphore = Semaphore::new(0);
        thread::current().unpark(); // the wake-up of an outer executor
        assert!(semaphore.acquire().wait_timeout(Duration::from_millis(20)).is_err());
        thread::park();
    });
}

/// The thread-local waker of the thread may be destroyed already.
#[test]
fn a_thread_local_destructor_may_block() {
    struct BlocksOnDrop(Arc<Semaphore>);
    impl Drop for BlocksOnDrop {
        fn drop(&mut self) {
            self.0.blocking_acquire().unwrap().forget();
        }
    }
    thread_local!(static BLOCKS_ON_DROP: RefCell<Option<BlocksOnDrop>> = const { RefCell::new(None) });
    let semaphore = Arc::new(Semaphore::new(0));
    let thread = thread::spawn({
        let semaphore = semaphore.clone();
        move || {
            BLOCKS_ON_DROP.with(|slot| slot.replace(Some(BlocksOnDrop(semaphore.clone()))));
            semaphore.blocking_acquire().unwrap().forget();
        }
    });
    for _ in 0..2 {
        wait_until_queued(&semaphore, 1);
        semaphore.add_permits(1);
    }
    thread.join().unwrap();
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
}

/// P28: a task blocks its executor thread while a task on another thread holds the permit.
#[test]
fn a_task_may_block_a_thread_of_a_multi_threaded_executor() {
    /// The permit, and events of which each happens once.
    struct Shared {
        permit: Semaphore,
        held: Semaphore,
        blocked: Semaphore,
    }
    async fn hold(shared: Arc<Shared>) {
        let permit = shared.permit.acquire().await.unwrap();
        shared.held.add_permits(1);
        shared.blocked.acquire().await.unwrap().forget();
        drop(permit);
    }
    async fn block(shared: Arc<Shared>) {
        shared.held.acquire().await.unwrap().forget();
        drop(shared.permit.blocking_acquire().unwrap());
    }
    let new_shared = || {
        let (permit, held, blocked) = (Semaphore::new(1), Semaphore::new(0), Semaphore::new(0));
        Arc::new(Shared { permit, held, blocked })
    };
    let report_blocked = |shared: &Shared| {
        wait_until_queued(&shared.permit, 1);
        shared.blocked.add_permits(1);
    };

    let shared = new_shared();
    let tokio = runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let holder = tokio.spawn(hold(shared.clone()));
    let blocker = tokio.spawn(block(shared.clone()));
    report_blocked(&shared);
    tokio.block_on(async {
        blocker.await.unwrap();
        holder.await.unwrap();
    });
    assert_eq!(shared.permit.available_permits(), 1);

    let shared = new_shared();
    let executor = smol::Executor::new();
    let holder = executor.spawn(hold(shared.clone()));
    let blocker = executor.spawn(block(shared.clone()));
    thread::scope(|scope| {
        scope.spawn(|| block_on(executor.run(holder)));
        scope.spawn(|| block_on(executor.run(blocker)));
        report_blocked(&shared);
    });
    assert_eq!(shared.permit.available_permits(), 1);
}

/// Many more threads than cores poll, cancel and add at once.
#[test]
fn many_threads_that_edit_one_queue_make_progress() {
    const THREADS: usize = 32;
    let (semaphore, start) = (Semaphore::new(0), Barrier::new(THREADS));
    let edit = |thread: usize| {
        start.wait();
        let (mut cx, mut acquire) = (Context::from_waker(Waker::noop()), pin!(semaphore.acquire()));
        for _ in 0..rounds(1000) {
            match acquire.as_mut().poll(&mut cx) {
                Poll::Pending if thread % 2 == 0 => acquire.set(semaphore.acquire()),
                Poll::Pending => drop((semaphore.waiters(), semaphore.add_permits(1))),
                Poll::Ready(permit) => {
                    permit.unwrap().forget();
                    acquire.set(semaphore.acquire());
                }
            }
        }
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let edit = &edit;
            scope.spawn(move || edit(thread));
        }
    });
    assert_eq!(semaphore.waiters(), 0);
}

/// A future that is queued, in place of a task.
fn queued(semaphore: &Semaphore) -> Pin<Box<Acquire<&Semaphore>>> {
    let mut future = Box::pin(semaphore.acquire());
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    future
}

#[test]
fn closing_fails_blocked_threads() {
    let semaphore = Arc::new(Semaphore::new(0));
    thread::scope(|threads| {
        let borrowed = threads.spawn(|| semaphore.blocking_acquire().is_err());
        let owned = threads.spawn(|| semaphore.clone().blocking_acquire_many_owned(2).is_err());
        wait_until_queued(&semaphore, 2);
        let task = queued(&semaphore);
        semaphore.close();
        assert!(borrowed.join().unwrap() && owned.join().unwrap());
        assert!(block_on(task).is_err());
    });
}

for_each_source! {
    all:
        a_blocking_timeout_cancels_the_waiter,
        a_blocking_timeout_of_zero_acquires_what_is_available;
    semaphores:
        blocked_threads_and_tasks_share_one_queue,
        a_blocking_acquire_does_not_overtake_a_queued_request,
        a_spurious_unpark_does_not_end_a_blocking_acquire,
}
