//! A waiter is a field of its future: the borrowed forms allocate nothing, however long the queue is.

#[allow(dead_code, unreachable_pub, reason = "shared with the promises")]
#[path = "common/wait.rs"]
mod wait;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use allocation_counter::measure;
use fairgate::{Mutex, PollSemaphore, Semaphore, with_timeout};
use wait::wait_until;

const LENGTHS: [usize; 3] = [1, 1_000, 100_000];

/// Queued futures. Setting one to `None` cancels it and leaves the others in place.
type Queue<F> = Vec<Pin<Box<Option<F>>>>;

fn queue<F>(length: usize, future: impl Fn(usize) -> F) -> Queue<F> {
    (0..length).map(|index| Box::pin(Some(future(index)))).collect()
}

fn poll<F: Future>(future: &mut Pin<Box<Option<F>>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().as_pin_mut().expect("not cancelled yet").poll(&mut Context::from_waker(waker))
}

fn assert_allocates_nothing(claim: &str, run: impl FnOnce()) {
    assert_eq!(measure(run).count_total, 0, "{claim}");
}

struct NoopWaker;

impl Wake for NoopWaker {
    fn wake(self: Arc<Self>) {}
}

fn waker() -> Waker {
    Waker::from(Arc::new(NoopWaker))
}

#[test]
fn the_counter_sees_an_allocation() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn operations_without_waiters_allocate_nothing() {
    assert_allocates_nothing("no other holder", || {
        let semaphore = Semaphore::new(5);
        let mut context = Context::from_waker(Waker::noop());
        let future = std::pin::pin!(semaphore.acquire_many(3));
        let Poll::Ready(Ok(mut permit)) = future.poll(&mut context) else {
            panic!("a permit is available")
        };
        let half = permit.split(1).expect("it holds three permits");
        permit.merge(semaphore.try_acquire_many(2).expect("two permits are available"));
        assert!(semaphore.try_acquire().is_err());
        drop((permit, half));
        semaphore.reduce_permits(1);
        assert_eq!(semaphore.forget_permits(1), 1);
        assert_eq!(semaphore.available_permits(), 3);
        assert_eq!(semaphore.add_permits_up_to(9, 5), 2);
        semaphore.set_limit(4);
        let all = semaphore.acquire_all().max_waiters(1).try_wait().expect("no permit is held");
        assert_eq!(all.num_permits(), 4);
        let options = semaphore.acquire().up_to(3).max_waiters(0).try_wait();
        assert!(options.is_err(), "all permits are held");
    });
}

#[test]
fn enqueueing_polling_cancelling_and_granting_allocate_nothing() {
    for length in LENGTHS {
        let semaphore = Semaphore::new(0);
        let mut waiting = queue(length, |index| semaphore.acquire_many(1 + index % 3));
        let (first, second) = (waker(), waker());
        assert_allocates_nothing("enqueue", || {
            waiting.iter_mut().for_each(|future| assert!(poll(future, &first).is_pending()));
        });
        assert_eq!(semaphore.waiters(), length);
        assert_allocates_nothing("poll again, with the same waker and with another", || {
            waiting.iter_mut().for_each(|future| assert!(poll(future, &first).is_pending()));
            waiting.iter_mut().for_each(|future| assert!(poll(future, &second).is_pending()));
        });
        assert_allocates_nothing("cancel", || {
            waiting.iter_mut().skip(1).step_by(5).for_each(|future| future.set(None));
        });
        let remaining = waiting.iter_mut().filter(|future| future.is_some());
        assert_allocates_nothing("grant", || {
            semaphore.add_permits(3);
            remaining.for_each(|future| assert!(poll(future, &second).is_ready()));
        });
        assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, 3));
    }
}

#[test]
fn granting_half_a_queue_and_closing_the_rest_allocates_nothing() {
    for length in LENGTHS {
        let semaphore = Semaphore::new(0);
        let mut waiting = queue(2 * length, |_| semaphore.acquire());
        let waker = waker();
        waiting.iter_mut().for_each(|future| assert!(poll(future, &waker).is_pending()));
        assert_allocates_nothing("grant half of the queue, close the rest", || {
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
    let held = mutex.try_lock().expect("no other holder");
    let mut waiting = queue(1_000, |_| with_timeout(mutex.lock(), pending::<()>()));
    let waker = waker();
    assert_allocates_nothing("lock with a timeout", || {
        waiting.iter_mut().for_each(|future| assert!(poll(future, &waker).is_pending()));
        drop(held);
        for future in &mut waiting {
            let Poll::Ready(Ok(mut guard)) = poll(future, &waker) else { panic!("it is granted") };
            *guard += 1;
        }
    });
    assert_eq!(*mutex.try_lock().expect("all guards are dropped"), 1_000);
}

/// A [`PollSemaphore`] allocates when a request has to wait for the first time, and not before or afterwards.
#[test]
fn a_poll_semaphore_allocates_once() {
    let semaphore = Arc::new(Semaphore::new(1));
    let (mut cx, mut slots) = (Context::from_waker(Waker::noop()), PollSemaphore::new(semaphore.clone()));
    let mut permit = None;
    assert_allocates_nothing("a permit is available", || {
        assert!(slots.poll_acquire(&mut cx).map(|ready| permit = ready.ok()).is_ready());
    });
    assert_eq!(measure(|| assert!(slots.poll_acquire(&mut cx).is_pending())).count_total, 1);
    assert_allocates_nothing("wait again", || {
        drop(permit.take());
        for _ in 0..3 {
            assert!(slots.poll_acquire(&mut cx).map(|ready| permit = ready.ok()).is_ready());
            assert!(slots.poll_acquire(&mut cx).is_pending());
            slots.cancel();
            assert!(slots.poll_acquire(&mut cx).is_pending());
            drop(permit.take());
        }
    });
}

/// A thread allocates its waker when it first waits. Another thread grants every permit.
#[test]
fn a_thread_allocates_nothing_to_block_after_its_first_wait() {
    let (semaphore, mutex, never) = (Semaphore::new(0), Mutex::new(()), Semaphore::new(0));
    let wait = || {
        semaphore.blocking_acquire().expect("never closed").forget();
        drop(mutex.blocking_lock());
        let permits = semaphore.acquire_many(2).wait_timeout(Duration::MAX / 2);
        permits.expect("in time").forget();
        assert!(never.acquire().wait_timeout(Duration::ZERO).is_err());
    };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            wait();
            assert_allocates_nothing("block: queued, with a timeout, until a timeout", wait);
        });
        for n in [1, 2, 1, 2] {
            wait_until(|| semaphore.waiters() == 1 || waiting.is_finished());
            semaphore.add_permits(n);
        }
    });
}
