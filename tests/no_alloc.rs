//! A waiter lives inside its future: nothing in the borrowed forms allocates, however long the line.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use allocation_counter::measure;
use fairgate::{Mutex, Semaphore, TimeoutExt, with_timeout};

const LENGTHS: [usize; 3] = [1, 1_000, 100_000];

/// The futures of a line; dropping one leaves its place as it was.
type Line<F> = Vec<Pin<Box<Option<F>>>>;

fn line<F>(length: usize, future: impl Fn(usize) -> F) -> Line<F> {
    (0..length).map(|place| Box::pin(Some(future(place)))).collect()
}

fn poll<F: Future>(future: &mut Pin<Box<Option<F>>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().as_pin_mut().expect("not cancelled yet").poll(&mut Context::from_waker(waker))
}

fn assert_allocates_nothing(claim: &str, run: impl FnOnce()) {
    assert_eq!(measure(run).count_total, 0, "{claim}");
}

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}

fn waker() -> Waker {
    Waker::from(Arc::new(Deaf))
}

#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn coming_and_going_alone_allocates_nothing() {
    assert_allocates_nothing("nobody else is there", || {
        let semaphore = Semaphore::new(5);
        let mut context = Context::from_waker(Waker::noop());
        let future = std::pin::pin!(semaphore.acquire_many(3));
        let Poll::Ready(Ok(mut permit)) = future.poll(&mut context) else { panic!("it is free") };
        let half = permit.split(1).expect("it has three");
        permit.merge(semaphore.try_acquire_many(2).expect("two are left"));
        assert!(semaphore.try_acquire().is_err());
        drop((permit, half));
        semaphore.reduce_permits(1);
        assert_eq!(semaphore.forget_permits(1), 1);
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn a_line_allocates_nothing_to_join_pass_on_and_cancel() {
    for length in LENGTHS {
        let semaphore = Semaphore::new(0);
        let mut waiting = line(length, |place| semaphore.acquire_many(1 + place % 3));
        let (first, second) = (waker(), waker());
        assert_allocates_nothing("join", || {
            waiting.iter_mut().for_each(|future| assert!(poll(future, &first).is_pending()));
        });
        assert_eq!(semaphore.waiters(), length);
        assert_allocates_nothing("poll again, with this waker and with another", || {
            waiting.iter_mut().for_each(|future| assert!(poll(future, &first).is_pending()));
            waiting.iter_mut().for_each(|future| assert!(poll(future, &second).is_pending()));
        });
        assert_allocates_nothing("cancel", || {
            waiting.iter_mut().skip(1).step_by(5).for_each(|future| future.set(None));
        });
        let left = waiting.iter_mut().filter(|future| future.is_some());
        assert_allocates_nothing("pass on", || {
            semaphore.add_permits(3);
            left.for_each(|future| assert!(poll(future, &second).is_ready()));
        });
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 3));
    }
}

#[test]
fn a_whole_line_is_served_or_refused_at_once_without_allocating() {
    for length in LENGTHS {
        let semaphore = Semaphore::new(0);
        let mut waiting = line(2 * length, |_| semaphore.acquire());
        let waker = waker();
        waiting.iter_mut().for_each(|future| assert!(poll(future, &waker).is_pending()));
        assert_allocates_nothing("serve half of it, refuse the rest", || {
            semaphore.add_permits(length);
            semaphore.close();
        });
        let outcomes = waiting.iter_mut().map(|future| poll(future, &waker));
        assert_eq!(outcomes.filter(|outcome| matches!(outcome, Poll::Ready(Ok(_)))).count(), length);
    }
}

#[test]
fn a_mutex_and_a_timeout_allocate_nothing() {
    let mutex = Mutex::new(0);
    let held = mutex.try_lock().expect("nobody else is there");
    let mut waiting = line(1_000, |_| with_timeout(mutex.lock(), pending::<()>()));
    let waker = waker();
    assert_allocates_nothing("lock, within a time limit", || {
        waiting.iter_mut().for_each(|future| assert!(poll(future, &waker).is_pending()));
        drop(held);
        for future in &mut waiting {
            let Poll::Ready(Ok(mut guard)) = poll(future, &waker) else { panic!("it is its turn") };
            *guard += 1;
        }
    });
    assert_eq!(*mutex.try_lock().expect("all are done"), 1_000);
}

/// A thread makes its waker when it first waits. Each permit is granted by another thread.
#[test]
fn a_thread_that_blocks_allocates_nothing_after_its_first_time() {
    let (semaphore, mutex, never) = (Semaphore::new(0), Mutex::new(()), Semaphore::new(0));
    let wait = || {
        semaphore.blocking_acquire().expect("never closed").forget();
        drop(mutex.blocking_lock());
        let served = semaphore.acquire_many(2).blocking_timeout(Duration::MAX / 2);
        served.expect("in time").expect("never closed").forget();
        assert!(never.acquire().blocking_timeout(Duration::ZERO).is_err());
    };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            wait();
            assert_allocates_nothing("block, in line, with a time limit, in vain", wait);
        });
        for n in [1, 2, 1, 2] {
            while semaphore.waiters() == 0 && !waiting.is_finished() {
                std::thread::yield_now();
            }
            semaphore.add_permits(n);
        }
    });
}
