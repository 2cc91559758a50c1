//! A semaphore knows its limit: the permits that exist. The limit may change while permits are held, a request for all
//! permits waits until none is held, and a bucket is filled up to its size.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use fairgate::Semaphore;

use crate::common::script::{self, Row};
use crate::common::source::{NewSource, SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::{Outcome, Request};
use crate::common::world::World;
use crate::common::{HUNG, rounds, with_watchdog};

/// The limit, and the permits that are held, available and owed.
#[track_caller]
fn assert_counts(semaphore: &Semaphore, limit: usize, held: usize, available: usize, owed: usize) {
    let counts = (semaphore.limit(), semaphore.held(), semaphore.available_permits(), semaphore.owed());
    assert_eq!(counts, (limit, held, available, owed), "limit, held, available, owed");
}

/// P26: owed permits were counted outside the lock. Another fault: two tasks that read the same configuration removed the
/// difference twice.
const TABLE: &[Row] = &[
    // claim, available, script, woken, available at the end
    ("setting the limit twice has no further effect", 10, "=4 =4", &[], 4),
    ("setting the limit does not depend on what it was", 10, "=4 =7 =3", &[], 3),
    ("raising the limit grants waiters in order", 1, "1 1 2 1 =3", &[1], 1),
    ("raising it again grants the others", 1, "1 1 2 1 =3 =5 x0", &[1, 2, 3], 1),
    ("what is released beyond a lower limit is not granted", 4, "1 1 1 1 1 =2 x0 x1", &[], 0),
    ("what is released after that is granted", 4, "1 1 1 1 1 =2 x0 x1 x2", &[4], 0),
    ("a higher limit pays what is owed and grants nothing before", 4, "4 =1 1 =3", &[], 0),
    ("the rest of a release is granted", 4, "4 =1 1 =3 x0", &[1], 2),
    ("a request for all at limit zero gets none", 0, "* t*", &[], 0),
    ("behind a waiter it waits for its turn", 0, "1 * t*", &[], 0),
    ("in its turn it gets none", 0, "1 * t* x0 p1", &[1], 0),
    ("a request for all waits behind one that cannot be met", 2, "3 * =0 =2", &[], 2),
    ("it follows when that one is met", 2, "3 * =0 =2 =3 x0", &[0, 1], 0),
    ("a request for all waits while a permit is held", 3, "1 1 * g0", &[], 1),
    ("forgetting the last held permit wakes it", 3, "1 1 * g0 g1 p2", &[2], 0),
    ("removing available permits does not", 5, "2 * f1 -1 =2 =1", &[], 0),
    ("the last release does", 5, "2 * f1 -1 =2 =1 x0", &[1], 0),
];

/// The specification has the limit, and the numbers of held, available and owed permits, after each step.
fn every_row_of_the_table_is_true<S: SemaphoreSource + NewSource>() {
    script::check::<S>(TABLE);
}

// Setting the limit.

/// The limit that holds in the end is one of those that the threads have set last, whatever the holders did meanwhile.
#[test]
fn the_last_of_several_threads_that_set_the_limit_wins_exactly() {
    const THREADS: usize = 3;
    for round in 0..rounds(300) {
        let (semaphore, start) = (Semaphore::new(4), Barrier::new(THREADS + 1));
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (semaphore, start) = (&semaphore, &start);
                scope.spawn(move || {
                    start.wait();
                    for n in 0..20 {
                        semaphore.set_limit((n * 7 + thread * 3 + round) % 9);
                    }
                    semaphore.set_limit(10 + thread);
                });
            }
            start.wait();
            for n in 0..20 {
                drop(semaphore.acquire_many(n % 4).try_wait());
            }
        });
        let limit = semaphore.limit();
        assert!((10..10 + THREADS).contains(&limit), "{limit}: no thread has set this limit last");
        assert_counts(&semaphore, limit, 0, limit, 0);
    }
}

// The limit under every change.

