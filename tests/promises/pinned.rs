//! The node of a waiter is inside its future. Other threads write to the node while the task holds the future.
//!
//! These programs are meant for Miri and its checks of aliasing (P17). Without Miri they check the results.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::{Arc, Barrier, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::common::waker::{self, WakerEvent};
use crate::common::{rounds, wait_until};
use fairgate::futures::{Acquire, AcquireOwned};
use fairgate::{Mutex, Semaphore};
use futures_lite::future::{block_on, or, poll_once, yield_now};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// P17, tokio#3399: a lock future on the stack is polled once through `&mut`, the lock is released while it is
/// queued, and another future is queued.
#[test]
fn a_future_on_the_stack_is_granted_in_place() {
    let mutex = Mutex::new("foo".to_string());
    let guard = mutex.try_lock().unwrap();
    let mut waiting = pin!(mutex.lock());
    assert!(block_on(poll_once(&mut waiting)).is_none());
    drop(guard);
    let mut next = pin!(mutex.lock());
    assert!(poll(next.as_mut()).is_pending());
    let Poll::Ready(guard) = poll(waiting) else { panic!("it is granted") };
    assert_eq!(*guard, "foo");
    drop(guard);
    assert!(poll(next).is_ready());
}

/// The same for an `Arc` and for a request of several permits.
#[test]
fn an_owned_future_on_the_stack_is_granted_in_place() {
    let (mutex, semaphore) = (Arc::new(Mutex::new(1)), Arc::new(Semaphore::new(1)));
    let guard = mutex.clone().try_lock_owned().unwrap();
    let mut lock = pin!(mutex.clone().lock_owned());
    let mut acquire = pin!(semaphore.clone().acquire_many_owned(2));
    let mut up_to = pin!(semaphore.clone().acquire_owned().up_to(3));
    assert!(poll(lock.as_mut()).is_pending());
    assert!(poll(acquire.as_mut()).is_pending() && poll(up_to.as_mut()).is_pending());
    drop(guard);
    semaphore.add_permits(4);
    assert!(poll(lock).is_ready() && poll(acquire).is_ready());
    let Poll::Ready(Ok(rest)) = poll(up_to) else { panic!("it is granted") };
    assert_eq!(rest.num_permits(), 3);
}

/// P17: the state of the async block surrounds the node.
#[test]
fn async_blocks_on_the_stack_are_polled_between_releases() {
    let semaphore = Semaphore::new(0);
    let wait = async |name: String| {
        let turn = semaphore.acquire().await.unwrap();
        yield_now().await;
        turn.forget();
        name + " was granted"
    };
    let mut blocks = [pin!(wait("a".into())), pin!(wait("b".into())), pin!(wait("c".into()))];
    for front in 0..blocks.len() {
        for block in &mut blocks[front..] {
            assert!(poll(block.as_mut()).is_pending());
        }
        semaphore.add_permits(1);
        for block in blocks[front..].iter_mut().rev() {
            assert!(poll(block.as_mut()).is_pending());
        }
        let Poll::Ready(output) = poll(blocks[front].as_mut()) else { panic!("it is granted") };
        assert_eq!(output, ["a was granted", "b was granted", "c was granted"][front]);
    }
}

/// P17: in each phase, between two polls.
#[test]
fn a_shared_reference_may_read_a_future_between_polls() {
    let semaphore = Semaphore::new(0);
    let mut future = pin!(semaphore.acquire_many(2));
    let inspect = |future: &Acquire<&Semaphore>, progress: &str| {
        let text = format!("{future:?}");
        (text.contains(progress) && text.contains('2'), future.is_granted(), future.num_permits())
    };
    assert_eq!(inspect(&future, "New"), (true, false, 2));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(inspect(&future, "Queued"), (true, false, 2));
    let neighbour = pin!(semaphore.acquire());
    assert!(poll(neighbour).is_pending());
    assert_eq!(inspect(&future, "Queued"), (true, false, 2));
    semaphore.add_permits(2);
    assert_eq!(inspect(&future, "Granted"), (true, true, 2));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(inspect(&future, "Completed"), (true, false, 2));
}

/// P17: one thread reads while another grants.
#[test]
fn another_thread_may_read_a_future_while_it_is_granted() {
    let semaphore = Semaphore::new(0);
    let mut future = pin!(semaphore.acquire());
    assert!(poll(future.as_mut()).is_pending());
    let shared: &Acquire<&Semaphore> = &future;
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(|| shared.is_granted());
        });
        scope.spawn(|| semaphore.add_permits(1));
    });
    assert!(poll(future).is_ready());
}

