//! Threads and tasks stand in one line, and nobody waits without end for the line's lock.
//!
//! That a thread allocates nothing to wait, after its first time, stands in `tests/no_alloc.rs`.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use fairgate::{Mutex, Semaphore, TimeoutExt};
use futures_lite::future::{block_on, yield_now};
use tokio::runtime;

use crate::common::kind::{Counting, Shared, Start, each_kind};
use crate::common::scene::Scene;
use crate::common::step::{Answer, Ask};
use crate::common::{rounds, watched};

/// Returns when so many stand in line. If they never come, sends away those who have.
fn until_in_line(semaphore: &Semaphore, length: usize) {
    let patience = Instant::now() + Duration::from_secs(60);
    while semaphore.waiters() < length {
        if Instant::now() > patience {
            semaphore.close();
            panic!("{semaphore:?}: not {length} in line");
        }
        thread::yield_now();
    }
}

/// P28: threads and tasks come in turn, and are served in the order of their coming.
fn threads_and_tasks_stand_in_one_line<K: Counting + Shared>() {
    let (kind, served) = (K::with(0), StdMutex::new(Vec::new()));
    let note = |who| served.lock().unwrap().push(who);
    thread::scope(|scope| {
        for who in 0..8 {
            let (kind, note) = (&kind, &note);
            scope.spawn(move || match who % 4 {
                0 => drop((kind.blocking_acquire().unwrap(), note(who))),
                1 => drop((block_on(kind.request(Ask::For(1))).unwrap(), note(who))),
                2 => drop((kind.acquire_many(2).blocking_timeout(Duration::MAX).unwrap(), note(who))),
                _ => drop((block_on(kind.acquire_many(2)).unwrap(), note(who))),
            });
            until_in_line(kind, who + 1);
        }
        kind.add(2);
    });
    let mut order = served.into_inner().unwrap();
    // Of two who ask for one each, and so fit in together, either may be the first to write it down.
    order.chunks_mut(4).for_each(|four| four[..2].sort_unstable());
    assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(kind.tells(), (2, 0));
}