/// After each change, and with permits held all the time.
fn the_limit_is_true_after_every_change<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(6);
    let held = world.acquire(3);
    let mut forgotten = world.source.try_acquire(2).unwrap();
    assert_counts(&world.source, 6, 5, 1, 0);
    world.source.add_permits(4);
    assert_counts(&world.source, 10, 5, 5, 0);
    assert_eq!(world.source.forget_permits(2), 2);
    assert_counts(&world.source, 8, 5, 3, 0);
    world.source.reduce_permits(4);
    assert_counts(&world.source, 4, 5, 0, 1);
    assert_eq!(world.source.add_permits_up_to(9, 2), 3, "one of them is owed");
    assert_counts(&world.source, 7, 5, 2, 0);
    forgotten.split(1).unwrap().forget();
    assert_counts(&world.source, 6, 4, 2, 0);
    forgotten.forget();
    assert_counts(&world.source, 5, 3, 2, 0);
    world.source.try_acquire(0).unwrap().forget();
    assert_counts(&world.source, 5, 3, 2, 0);
    world.source.set_limit(1);
    assert_counts(&world.source, 1, 3, 0, 2);
    world.source.reduce_permits(3);
    assert_counts(&world.source, 0, 3, 0, 5);
    world.source.close();
    world.source.set_limit(9);
    assert_counts(&world.source, 9, 3, 6, 0);
    world.release(held);
    assert_counts(&world.source, 9, 0, 9, 0);
}

/// Threads change the limit by known amounts, up and down, and forget some of what they acquire.
#[test]
fn the_limit_is_the_sum_of_all_changes_of_threads() {
    const THREADS: usize = 3;
    let (semaphore, added, removed) = (Semaphore::new(5), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (semaphore, added, removed) = (&semaphore, &added, &removed);
            scope.spawn(move || {
                for round in 0..rounds(2000) {
                    let (add, remove) = match (round + thread) % 5 {
                        0 => (semaphore.add_permits_up_to(3, 4), 0),
                        1 => (0, semaphore.forget_permits(2)),
                        2 => {
                            semaphore.reduce_permits(2);
                            semaphore.add_permits(2);
                            (2, 2)
                        }
                        3 => (
                            0,
                            semaphore.acquire().up_to(2).try_wait().map_or(0, |permit| {
                                let n = permit.num_permits();
                                permit.forget();
                                n
                            }),
                        ),
                        _ => {
                            drop(semaphore.acquire_all().try_wait());
                            (0, 0)
                        }
                    };
                    added.fetch_add(add, SeqCst);
                    removed.fetch_add(remove, SeqCst);
                }
            });
        }
    });
    let limit = 5 + added.into_inner() - removed.into_inner();
    assert_counts(&semaphore, limit, 0, limit, 0);
}

// All permits.

/// The number of permits that a request for all gets is that of its grant.
fn a_request_for_all_waits_until_none_is_held_whatever_the_limit_becomes<S: SemaphoreSource + NewSource>() {
    type Change = (fn(&Semaphore), usize);
    let changes: [Change; 7] = [
        (|_| (), 4),
        (|semaphore| semaphore.set_limit(9), 9),
        (|semaphore| semaphore.set_limit(2), 2),
        (|semaphore| semaphore.set_limit(1), 1),
        (|semaphore| semaphore.set_limit(0), 0),
        (|semaphore| semaphore.add_permits(3), 7),
        (|semaphore| semaphore.reduce_permits(7), 0),
    ];
    for (change, expected) in changes {
        let mut world = World::<S>::new(4);
        let holders = [(); 2].map(|()| world.acquire(1));
        let all = world.acquire(Request::ALL);
        let behind = world.acquire(1);
        change(&world.source);
        assert_eq!(world.woken(), [], "two permits are held");
        assert_eq!(world.source.needed(), Some(expected));
        world.release(holders[0]);
        assert_eq!(world.woken(), [], "one permit is held");
        assert_eq!(world.try_acquire(1), Outcome::Failed, "a try does not overtake");
        world.release(holders[1]);
        assert_eq!(world.woken(), [all]);
        assert_eq!(world.poll(all), Outcome::Acquired(expected));
        assert_counts(&world.source, expected, expected, 0, world.source.owed());
        world.source.set_limit(expected + 1);
        assert_eq!(world.woken(), [behind], "a permit that is added later is available to others");
    }
}