/// P17: neighbours on both sides of the node are queued and cancelled.
#[test]
fn neighbours_are_cancelled_while_a_future_is_polled() {
    let semaphore = Semaphore::new(1);
    let mut before = Box::pin(semaphore.acquire_many(3));
    let mut kept = pin!(semaphore.acquire());
    let mut after = Box::pin(semaphore.acquire());
    assert!(poll(before.as_mut()).is_pending());
    assert!(poll(kept.as_mut()).is_pending());
    assert!(poll(after.as_mut()).is_pending());
    drop(after);
    assert!(poll(kept.as_mut()).is_pending());
    // Moving a box does not move its node.
    let moved = vec![before];
    assert!(!moved[0].is_granted());
    drop(moved);
    assert!(poll(kept).is_ready());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

/// P17: the combinator polls both futures and drops one of them while it is queued.
#[test]
fn a_combinator_drops_the_losing_future_in_place() {
    let (fast, slow) = (Semaphore::new(0), Semaphore::new(0));
    let name = async |semaphore: &Semaphore, name: &'static str| {
        semaphore.acquire().await.unwrap().forget();
        name
    };
    let mut either = Box::pin(or(name(&slow, "slow"), name(&fast, "fast")));
    assert!(poll(either.as_mut()).is_pending());
    fast.add_permits(1);
    assert_eq!(poll(either.as_mut()), Poll::Ready("fast"));
    drop(either);
    slow.add_permits(1);
    assert_eq!((slow.waiters(), slow.available_permits()), (0, 1));
}

/// P17: the waker of each request that a release grants is called before the next one is granted.
/// Such a waker polls a new future. Its first poll writes the node, links it and may also grant it, all through the
/// pointers of the queue.
#[test]
fn a_future_may_be_queued_and_granted_within_its_first_poll() {
    const LATE_PERMITS: usize = 2;
    type Late = Arc<StdMutex<Option<Pin<Box<AcquireOwned>>>>>;
    for (waiters, reentrant) in [(1, 0), (2, 0), (2, 1), (40, 20)] {
        let (semaphore, late) = (Arc::new(Semaphore::new(0)), Late::default());
        let waker = waker::on(WakerEvent::Wake, {
            let (semaphore, late) = (semaphore.clone(), late.clone());
            move || {
                let mut future = Box::pin(semaphore.clone().acquire_many_owned(LATE_PERMITS));
                if let Poll::Ready(permit) = poll(future.as_mut()) {
                    assert_eq!(permit.unwrap().num_permits(), LATE_PERMITS);
                } else {
                    *late.lock().unwrap() = Some(future);
                }
            }
        });
        let mut queued: Vec<_> = (0..waiters).map(|_| Box::pin(semaphore.acquire())).collect();
        for (index, future) in queued.iter_mut().enumerate() {
            let waker = if index == reentrant { &waker } else { Waker::noop() };
            assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        semaphore.add_permits(waiters + LATE_PERMITS + 5);
        for mut future in queued {
            let Poll::Ready(permit) = poll(future.as_mut()) else { panic!("every waiter is granted") };
            permit.unwrap().forget();
        }
        if let Some(mut future) = late.lock().unwrap().take() {
            let Poll::Ready(permit) = poll(future.as_mut()) else { panic!("the late waiter is granted") };
            assert_eq!(permit.unwrap().num_permits(), LATE_PERMITS);
        }
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, LATE_PERMITS + 5));
    }
}

/// P17: the first poll reads its grant from its own node, while another thread adds the permit.
#[test]
fn a_future_may_be_granted_by_another_thread_within_its_first_poll() {
    for _ in 0..rounds(2000) {
        let (semaphore, start) = (Semaphore::new(0), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                semaphore.add_permits(1);
            });
            start.wait();
            let mut future = pin!(semaphore.acquire());
            wait_until(|| poll(future.as_mut()).is_ready());
        });
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 1));
    }
}

/// P17: threads that do at random whatever safe code may do with a future, while others grant, cancel and enqueue its
/// neighbours. Under Miri each seed gives another program.
#[test]
fn threads_do_anything_with_their_futures_while_others_grant() {
    const PERMITS: usize = 2;
    let semaphore = Arc::new(Semaphore::new(PERMITS));
    let adversary = || {
        let mut random = RandomState::new().hash_one(()) | 1;
        let mut below = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 32) as usize % bound
        };
        let mut futures: [Option<Pin<Box<AcquireOwned>>>; 3] = [const { None }; 3];
        let mut held = Vec::new();
        for _ in 0..if cfg!(miri) { 100 } else { rounds(5000) } {
            let (slot, other) = (below(futures.len()), below(futures.len()));
            match (below(8), &mut futures[slot]) {
                (0, future) => *future = None,
                (1, Some(future)) => {
                    let shared: &AcquireOwned = future;
                    let is_shown = format!("{shared:?}").contains("Granted");
                    assert!(!is_shown || shared.is_granted());
                }
                (2, _) => futures.swap(slot, other),
                (3, Some(future)) => {
                    future.set(semaphore.clone().acquire_many_owned(1 + below(PERMITS)));
                }
                (4, _) => drop(held.pop()),
                (5, _) => held.extend(semaphore.clone().try_acquire_owned().ok()),
                (_, Some(future)) => {
                    if let Poll::Ready(permit) = poll(future.as_mut()) {
                        held.push(permit.unwrap());
                        futures[slot] = None;
                    }
                }
                (_, none) => {
                    *none = Some(Box::pin(semaphore.clone().acquire_many_owned(1 + below(PERMITS))));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(adversary);
        }
    });
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, PERMITS));
}