/// The same of a mutex, whose threads and tasks all get their turn.
#[test]
fn threads_and_tasks_take_turns_at_a_mutex() {
    let mutex = Arc::new(Mutex::new(0));
    thread::scope(|scope| {
        for who in 0..6 {
            let mutex = mutex.clone();
            scope.spawn(move || {
                for _ in 0..rounds(500) {
                    match who % 3 {
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

/// P28: a thread that gave up left its node in the line.
fn a_thread_out_of_time_leaves_the_line<K: Start>() {
    for limit in [Duration::ZERO, Duration::from_millis(1)] {
        let mut scene = Scene::<K>::new(0);
        let before = scene.ask(1);
        assert!(scene.kind.request(1.into()).blocking_timeout(limit).is_err());
        let after = scene.ask(1);
        scene.kind.add(1);
        assert_eq!(scene.poll(before), Answer::Got(1));
        scene.leave(before);
        assert_eq!(scene.poll(after), Answer::Got(1), "the thread stands in line still");
    }
}

fn a_thread_without_time_takes_what_lies_free<K: Start>() {
    let kind = K::with(1);
    let held = kind.request(1.into()).blocking_timeout(Duration::ZERO);
    assert!(matches!(held, Ok(Some(_))));
    assert!(!kind.is_free());
}

/// P24, P28: time runs out as the permit comes, or before, or after: it is counted once.
fn a_thread_that_runs_out_of_time_as_it_is_granted_loses_no_permit<K: Counting + Shared>() {
    let (kind, got) = (K::with(0), AtomicUsize::new(0));
    for round in 0..rounds(200) {
        thread::scope(|scope| {
            scope.spawn(|| {
                let limit = Duration::from_micros(round as u64 % 40);
                let served = kind.request(Ask::For(1)).blocking_timeout(limit);
                got.fetch_add(usize::from(served.is_ok()), SeqCst);
            });
            kind.add(1);
        });
        assert_eq!(kind.tells(), (round + 1, 0));
        assert!(got.load(SeqCst) <= round + 1);
    }
}

/// P28: a thread was unparked by somebody else, and took that for its turn, or slept through its own.
fn a_thread_unparked_for_no_reason_goes_on_waiting<K: Counting + Shared>() {
    let kind = K::with(0);
    let wait = |limit| match limit {
        None => kind.blocking_acquire().unwrap().forget(),
        Some(limit) => kind.request(Ask::For(1)).blocking_timeout(limit).unwrap().unwrap().forget(),
    };
    for limit in [None, Some(Duration::from_secs(1 << 20)), Some(Duration::MAX)] {
        let served = AtomicBool::new(false);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                thread::current().unpark();
                wait(limit);
                served.store(true, SeqCst);
            });
            until_in_line(&kind, 1);
            for _ in 0..100 {
                sleeper.thread().unpark();
                thread::yield_now();
                assert!(!served.load(SeqCst));
                assert_eq!(kind.tells(), (0, 1));
            }
            kind.add(1);
        });
        assert_eq!(kind.tells(), (0, 0));
    }
}

/// P28: what a future does while it is polled may use up the token that a call has left. The call counts all the same.
#[test]
fn a_thread_is_called_though_its_future_uses_up_the_token() {
    watched("a wait whose token was used up", || {
        let semaphore = Semaphore::new(0);
        let (mut request, mut used_up) = (Box::pin(semaphore.acquire()), false);
        let future = poll_fn(|cx| {
            let polled = request.as_mut().poll(cx);
            if !used_up {
                used_up = true;
                semaphore.add_permits(1);
                thread::park();
            }
            polled
        });
        assert!(future.blocking_timeout(Duration::MAX).unwrap().is_ok());
    });
}

/// P28: a future that calls its waker each time it is polled, as one does that yields, left no time to look at the clock.
#[test]
fn a_thread_runs_out_of_time_though_it_is_called_all_the_time() {
    watched("a future that wakes itself", || {
        let yields = poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(yields.blocking_timeout(Duration::from_millis(1)).is_err());
    });
}

/// A thread that waits once more while it ends, when the waker that it kept is gone.
#[test]
fn a_thread_may_wait_while_it_ends() {
    struct AtTheEnd(Arc<Semaphore>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            self.0.blocking_acquire().unwrap().forget();
        }
    }
    thread_local!(static KEPT: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });
    let semaphore = Arc::new(Semaphore::new(0));
    let ending = thread::spawn({
        let semaphore = semaphore.clone();
        move || {
            KEPT.with(|kept| kept.replace(Some(AtTheEnd(semaphore.clone()))));
            semaphore.blocking_acquire().unwrap().forget();
        }
    });
    for _ in 0..2 {
        until_in_line(&semaphore, 1);
        semaphore.add_permits(1);
    }
    ending.join().unwrap();
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
}

/// P28: from inside an executor's thread, which is blocked meanwhile, while a task on another thread holds the permit.
#[test]
fn a_task_may_block_its_thread_of_an_executor() {
    async fn hold(semaphore: Arc<Semaphore>, ready: Arc<AtomicBool>) {
        let permit = semaphore.acquire().await.unwrap();
        ready.store(true, SeqCst);
        while semaphore.waiters() == 0 {
            yield_now().await;
        }
        drop(permit);
    }
    async fn block(semaphore: Arc<Semaphore>, ready: Arc<AtomicBool>) {
        while !ready.load(SeqCst) {
            yield_now().await;
        }
        drop(semaphore.blocking_acquire().unwrap());
    }
    let parts = || (Arc::new(Semaphore::new(1)), Arc::new(AtomicBool::new(false)));

    let (semaphore, ready) = parts();
    let tokio = runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    tokio.block_on(async {
        let holder = tokio::spawn(hold(semaphore.clone(), ready.clone()));
        tokio::spawn(block(semaphore.clone(), ready)).await.unwrap();
        holder.await.unwrap();
    });
    assert_eq!(semaphore.available_permits(), 1);

    let (semaphore, ready) = parts();
    let executor = smol::Executor::new();
    let holder = executor.spawn(hold(semaphore.clone(), ready.clone()));
    let blocker = executor.spawn(block(semaphore.clone(), ready));
    thread::scope(|scope| {
        scope.spawn(|| block_on(executor.run(holder)));
        scope.spawn(|| block_on(executor.run(blocker)));
    });
    assert_eq!(semaphore.available_permits(), 1);
}

/// Promise 6: everybody edits the line at once, many more threads than there are cores, and comes to an end.
#[test]
fn a_crowd_that_edits_one_line_comes_to_an_end() {
    const THREADS: usize = 32;
    let (semaphore, start) = (Semaphore::new(0), Barrier::new(THREADS));
    let edit = |who: usize| {
        start.wait();
        let (mut cx, mut request) = (Context::from_waker(Waker::noop()), pin!(semaphore.acquire()));
        for _ in 0..rounds(1000) {
            match request.as_mut().poll(&mut cx) {
                Poll::Pending if who % 2 == 0 => request.set(semaphore.acquire()),
                Poll::Pending => drop((semaphore.waiters(), semaphore.add_permits(1))),
                Poll::Ready(permit) => {
                    permit.unwrap().forget();
                    request.set(semaphore.acquire());
                }
            }
        }
    };
    thread::scope(|scope| {
        for who in 0..THREADS {
            let edit = &edit;
            scope.spawn(move || edit(who));
        }
    });
    assert_eq!(semaphore.waiters(), 0);
}

each_kind! {
    all:
        a_thread_out_of_time_leaves_the_line,
        a_thread_without_time_takes_what_lies_free;
    semaphores:
        threads_and_tasks_stand_in_one_line,
        a_thread_that_runs_out_of_time_as_it_is_granted_loses_no_permit,
        a_thread_unparked_for_no_reason_goes_on_waiting,
}
