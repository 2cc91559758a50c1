//! The pool in every interleaving of two threads, and how many there are beside async-lock's semaphore.
#![cfg(loom)]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use fairgate_user_loom::{Connection, Pool};
use loom::future::block_on;
use loom::thread;

/// Runs a model, and prints how many executions it has.
fn model(name: &str, run: impl Fn() + Send + Sync + 'static) {
    let (start, executions) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        run();
    });
    println!("{name}: {} executions, {:.2?}", executions.load(Ordering::Relaxed), start.elapsed());
}

/// One connection and two threads. A lease always has a connection.
#[test]
fn a_lease_has_a_connection() {
    model("a pool of one connection", || {
        let pool = Arc::new(Pool::new(vec![Connection(7)]));
        let other = thread::spawn({
            let pool = Arc::clone(&pool);
            move || block_on(async { assert_eq!(pool.get().await.connection().0, 7) })
        });
        block_on(async { assert_eq!(pool.get().await.connection().0, 7) });
        other.join().unwrap();
    });
}

/// A caller that gives up takes no connection with it.
#[test]
fn a_cancelled_caller_keeps_no_connection() {
    model("a pool with a caller that gives up", || {
        let pool = Arc::new(Pool::new(vec![Connection(7)]));
        let other = thread::spawn({
            let pool = Arc::clone(&pool);
            move || {
                let get = pin!(pool.get());
                drop(get.poll(&mut Context::from_waker(Waker::noop())));
            }
        });
        block_on(async { assert_eq!(pool.get().await.connection().0, 7) });
        other.join().unwrap();
        block_on(async { assert_eq!(pool.get().await.connection().0, 7) });
    });
}

/// Threads block in the same queue, and a timeout expires at once.
#[test]
fn a_blocked_thread_and_a_timeout() {
    model("a blocked thread and a timeout", || {
        let semaphore = Arc::new(fairgate::Semaphore::new(1));
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(semaphore.blocking_acquire().unwrap())
        });
        match semaphore.acquire().wait_timeout(Duration::from_secs(1)) {
            Ok(permit) => drop(permit),
            Err(error) => assert!(error.is_timed_out()),
        }
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// The same use of a semaphore, here and there: two threads that acquire its only permit.
#[test]
fn executions_beside_async_lock() {
    model("two threads, fairgate", || {
        let semaphore = Arc::new(fairgate::Semaphore::new(1));
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(block_on(semaphore.acquire()).unwrap())
        });
        drop(block_on(semaphore.acquire()).unwrap());
        other.join().unwrap();
    });
    model("two threads, async-lock", || {
        let semaphore = Arc::new(async_lock::Semaphore::new(1));
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(block_on(semaphore.acquire()))
        });
        drop(block_on(semaphore.acquire()));
        other.join().unwrap();
    });
}