/// The last permit is forgotten while the request for all is queued or about to be: the wake-up is not lost.
fn a_forget_that_races_with_a_request_for_all_does_not_lose_its_wake_up<S: SemaphoreSource + SyncSource>() {
    for round in 0..rounds(500) {
        let (source, start) = (S::with_permits(3), Barrier::new(2));
        let held = source.try_acquire(1 + round % 2).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                held.forget();
            });
            start.wait();
            let all = source.wait_timeout(Request::ALL, HUNG).expect("no permit is held");
            assert_eq!(S::count(&all), 2 - round % 2);
        });
        let left = 2 - round % 2;
        assert_counts(&source, left, 0, left, 0);
    }
}

/// Work, reloads of the configuration that change the limit, and a shutdown that waits for the work. A shutdown that waits for
/// as many permits as it has seen would wait forever if the limit is lowered meanwhile.
fn a_shutdown_beside_reloads_does_not_hang<S: SemaphoreSource + SyncSource>() {
    with_watchdog("a shutdown beside reloads", || {
        for round in 0..rounds(200) {
            let (source, start) = (S::with_permits(4), Barrier::new(3));
            let worked = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while let Ok(_permit) = source.blocking_acquire() {
                            worked.fetch_add(1, SeqCst);
                            thread::yield_now();
                        }
                    });
                }
                scope.spawn(|| {
                    start.wait();
                    [9, 0, 1, 3, 0].iter().for_each(|limit| source.set_limit((limit + round) % 10));
                    // Work that is queued before the shutdown needs a permit.
                    source.set_limit(1 + round % 3);
                });
                let shut_down = || {
                    start.wait();
                    let all = source.acquire_all().wait();
                    source.close();
                    all.map(|all| all.num_permits()).ok()
                };
                let other = scope.spawn(shut_down);
                let granted = [shut_down(), other.join().unwrap()];
                assert!(granted.iter().any(Option::is_some), "the first of two shutdowns is granted");
            });
            assert!(source.is_closed());
            assert_counts(&source, 1 + round % 3, 0, 1 + round % 3, 0);
        }
    });
}

// Filling a bucket.

/// `(available, held, owed, n, most, added)`: what `add_permits_up_to(n, most)` adds.
const FILLED: &[(usize, usize, usize, usize, usize, usize)] = &[
    (0, 0, 0, 3, 5, 3),
    (3, 0, 0, 10, 5, 2),
    (5, 0, 0, 10, 5, 0),
    (7, 0, 0, 10, 5, 0),
    (2, 4, 0, 10, 5, 3),
    (0, 4, 2, 10, 5, 7),
    (0, 4, 2, 1, 5, 1),
    (0, 4, 2, 9, 0, 2),
    (0, 0, 0, 0, 5, 0),
    (0, 0, 0, usize::MAX, 5, 5),
];

fn a_bucket_is_filled_up_to_its_size_on_top_of_what_is_owed<S: SemaphoreSource + NewSource>() {
    for &(available, held, owed, n, most, added) in FILLED {
        let world = World::<S>::new(available + held);
        let permits = world.source.try_acquire(held).unwrap();
        world.source.reduce_permits(owed);
        assert_eq!(world.source.add_permits_up_to(n, most), added);
        let left = (available + added).saturating_sub(owed);
        let still_owed = owed.saturating_sub(available + added);
        assert_counts(&world.source, available + held + added - owed, held, left, still_owed);
        drop(permits);
    }
}

/// The available permits are counted before waiters are served, so each call adds up to `most` while requests wait. A front
/// that needs more never gets them this way.
fn a_bucket_with_waiters_serves_up_to_its_size_in_each_call<S: SemaphoreSource + NewSource>() {
    let mut world = World::<S>::new(0);
    let [first, second, third, large] = [1, 1, 1, 3].map(|n| world.acquire(n));
    assert_eq!(world.source.add_permits_up_to(9, 2), 2);
    assert_eq!(world.woken(), [first, second]);
    assert_eq!(world.source.add_permits_up_to(9, 2), 2);
    assert_eq!(world.woken(), [third]);
    assert_counts(&world.source, 4, 3, 1, 0);
    assert_eq!([(); 3].map(|()| world.source.add_permits_up_to(9, 2)), [1, 0, 0]);
    assert_eq!(world.woken(), [], "the bucket is full, and the front needs more");
    world.cancel(large);
    assert_counts(&world.source, 5, 3, 2, 0);
}

