//! Threads that block and tasks that await stand in one line.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fairgate::{Acquire, Mutex, Semaphore, TimeoutExt};
use futures_lite::future::{block_on, yield_now};

/// Until so many stand in line. It decides nothing: a line only grows while it is called.
fn wait_for_line(semaphore: &Semaphore, length: usize) {
    while semaphore.waiters() < length {
        thread::yield_now();
    }
}

/// What every other one in line is: a future polled by hand, which stands for a task.
fn arrive<'a>(semaphore: &'a Semaphore) -> Pin<Box<Acquire<'a>>> {
    let mut turn = Box::pin(semaphore.acquire());
    assert!(turn.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    turn
}

#[test]
fn threads_and_tasks_are_served_in_the_order_of_their_coming() {
    let (semaphore, served) = (Semaphore::new(0), StdMutex::new(Vec::new()));
    thread::scope(|threads| {
        let mut tasks = Vec::new();
        for place in 0..10 {
            if place % 2 == 0 {
                let (semaphore, served) = (&semaphore, &served);
                threads.spawn(move || {
                    let _permit = semaphore.blocking_acquire().unwrap();
                    served.lock().unwrap().push(place);
                });
            } else {
                tasks.push((place, arrive(&semaphore)));
            }
            wait_for_line(&semaphore, place + 1);
        }
        semaphore.add_permits(1);
        for (place, turn) in tasks {
            let _permit = block_on(turn).unwrap();
            served.lock().unwrap().push(place);
        }
    });
    assert_eq!(served.into_inner().unwrap(), Vec::from_iter(0..10));
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_thread_does_not_overtake_a_task_nor_a_task_a_thread() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut task = arrive(&semaphore);
    drop(held);
    let in_vain = semaphore.acquire().blocking_timeout(Duration::ZERO);
    assert!(in_vain.is_err(), "the permit is the task's");
    let Poll::Ready(Ok(permit)) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it was the task's turn")
    };
    thread::scope(|threads| {
        let thread = threads.spawn(|| semaphore.blocking_acquire().map(|permit| permit.forget()));
        wait_for_line(&semaphore, 1);
        drop(permit);
        assert!(semaphore.try_acquire().is_err(), "the permit is the thread's");
        thread.join().unwrap().unwrap();
    });
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn many_of_both_share_a_limit_and_lose_nothing() {
    let (semaphore, count) = (Arc::new(Semaphore::new(3)), Arc::new(Mutex::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks = (0..4).map(|_| {
        let (semaphore, count) = (semaphore.clone(), count.clone());
        runtime.spawn(async move {
            for n in 0..200 {
                let _permits = semaphore.acquire_many(1 + n % 3).await.unwrap();
                *count.lock().await += 1;
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for n in 0..200 {
                    let _permits = semaphore.blocking_acquire_many(1 + n % 3).unwrap();
                    *count.blocking_lock() += 1;
                }
            });
        }
    });
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*count.try_lock().unwrap(), 6 * 200);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
}

/// The thread of an executor is a thread like any other: while it sleeps its other tasks do, too.
#[test]
fn an_executors_thread_may_block_and_stands_in_the_same_line() {
    let semaphore = Arc::new(Semaphore::new(0));
    let (told, tell) = mpsc::channel();
    let task = {
        let semaphore = semaphore.clone();
        smol::spawn(async move {
            let behind = semaphore.waiters();
            semaphore.blocking_acquire().unwrap().forget();
            told.send(behind).unwrap();
        })
    };
    wait_for_line(&semaphore, 1);
    let mut next = Box::pin(semaphore.clone().acquire_owned());
    assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    semaphore.add_permits(2);
    assert_eq!(tell.recv(), Ok(0));
    block_on(task);
    assert!(block_on(next).is_ok());
}

#[test]
fn a_runtimes_only_thread_may_block_on_what_another_thread_holds() {
    let (semaphore, runtime) =
        (Semaphore::new(1), tokio::runtime::Builder::new_current_thread().build().unwrap());
    let held = semaphore.try_acquire().unwrap();
    thread::scope(|threads| {
        threads.spawn(|| {
            wait_for_line(&semaphore, 1);
            drop(held);
        });
        runtime.block_on(async {
            yield_now().await;
            drop(semaphore.blocking_acquire().unwrap());
            drop(semaphore.acquire().await.unwrap());
        });
    });
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn threads_that_wait_are_told_of_the_closing() {
    let semaphore = Arc::new(Semaphore::new(0));
    thread::scope(|threads| {
        let borrowed = threads.spawn(|| semaphore.blocking_acquire().is_err());
        let owned = threads.spawn(|| semaphore.clone().blocking_acquire_many_owned(2).is_err());
        wait_for_line(&semaphore, 2);
        let task = arrive(&semaphore);
        semaphore.close();
        assert!(borrowed.join().unwrap() && owned.join().unwrap());
        assert!(block_on(task).is_err());
    });
}

/// A thread gives up its place like a task; what stands behind it moves up.
#[test]
fn a_thread_whose_time_is_up_lets_those_behind_it_move_up() {
    let semaphore = Semaphore::new(1);
    thread::scope(|threads| {
        let large = threads.spawn(|| {
            let waited = semaphore.acquire_many(2).blocking_timeout(Duration::from_millis(20));
            waited.is_err()
        });
        while semaphore.waiters() == 0 && !large.is_finished() {
            thread::yield_now();
        }
        drop(block_on(semaphore.acquire()).unwrap());
        assert!(large.join().unwrap());
    });
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn a_token_left_by_somebody_else_does_not_end_a_threads_wait() {
    let semaphore = Semaphore::new(0);
    thread::scope(|threads| {
        let waiting = threads.spawn(|| {
            thread::current().unpark();
            semaphore.blocking_acquire().unwrap().forget();
        });
        wait_for_line(&semaphore, 1);
        for _ in 0..100 {
            waiting.thread().unpark();
            thread::yield_now();
        }
        assert!(!waiting.is_finished());
        assert_eq!(semaphore.waiters(), 1);
        semaphore.add_permits(1);
    });
    assert_eq!(semaphore.available_permits(), 0);
}

/// A blocking call may be made inside a poll, too, and inside another's blocking wait.
#[test]
fn a_blocking_wait_may_lie_inside_another() {
    let (outer, inner) = (Semaphore::new(0), Semaphore::new(0));
    thread::scope(|threads| {
        threads.spawn(|| {
            let both = poll_fn(|_| {
                drop(inner.blocking_acquire().unwrap());
                Poll::Ready(outer.blocking_acquire().unwrap().num_permits())
            });
            assert_eq!(both.blocking_timeout(Duration::MAX), Ok(1));
        });
        wait_for_line(&inner, 1);
        inner.add_permits(1);
        wait_for_line(&outer, 1);
        outer.add_permits(1);
    });
}
