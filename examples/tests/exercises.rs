//! The solutions to the exercises in docs/lesson.md.

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::pin;

use fairgate::{Semaphore, SemaphorePermit, TryAcquireError, with_timeout};
use fairgate_examples::textbook::Textbook;
use smol::LocalExecutor;
use smol::future::{block_on, poll_once, yield_now};

#[test]
fn exercise_1_which_is_next() {
    let semaphore = Semaphore::new(5);
    let mut held = Vec::from([(); 5].map(|()| semaphore.try_acquire().unwrap()));
    let mut requests = [3, 1, 1].map(|n| Box::pin(semaphore.acquire_many(n)));
    for request in &mut requests {
        assert!(block_on(poll_once(request)).is_none());
    }
    let mut granted = Vec::new();
    while let Some(permit) = held.pop() {
        drop(permit);
        granted.push(requests.iter().filter(|request| request.is_granted()).count());
    }
    assert_eq!(granted, [0, 0, 1, 2, 3]);
}

async fn acquire_within(semaphore: &Semaphore, limit: impl Future) -> Option<SemaphorePermit<'_>> {
    with_timeout(semaphore.acquire(), limit).await.ok()?.ok()
}

#[test]
fn exercise_2_a_limit_on_the_wait() {
    let semaphore = Semaphore::new(1);
    let permit = block_on(acquire_within(&semaphore, pending::<()>())).unwrap();
    let timed_out = block_on(acquire_within(&semaphore, ready(())));
    assert!(timed_out.is_none());
    assert_eq!(semaphore.waiters(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn exercise_3_close() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut queued = pin!(semaphore.acquire());
    assert!(block_on(poll_once(&mut queued)).is_none());

    semaphore.close();
    assert!(block_on(queued).is_err());
    assert!(block_on(semaphore.acquire()).is_err());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(held.num_permits(), 1);
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn exercise_4_a_barrier() {
    let arrivals = Semaphore::new(0);
    let arrived = Cell::new(0);
    let arrive_after = async |steps: usize| {
        for _ in 0..steps {
            yield_now().await;
        }
        arrived.set(arrived.get() + 1);
        arrivals.add_permits(1);
    };
    let executor = LocalExecutor::new();
    for steps in [4, 0, 2, 3, 1] {
        executor.spawn(arrive_after(steps)).detach();
    }
    block_on(executor.run(arrivals.acquire_many(5))).unwrap().forget();
    assert_eq!(arrived.get(), 5);
}

#[test]
fn exercise_5_a_smaller_limit() {
    let semaphore = Semaphore::new(5);
    let mut held = Vec::from([(); 5].map(|()| semaphore.try_acquire().unwrap()));
    semaphore.reduce_permits(2);
    let mut next = pin!(semaphore.acquire());
    for still_held in [5, 4, 3] {
        assert_eq!(held.len(), still_held);
        assert!(block_on(poll_once(&mut next)).is_none());
        held.pop();
    }
    assert!(block_on(poll_once(&mut next)).is_some(), "two are held, so the third is granted");
}

#[test]
fn exercise_6_a_bounded_queue() {
    let semaphore = Semaphore::new(1);
    let _held = semaphore.try_acquire().unwrap();
    let mut queued = [(); 2].map(|()| Box::pin(semaphore.acquire().max_waiters(2)));
    for request in &mut queued {
        assert!(block_on(poll_once(request)).is_none());
    }
    let refused = block_on(semaphore.acquire().max_waiters(2));
    assert!(refused.unwrap_err().is_full());
}

#[test]
fn exercise_7_barging() {
    let textbook = Textbook::new(1);
    let permit = textbook.try_acquire();
    let mut queued = pin!(textbook.acquire());
    assert!(block_on(poll_once(&mut queued)).is_none());
    drop(permit);
    let later = textbook.try_acquire();
    assert!(later.is_some());
    assert!(block_on(poll_once(&mut queued)).is_none());

    let fair = Semaphore::new(1);
    let permit = fair.try_acquire();
    let mut queued = pin!(fair.acquire());
    assert!(block_on(poll_once(&mut queued)).is_none());
    drop(permit);
    assert_eq!(fair.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert!(block_on(poll_once(&mut queued)).is_some());
}

/// Two slow requests hold both permits until after a tick, while six more wait. Then the permits are released. Returns
/// how many of the six are sent before the next tick.
fn sent_in_one_tick(request: impl AsyncFn(&Semaphore, &Semaphore)) -> usize {
    let (slots, tokens, sent) = (Semaphore::new(2), Semaphore::new(3), Cell::new(0));
    let executor = LocalExecutor::new();
    let slow = slots.try_acquire_many(2).unwrap();
    for _ in 0..6 {
        let request = async {
            request(&slots, &tokens).await;
            sent.set(sent.get() + 1);
        };
        executor.spawn(request).detach();
    }
    while executor.try_tick() {}
    tokens.add_permits(3 - tokens.available_permits());
    while executor.try_tick() {}
    drop(slow);
    while executor.try_tick() {}
    sent.get()
}

#[test]
fn exercise_8_both_limits() {
    let slot_first = sent_in_one_tick(async |slots, tokens| {
        let _slot = slots.acquire().await.unwrap();
        tokens.acquire().await.unwrap().forget();
    });
    assert_eq!(slot_first, 3, "a token is acquired when its request is sent");

    let token_first = sent_in_one_tick(async |slots, tokens| {
        tokens.acquire().await.unwrap().forget();
        let _slot = slots.acquire().await.unwrap();
    });
    assert_eq!(token_first, 6, "tokens of an earlier tick were saved up by waiting requests");
}
