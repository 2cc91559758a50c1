//! What a holder wrote before it released a permit is visible to the next holder.
//!
//! The models in `loom-tests/` show that the orderings suffice. These tests give ThreadSanitizer something to check:
//! plain memory that only a permit guards. Without ThreadSanitizer they show mutual exclusion.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use futures_lite::future::{block_on, poll_once};

use crate::common::source::{SemaphoreSource, SyncSource, for_each_source};
use crate::common::step::Request;
use crate::common::{rounds, wait_until};

const THREADS: usize = 4;

#[derive(Default)]
struct Unsynchronized(UnsafeCell<usize>);

// SAFETY: each test states which thread may access the value when.
unsafe impl Sync for Unsynchronized {}

impl Unsynchronized {
    fn add(&self, n: usize) -> usize {
        // SAFETY: see the `Sync` impl.
        unsafe {
            *self.0.get() += n;
            *self.0.get()
        }
    }
}

/// Acquires at once, by waiting, and by waiting for one poll only. Only the holder accesses the counter.
fn one_permit_guards_an_unsynchronized_counter<S: SyncSource>() {
    let (source, counter, acquired) = (S::with_permits(1), Unsynchronized::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..rounds(3000) {
                    let permits = match round % 3 {
                        0 => source.try_acquire(1),
                        1 => block_on(source.acquire(Request::exactly(1))),
                        _ => block_on(poll_once(source.acquire(Request::exactly(1)))).flatten(),
                    };
                    if permits.is_some() {
                        counter.add(1);
                        acquired.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(counter.add(0), acquired.into_inner());
}

/// Several threads add the permits of one request. Its future sees what each of them wrote.
fn an_acquire_sees_the_writes_of_every_release_it_takes_permits_from<S: SemaphoreSource + SyncSource>() {
    for _ in 0..rounds(300) {
        let (source, counters) = (S::with_permits(0), [(); THREADS].map(|()| Unsynchronized::default()));
        thread::scope(|scope| {
            for counter in &counters {
                let source = &source;
                scope.spawn(move || {
                    counter.add(7);
                    source.add(1);
                });
            }
            let _all = source.blocking_acquire_many(THREADS).unwrap();
            counters.iter().for_each(|counter| assert_eq!(counter.add(0), 7));
        });
    }
}

/// A request for all permits sees what the last holder wrote, even if that holder forgot its permit, or the limit was lowered.
fn a_request_for_all_sees_the_writes_of_holders_that_forgot_their_permits<
    S: SemaphoreSource + SyncSource,
>() {
    for round in 0..rounds(300) {
        let (source, counters) =
            (S::with_permits(THREADS), [(); THREADS].map(|()| Unsynchronized::default()));
        let permits = [(); THREADS].map(|()| source.try_acquire(1).unwrap());
        thread::scope(|scope| {
            for (index, (permit, counter)) in permits.into_iter().zip(&counters).enumerate() {
                let source = &source;
                scope.spawn(move || {
                    counter.add(7);
                    match (index + round) % 3 {
                        0 => permit.forget(),
                        1 => drop(permit),
                        _ => {
                            source.reduce_permits(1);
                            drop(permit);
                        }
                    }
                });
            }
            let _all = source.acquire_all().wait().unwrap();
            counters.iter().for_each(|counter| assert_eq!(counter.add(0), 7));
        });
    }
}

/// A failed acquire sees what was written before the close, whether its future was queued or created later.
fn a_failed_acquire_sees_the_writes_before_the_close<S: SemaphoreSource + SyncSource>() {
    for _ in 0..rounds(300) {
        let (source, queued, late) =
            (S::with_permits(0), Unsynchronized::default(), Unsynchronized::default());
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(source.blocking_acquire().is_err());
                assert_eq!(queued.add(0), 7);
            });
            scope.spawn(|| {
                wait_until(|| source.is_closed());
                assert_eq!(late.add(0), 7);
            });
            queued.add(7);
            late.add(7);
            source.close();
        });
    }
}

/// `forget_permits` acquires: a thread that forgets the only permit sees what its last holder wrote.
fn forgetting_the_only_permit_sees_the_writes_of_its_last_holder<S: SemaphoreSource + SyncSource>() {
    let (source, counter, acquired) = (S::with_permits(1), Unsynchronized::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (source, counter, acquired) = (&source, &counter, &acquired);
            scope.spawn(move || {
                for _ in 0..rounds(3000) {
                    if thread % 2 == 0 {
                        if let Some(_permit) = source.try_acquire(1) {
                            counter.add(1);
                            acquired.fetch_add(1, Relaxed);
                        }
                    } else if source.forget_permits(1) == 1 {
                        counter.add(1);
                        acquired.fetch_add(1, Relaxed);
                        source.add(1);
                    }
                }
            });
        }
    });
    assert_eq!(counter.add(0), acquired.into_inner());
}

/// Other threads remove the permit and add it again, between a release and the next acquire or while it is held. The
/// next holder sees what the last one wrote.
fn removing_and_adding_permits_keeps_the_writes_of_a_holder_visible<S: SemaphoreSource + SyncSource>() {
    let (source, counter, acquired) = (S::with_permits(1), Unsynchronized::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (source, counter, acquired) = (&source, &counter, &acquired);
            scope.spawn(move || {
                for _ in 0..rounds(3000) {
                    match thread {
                        0 => {
                            source.reduce_permits(1);
                            source.add_permits(1);
                        }
                        1 => {
                            source.set_limit(0);
                            source.set_limit(1);
                        }
                        _ => {
                            let _permit = source.blocking_acquire().unwrap();
                            counter.add(1);
                            acquired.fetch_add(1, Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(counter.add(0), acquired.into_inner());
    assert_eq!(source.counts(), (1, 0));
}

for_each_source! {
    all: one_permit_guards_an_unsynchronized_counter;
    semaphores:
        an_acquire_sees_the_writes_of_every_release_it_takes_permits_from,
        a_request_for_all_sees_the_writes_of_holders_that_forgot_their_permits,
        a_failed_acquire_sees_the_writes_before_the_close,
        forgetting_the_only_permit_sees_the_writes_of_its_last_holder,
        removing_and_adding_permits_keeps_the_writes_of_a_holder_visible,
}
