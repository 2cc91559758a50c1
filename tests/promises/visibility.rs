//! What a holder wrote before giving a permit back is visible to whoever gets it next.
//!
//! That the orderings suffice is for loom to show, and for ThreadSanitizer, to which these tests give something to see:
//! a number that nothing but a permit guards. Elsewhere they show that one permit means one at a time.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use futures_lite::future::{block_on, poll_once};

use crate::common::kind::{Counting, Shared, each_kind};
use crate::common::rounds;
use crate::common::step::Ask;

const THREADS: usize = 4;

#[derive(Default)]
struct Bare(UnsafeCell<usize>);

// SAFETY: each test says who may touch it when.
unsafe impl Sync for Bare {}

impl Bare {
    fn add(&self, n: usize) -> usize {
        // SAFETY: as above.
        unsafe {
            *self.0.get() += n;
            *self.0.get()
        }
    }
}

/// Each way to a permit: at once, by waiting, by waiting for a while only. Only the holder touches the number.
fn one_permit_guards_a_bare_number<K: Shared>() {
    let (kind, number, served) = (K::with(1), Bare::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..rounds(3000) {
                    let held = match round % 3 {
                        0 => kind.try_take(1),
                        1 => block_on(kind.request(Ask::For(1))),
                        _ => block_on(poll_once(kind.request(Ask::For(1)))).flatten(),
                    };
                    if held.is_some() {
                        number.add(1);
                        served.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(number.add(0), served.into_inner());
}

/// Permits that come from many hands, together: the one who gathers them sees what each hand wrote to its own number.
fn who_gathers_permits_sees_what_all_givers_wrote<K: Counting + Shared>() {
    for _ in 0..rounds(300) {
        let (kind, numbers) = (K::with(0), [(); THREADS].map(|()| Bare::default()));
        thread::scope(|scope| {
            for number in &numbers {
                let kind = &kind;
                scope.spawn(move || {
                    number.add(7);
                    kind.add(1);
                });
            }
            let _all = kind.blocking_acquire_many(THREADS).unwrap();
            numbers.iter().for_each(|number| assert_eq!(number.add(0), 7));
        });
    }
}

/// Who is refused sees what was written before the semaphore was closed, whether it stood in line or came late.
fn who_is_refused_sees_what_was_written_before_the_close<K: Counting + Shared>() {
    for _ in 0..rounds(300) {
        let (kind, in_line, late) = (K::with(0), Bare::default(), Bare::default());
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(kind.blocking_acquire().is_err());
                assert_eq!(in_line.add(0), 7);
            });
            scope.spawn(|| {
                while !kind.is_closed() {
                    thread::yield_now();
                }
                assert_eq!(late.add(0), 7);
            });
            in_line.add(7);
            late.add(7);
            kind.close();
        });
    }
}

each_kind! {
    all: one_permit_guards_a_bare_number;
    semaphores:
        who_gathers_permits_sees_what_all_givers_wrote,
        who_is_refused_sees_what_was_written_before_the_close,
}
