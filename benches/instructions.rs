//! The same work counted in instructions under callgrind. `cargo bench -- instructions` runs it and shows its counts.

#[allow(dead_code, reason = "the timed benchmarks use the rest")]
mod peers;
#[allow(dead_code, reason = "the timed benchmarks use the rest")]
#[path = "harness/poll.rs"]
mod poll;

use std::future::pending;
use std::hint::black_box;

use fairgate::with_timeout;
use gungraun::prelude::*;
use peers::*;
use poll::{Queue, queue, ready, short_queues};

/// Operations of one call; a queue of 1,000 waiters has more. benchmarks/programs.rs divides by them.
const OPERATIONS: usize = 100;
const MANY: usize = 3;

fn leak<P: Peer>(permits: usize) -> &'static P {
    Box::leak(Box::new(P::new(permits)))
}

#[library_benchmark]
#[bench::fairgate(leak::<Fairgate>(1))]
#[bench::cas_pair(leak::<CasPair>(1))]
#[bench::tokio(leak::<Tokio>(1))]
#[bench::asyncband(leak::<Asyncband>(1))]
#[bench::maitake_sync(leak::<Maitake>(1))]
#[bench::futures_intrusive(leak::<FuturesIntrusive>(1))]
#[bench::saa(leak::<Saa>(1))]
#[bench::flag_bearer(leak::<FlagBearer>(1))]
#[bench::async_lock(leak::<AsyncLock>(1))]
fn acquire<P: Peer>(semaphore: &P) {
    for _ in 0..OPERATIONS {
        drop(ready!(black_box(semaphore).acquire()));
    }
}

#[library_benchmark]
#[bench::fairgate(leak::<Fairgate>(MANY))]
#[bench::cas_pair(leak::<CasPair>(MANY))]
#[bench::tokio(leak::<Tokio>(MANY))]
#[bench::asyncband(leak::<Asyncband>(MANY))]
#[bench::maitake_sync(leak::<Maitake>(MANY))]
#[bench::futures_intrusive(leak::<FuturesIntrusive>(MANY))]
#[bench::saa(leak::<Saa>(MANY))]
#[bench::flag_bearer(leak::<FlagBearer>(MANY))]
fn acquire_many<P: AcquireMany>(semaphore: &P) {
    for _ in 0..OPERATIONS {
        drop(ready!(black_box(semaphore).acquire_many(black_box(MANY))));
    }
}

#[library_benchmark]
#[bench::fairgate(leak::<FairgateOwned>(1))]
#[bench::cas_pair(leak::<CasPairOwned>(1))]
#[bench::tokio(leak::<TokioOwned>(1))]
#[bench::asyncband(leak::<AsyncbandOwned>(1))]
#[bench::maitake_sync(leak::<MaitakeOwned>(1))]
#[bench::futures_intrusive(leak::<FuturesIntrusiveOwned>(1))]
#[bench::async_lock(leak::<AsyncLockOwned>(1))]
fn owned_acquire<P: Peer>(semaphore: &P) {
    for _ in 0..OPERATIONS {
        drop(ready!(black_box(semaphore).acquire()));
    }
}

#[library_benchmark]
#[bench::fairgate(leak::<FairgateMutex>(1))]
#[bench::cas_pair(leak::<CasPair>(1))]
#[bench::tokio(leak::<TokioMutex>(1))]
#[bench::asyncband(leak::<AsyncbandMutex>(1))]
#[bench::maitake_sync(leak::<MaitakeMutex>(1))]
#[bench::futures_intrusive(leak::<FuturesIntrusiveMutex>(1))]
#[bench::futures_util(leak::<FuturesUtilMutex>(1))]
#[bench::saa(leak::<SaaMutex>(1))]
#[bench::async_lock(leak::<AsyncLockMutex>(1))]
fn lock<P: Peer>(mutex: &P) {
    for _ in 0..OPERATIONS {
        drop(ready!(black_box(mutex).acquire()));
    }
}

#[library_benchmark]
#[bench::fairgate(map_with_fairgate)]
#[bench::tokio(map_with_tokio)]
fn map_guard(lock_and_map: fn()) {
    lock_and_map();
}

fn map_with_fairgate() {
    let mutex = fairgate::Mutex::new((0_u8, 0_u8));
    for _ in 0..OPERATIONS {
        let guard = ready!(black_box(&mutex).lock());
        drop(fairgate::MutexGuard::map(guard, |pair| &mut pair.0));
    }
}