/// Threads fill a bucket and take tokens from it. It never holds more than its size, and every token is counted.
#[test]
fn a_bucket_that_threads_fill_never_exceeds_its_size() {
    const SIZE: usize = 2;
    let (bucket, added, taken) = (Semaphore::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let (fill, take) = (
        |start: &Barrier| {
            start.wait();
            for _ in 0..rounds(20_000) {
                added.fetch_add(bucket.add_permits_up_to(5, SIZE), SeqCst);
                assert!(bucket.available_permits() <= SIZE, "{bucket:?}");
            }
        },
        |start: &Barrier| {
            start.wait();
            for _ in 0..rounds(20_000) {
                if let Ok(token) = bucket.try_acquire() {
                    taken.fetch_add(1, SeqCst);
                    token.forget();
                }
            }
        },
    );
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| fill(&start));
            scope.spawn(|| take(&start));
        }
    });
    let left = added.into_inner() - taken.into_inner();
    assert_counts(&bucket, left, 0, left, 0);
}

/// A bucket so large that each call adds all of its tokens, beside the others'.
#[test]
fn tokens_that_threads_add_at_once_are_all_counted() {
    let (bucket, start) = (Semaphore::new(0), Barrier::new(3));
    thread::scope(|scope| {
        for n in [1, 2, 3] {
            let (bucket, start) = (&bucket, &start);
            scope.spawn(move || {
                start.wait();
                (0..rounds(20_000)).for_each(|_| assert_eq!(bucket.add_permits_up_to(n, 1 << 20), n));
            });
        }
    });
    assert_counts(&bucket, 6 * rounds(20_000), 0, 6 * rounds(20_000), 0);
}

/// Without takers the size is exact at every moment, while owed permits are paid by one thread and added by others.
#[test]
fn a_bucket_that_owes_tokens_is_filled_exactly_by_threads() {
    const SIZE: usize = 4;
    for owed in 0..rounds(300) {
        let (bucket, start) = (Semaphore::new(0), Barrier::new(3));
        bucket.reduce_permits(owed);
        let fill = |n: usize| {
            start.wait();
            let mut added = 0;
            while bucket.available_permits() < SIZE {
                added += bucket.add_permits_up_to(n, SIZE);
                assert!(bucket.available_permits() <= SIZE);
            }
            added
        };
        let added: usize = thread::scope(|scope| {
            let threads = [1, 2, 7].map(|n| scope.spawn(move || fill(n)));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(added, SIZE + owed);
        assert_counts(&bucket, SIZE, 0, SIZE, 0);
    }
}

for_each_source! {
    semaphores:
        every_row_of_the_table_is_true,
        the_limit_is_true_after_every_change,
        a_request_for_all_waits_until_none_is_held_whatever_the_limit_becomes,
        a_forget_that_races_with_a_request_for_all_does_not_lose_its_wake_up,
        a_shutdown_beside_reloads_does_not_hang,
        a_bucket_is_filled_up_to_its_size_on_top_of_what_is_owed,
        a_bucket_with_waiters_serves_up_to_its_size_in_each_call,
}

/// A request for all permits is granted once none is held, however many are owed then: more than half a word can say.
#[test]
fn a_large_deficit_does_not_hide_a_request_for_all_permits() {
    let semaphore = Semaphore::new(1);
    let holder = semaphore.try_acquire().unwrap();
    let mut all = std::pin::pin!(semaphore.acquire_all());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(all.as_mut().poll(&mut cx).is_pending());
    semaphore.reduce_permits(Semaphore::MAX_PERMITS);
    drop(holder);
    assert!(all.is_granted());
    assert_eq!(semaphore.owed(), Semaphore::MAX_PERMITS - 1);
}
