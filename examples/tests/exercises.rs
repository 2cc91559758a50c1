//! The solutions to the exercises in docs/lesson.md.

use std::cell::Cell;
use std::future::{IntoFuture, pending, ready};
use std::pin::pin;

use fairgate::{BoundedAcquireError, Semaphore, SemaphorePermit, TryAcquireError, with_timeout};
use fairgate_examples::textbook::Textbook;
use smol::LocalExecutor;
use smol::future::{block_on, poll_once, yield_now};

#[test]
fn exercise_1_who_goes_first() {
    let semaphore = Semaphore::new(5);
    let mut out = Vec::from([(); 5].map(|()| semaphore.try_acquire().unwrap()));
    let mut line = [3, 1, 1].map(|n| Box::pin(semaphore.acquire_many(n)));
    for request in &mut line {
        assert!(block_on(poll_once(request)).is_none());
    }
    let mut served = Vec::new();
    while let Some(permit) = out.pop() {
        drop(permit);
        served.push(line.iter().filter(|request| request.is_granted()).count());
    }
    assert_eq!(served, [0, 0, 1, 2, 3]);
}

async fn acquire_within(semaphore: &Semaphore, limit: impl IntoFuture) -> Option<SemaphorePermit<'_>> {
    with_timeout(semaphore.acquire(), limit).await.ok()?.ok()
}

#[test]
fn exercise_2_enough_of_waiting() {
    let semaphore = Semaphore::new(1);
    let permit = block_on(acquire_within(&semaphore, pending::<()>())).unwrap();
    let in_vain = block_on(acquire_within(&semaphore, ready(())));
    assert!(in_vain.is_none());
    assert_eq!(semaphore.waiters(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn exercise_3_closing_time() {
    let semaphore = Semaphore::new(1);
    let inside = semaphore.try_acquire().unwrap();
    let mut in_line = pin!(semaphore.acquire());
    assert!(block_on(poll_once(&mut in_line)).is_none());

    semaphore.close();
    assert!(block_on(in_line).is_err());
    assert!(block_on(semaphore.acquire()).is_err());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(inside.num_permits(), 1);
    drop(inside);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn exercise_4_everybody_here() {
    let gate = Semaphore::new(0);
    let arrived = Cell::new(0);
    let walk = async |steps: usize| {
        for _ in 0..steps {
            yield_now().await;
        }
        arrived.set(arrived.get() + 1);
        gate.add_permits(1);
    };
    let executor = LocalExecutor::new();
    for steps in [4, 0, 2, 3, 1] {
        executor.spawn(walk(steps)).detach();
    }
    block_on(executor.run(gate.acquire_many(5))).unwrap().forget();
    assert_eq!(arrived.get(), 5);
}

#[test]
fn exercise_5_fewer_please() {
    let semaphore = Semaphore::new(5);
    let mut out = Vec::from([(); 5].map(|()| semaphore.try_acquire().unwrap()));
    semaphore.reduce_permits(2);
    let mut next = pin!(semaphore.acquire());
    for still_out in [5, 4, 3] {
        assert_eq!(out.len(), still_out);
        assert!(block_on(poll_once(&mut next)).is_none());
        out.pop();
    }
    assert!(block_on(poll_once(&mut next)).is_some(), "two are out, the third may come in");
}

#[test]
fn exercise_6_the_line_is_too_long() {
    let semaphore = Semaphore::new(1);
    let _served = semaphore.try_acquire().unwrap();
    let mut line = [(); 2].map(|()| Box::pin(semaphore.acquire().bounded(2)));
    for request in &mut line {
        assert!(block_on(poll_once(request)).is_none());
    }
    let refused = block_on(semaphore.acquire().bounded(2));
    assert_eq!(refused.unwrap_err(), BoundedAcquireError::QueueFull);
}

#[test]
fn exercise_7_overtaking() {
    let textbook = Textbook::new(1);
    let permit = textbook.try_acquire();
    let mut first = pin!(textbook.acquire());
    assert!(block_on(poll_once(&mut first)).is_none());
    drop(permit);
    let overtaker = textbook.try_acquire();
    assert!(overtaker.is_some());
    assert!(block_on(poll_once(&mut first)).is_none());

    let fair = Semaphore::new(1);
    let permit = fair.try_acquire();
    let mut first = pin!(fair.acquire());
    assert!(block_on(poll_once(&mut first)).is_none());
    drop(permit);
    assert_eq!(fair.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert!(block_on(poll_once(&mut first)).is_some());
}

/// Two slow answers keep both slots over a tick, while six requests wait. Then the slots come free: how
/// many of the six are sent before the next tick?
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
    assert_eq!(slot_first, 3, "the token is taken when the request is really sent");

    let token_first = sent_in_one_tick(async |slots, tokens| {
        tokens.acquire().await.unwrap().forget();
        let _slot = slots.acquire().await.unwrap();
    });
    assert_eq!(token_first, 6, "tokens of an earlier tick were saved up in the line");
}