fn map_with_tokio() {
    let mutex = tokio::sync::Mutex::new((0_u8, 0_u8));
    for _ in 0..OPERATIONS {
        let guard = ready!(black_box(&mutex).lock());
        drop(tokio::sync::MutexGuard::map(guard, |pair| &mut pair.0));
    }
}

#[library_benchmark]
#[bench::fairgate(leak::<Fairgate>(1))]
fn with_timeout_around_acquire(semaphore: &Fairgate) {
    for _ in 0..OPERATIONS {
        drop(ready!(with_timeout(black_box(semaphore).acquire(), pending::<()>())));
    }
}

/// Held permits, each with a queue of futures that wait for it.
type Prepared<T, F> = Vec<(T, Queue<F>)>;

fn prepare<P: Peer>(length: usize) -> Prepared<impl Send, impl Future> {
    let semaphores = Vec::leak(short_queues::<P>(length));
    let pair = |semaphore: &'static P| (ready!(semaphore.acquire()), queue(length, || semaphore.acquire()));
    semaphores.iter().map(pair).collect()
}

/// Like `prepare`, with the futures enqueued.
fn prepare_enqueued<P: Peer>(length: usize) -> Prepared<impl Send, impl Future> {
    let mut prepared = prepare::<P>(length);
    prepared.iter_mut().for_each(|(_, queue)| queue.enqueue());
    prepared
}

#[library_benchmark]
#[benches::fairgate(args = [1, 10, 1_000], setup = prepare::<Fairgate>)]
#[benches::tokio(args = [1, 10, 1_000], setup = prepare::<Tokio>)]
#[benches::asyncband(args = [1, 10, 1_000], setup = prepare::<Asyncband>)]
#[benches::maitake_sync(args = [1, 10, 1_000], setup = prepare::<Maitake>)]
#[benches::futures_intrusive(args = [1, 10, 1_000], setup = prepare::<FuturesIntrusive>)]
#[benches::flag_bearer(args = [1, 10, 1_000], setup = prepare::<FlagBearer>)]
#[benches::async_lock(args = [1, 10, 1_000], setup = prepare::<AsyncLock>)]
fn hand_off<T, F: Future>(prepared: Prepared<T, F>) -> Vec<Queue<F>> {
    let complete = |(held, mut queue): (T, Queue<F>)| {
        queue.enqueue();
        drop(held);
        queue.complete();
        queue
    };
    prepared.into_iter().map(complete).collect()
}

#[library_benchmark]
#[bench::fairgate(prepare::<Fairgate>(OPERATIONS))]
#[bench::tokio(prepare::<Tokio>(OPERATIONS))]
#[bench::asyncband(prepare::<Asyncband>(OPERATIONS))]
#[bench::maitake_sync(prepare::<Maitake>(OPERATIONS))]
#[bench::futures_intrusive(prepare::<FuturesIntrusive>(OPERATIONS))]
#[bench::flag_bearer(prepare::<FlagBearer>(OPERATIONS))]
#[bench::async_lock(prepare::<AsyncLock>(OPERATIONS))]
fn enqueue_and_cancel<T, F: Future>(mut prepared: Prepared<T, F>) -> Prepared<T, F> {
    let (_, queue) = &mut prepared[0];
    queue.enqueue();
    (0..OPERATIONS).for_each(|index| queue.cancel(index));
    prepared
}

#[library_benchmark]
#[bench::fairgate(prepare_enqueued::<Fairgate>(OPERATIONS))]
#[bench::tokio(prepare_enqueued::<Tokio>(OPERATIONS))]
#[bench::asyncband(prepare_enqueued::<Asyncband>(OPERATIONS))]
#[bench::maitake_sync(prepare_enqueued::<Maitake>(OPERATIONS))]
#[bench::futures_intrusive(prepare_enqueued::<FuturesIntrusive>(OPERATIONS))]
#[bench::flag_bearer(prepare_enqueued::<FlagBearer>(OPERATIONS))]
#[bench::async_lock(prepare_enqueued::<AsyncLock>(OPERATIONS))]
fn repoll<T, F: Future>(mut prepared: Prepared<T, F>) -> Prepared<T, F> {
    let (_, queue) = &mut prepared[0];
    queue.enqueue();
    prepared
}

library_benchmark_group!(
    name = work,
    benchmarks = [
        acquire,
        acquire_many,
        owned_acquire,
        lock,
        map_guard,
        with_timeout_around_acquire,
        hand_off,
        enqueue_and_cancel,
        repoll
    ]
);
main!(library_benchmark_groups = work);
