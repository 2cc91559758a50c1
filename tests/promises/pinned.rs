//! A waiter's node lies inside its future, and other threads reach into it while its owner holds the future.
//!
//! These are the programs that a checker of aliasing is to see (P17): under Miri they show what they are for, and
//! elsewhere that the answers are right.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use fairgate::{Acquire, Mutex, Semaphore};
use futures_lite::future::{block_on, or, poll_once, yield_now};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// P17, tokio#3399: a lock's future on the stack is polled once through `&mut`, stays in line while the lock is given
/// back, and somebody else asks.
#[test]
fn a_future_on_the_stack_is_polled_once_and_granted_where_it_lies() {
    let mutex = Mutex::new("foo".to_string());
    let guard = mutex.try_lock().unwrap();
    let mut waiting = pin!(mutex.lock());
    assert!(block_on(poll_once(&mut waiting)).is_none());
    drop(guard);
    let mut next = pin!(mutex.lock());
    assert!(poll(next.as_mut()).is_pending());
    let Poll::Ready(guard) = poll(waiting) else { panic!("it is its turn") };
    assert_eq!(*guard, "foo");
    drop(guard);
    assert!(poll(next).is_ready());
}

/// The same of a shared mutex and a weighted request.
#[test]
fn an_owning_future_on_the_stack_is_granted_where_it_lies() {
    let (mutex, semaphore) = (Arc::new(Mutex::new(1)), Arc::new(Semaphore::new(1)));
    let guard = mutex.clone().try_lock_owned().unwrap();
    let mut lock = pin!(mutex.clone().lock_owned());
    let mut acquire = pin!(semaphore.clone().acquire_many_owned(2));
    let mut greedy = pin!(semaphore.clone().acquire_owned().up_to(3));
    assert!(poll(lock.as_mut()).is_pending());
    assert!(poll(acquire.as_mut()).is_pending() && poll(greedy.as_mut()).is_pending());
    drop(guard);
    semaphore.add_permits(4);
    assert!(poll(lock).is_ready() && poll(acquire).is_ready());
    let Poll::Ready(Ok(rest)) = poll(greedy) else { panic!("it is its turn") };
    assert_eq!(rest.num_permits(), 3);
}

/// P17: async blocks, whose own state surrounds the node, are polled again between the releases.
#[test]
fn async_blocks_on_the_stack_are_polled_again_between_releases() {
    let semaphore = Semaphore::new(0);
    let wait = async |name: String| {
        let turn = semaphore.acquire().await.unwrap();
        yield_now().await;
        turn.forget();
        name + " was served"
    };
    let mut blocks = [pin!(wait("a".into())), pin!(wait("b".into())), pin!(wait("c".into()))];
    for at_the_front in 0..blocks.len() {
        for block in &mut blocks[at_the_front..] {
            assert!(poll(block.as_mut()).is_pending());
        }
        semaphore.add_permits(1);
        for block in blocks[at_the_front..].iter_mut().rev() {
            assert!(poll(block.as_mut()).is_pending());
        }
        let Poll::Ready(said) = poll(blocks[at_the_front].as_mut()) else { panic!("it was granted") };
        assert_eq!(said, ["a was served", "b was served", "c was served"][at_the_front]);
    }
}

/// P17: a shared reference to the future, between its polls, in each of its phases.
#[test]
fn a_future_may_be_looked_at_between_polls() {
    let semaphore = Semaphore::new(0);
    let mut future = pin!(semaphore.acquire_many(2));
    let look = |future: &Acquire<'_>| (format!("{future:?}"), future.is_granted(), future.num_permits());
    let told = |phase| format!("AcquireFrom {{ permits: 2, progress: {phase}, .. }}");
    assert_eq!(look(&future), (told("New"), false, 2));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(look(&future), (told("Queued"), false, 2));
    let neighbour = pin!(semaphore.acquire());
    assert!(poll(neighbour).is_pending());
    assert_eq!(look(&future), (told("Queued"), false, 2));
    semaphore.add_permits(2);
    assert_eq!(look(&future), (told("Granted"), true, 2));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(look(&future), (told("Completed"), false, 2));
}

/// P17: the reference is another thread's, while a third grants.
#[test]
fn a_future_may_be_looked_at_by_others_while_it_is_granted() {
    let semaphore = Semaphore::new(0);
    let mut future = pin!(semaphore.acquire());
    assert!(poll(future.as_mut()).is_pending());
    let shared: &Acquire<'_> = &future;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !shared.is_granted() {
                thread::yield_now();
            }
        });
        scope.spawn(|| semaphore.add_permits(1));
    });
    assert!(poll(future).is_ready());
}

/// P17: neighbours come and go on both sides of a node whose owner polls it.
#[test]
fn neighbours_leave_while_a_future_is_polled() {
    let semaphore = Semaphore::new(1);
    let mut before = Box::pin(semaphore.acquire_many(3));
    let mut kept = pin!(semaphore.acquire());
    let mut after = Box::pin(semaphore.acquire());
    assert!(poll(before.as_mut()).is_pending());
    assert!(poll(kept.as_mut()).is_pending());
    assert!(poll(after.as_mut()).is_pending());
    drop(after);
    assert!(poll(kept.as_mut()).is_pending());
    // A box may move: its node does not.
    let moved = vec![before];
    assert!(!moved[0].is_granted());
    drop(moved);
    assert!(poll(kept).is_ready());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

/// P17: one of two requests is dropped by the combinator that polled both.
#[test]
fn the_loser_of_two_is_dropped_where_it_lies() {
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
