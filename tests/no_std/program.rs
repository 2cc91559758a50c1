//! Runs one scenario on `fairgate` built without features and prints "completed".

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::thread;

use fairgate::Semaphore;
use fairgate::futures::Acquire;

#[derive(Default)]
struct CountingWaker {
    panics: bool,
    wakes: AtomicUsize,
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
        assert!(!self.panics, "a waker panics");
    }
}

fn panics(run: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

type Waiter<'a> = (Pin<Box<Acquire<&'a Semaphore>>>, Arc<CountingWaker>);

/// Queues one request for a permit for each flag, which says whether its waker panics.
fn queue<'a>(semaphore: &'a Semaphore, panics: &[bool]) -> Vec<Waiter<'a>> {
    let queue_one = |&panics| {
        let counting = Arc::new(CountingWaker { panics, ..Default::default() });
        let mut future = Box::pin(semaphore.acquire());
        let waker = Waker::from(counting.clone());
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        (future, counting)
    };
    panics.iter().map(queue_one).collect()
}

/// Checks that every waiter was woken once and granted, and that its permit is released when it is dropped.
fn check(semaphore: &Semaphore, waiters: Vec<Waiter<'_>>) {
    let n = waiters.len();
    for (mut future, counting) in waiters {
        assert_eq!(counting.wakes.load(SeqCst), 1);
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (n, 0));
}

fn one_panicking_waker() {
    for waiters in [1, 2, 33, 100] {
        for panicking in [0, waiters / 2, waiters - 1] {
            let semaphore = Semaphore::new(0);
            let flags: Vec<_> = (0..waiters).map(|waiter| waiter == panicking).collect();
            let queued = queue(&semaphore, &flags);
            assert!(panics(|| semaphore.add_permits(waiters)));
            check(&semaphore, queued);
        }
    }
}

fn one_panicking_waker_per_release() {
    let semaphore = Semaphore::new(0);
    let queued = queue(&semaphore, &[true; 5]);
    for _ in 0..5 {
        assert!(panics(|| semaphore.add_permits(1)));
    }
    check(&semaphore, queued);
}

fn two_panicking_wakers() {
    let semaphore = Semaphore::new(0);
    let _queued = queue(&semaphore, &[true; 2]);
    let _ = panics(|| semaphore.add_permits(2));
}

fn add_usize_max() {
    let (semaphore, stop) = (Semaphore::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let future = pin!(semaphore.acquire_many(2));
                    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
                }
            });
        }
        let all_panicked = (0..300).all(|_| panics(|| semaphore.add_permits(usize::MAX)));
        stop.store(true, SeqCst);
        assert!(all_panicked);
    });
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("one panicking waker") => one_panicking_waker(),
        Some("one panicking waker per release") => one_panicking_waker_per_release(),
        Some("two panicking wakers") => two_panicking_wakers(),
        Some("add usize::MAX") => add_usize_max(),
        scenario => panic!("no such scenario: {scenario:?}"),
    }
    println!("completed");
}
