//! The scenario that runs on every platform, in three parts. A panic says what promise was broken.

use core::fmt::Write;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};

use fairgate::{Mutex, Semaphore};

use crate::platform::{self, Console};
use crate::tasks::{run, yield_now};

/// One task at a time may use the bus.
static BUS: Semaphore = Semaphore::new(1);
static LOG: Mutex<Log> = Mutex::new(Log { bytes: [0; 6], length: 0 });
/// The interrupt adds one permit per tick.
static TICKS: Semaphore = Semaphore::new(0);
static ADDED: AtomicUsize = AtomicUsize::new(0);

struct Log {
    bytes: [u8; 6],
    length: usize,
}

/// What the interrupt does. It may interrupt any instruction, since none of these calls waits: it adds a permit,
/// tries to acquire one, and releases that.
pub fn tick() {
    // A load and a store: there is no other writer, and the smallest cores have no read-modify-write.
    ADDED.store(ADDED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    TICKS.add_permits(1);
    drop(TICKS.try_acquire());
    drop(LOG.try_lock());
    assert!(!TICKS.is_closed());
}

/// Runs the three parts.
pub fn run_all() {
    run([pin!(take_turns(b'a')), pin!(take_turns(b'b'))]);
    let log = LOG.try_lock().expect("unlocked");
    let _ = writeln!(Console, "turns: {}", core::str::from_utf8(&log.bytes).expect("ASCII letters"));
    assert_eq!(&log.bytes, b"ababab", "the tasks alternate");
    assert_eq!(BUS.available_permits(), 1);

    platform::start_ticking();
    run([pin!(wait_for_ticks(3)), pin!(wait_for_ticks(2))]);
    let _ = writeln!(Console, "ticks: 5 taken by two tasks");
    let acquired = 5 + acquire_and_cancel(100);
    platform::stop_ticking();
    let (added, available) = (ADDED.load(Ordering::Relaxed), TICKS.available_permits());
    assert_eq!(added, acquired + available, "no permit is lost or duplicated");
    assert_eq!(TICKS.waiters(), 0);
    let _ = writeln!(Console, "interrupted at any moment, and every permit accounted for");
}

async fn take_turns(name: u8) {
    for _ in 0..3 {
        let _bus = BUS.acquire().await.expect("never closed");
        let mut log = LOG.lock().await;
        let length = log.length;
        log.bytes[length] = name;
        log.length += 1;
        drop(log);
        yield_now().await;
    }
}

async fn wait_for_ticks(ticks: usize) {
    TICKS.acquire_many(ticks).await.expect("never closed").forget();
}

/// Enqueues and cancels requests in a loop, while the interrupt adds permits, also in the middle of both. Ends after
/// `ticks` permits were acquired, and returns how many.
fn acquire_and_cancel(ticks: usize) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut acquired = 0;
    while acquired < ticks {
        let (mut first, mut second) = (pin!(TICKS.acquire()), pin!(TICKS.acquire_many(2)));
        for poll in [first.as_mut().poll(&mut cx), second.as_mut().poll(&mut cx)] {
            if let core::task::Poll::Ready(Ok(permit)) = poll {
                acquired += permit.num_permits();
                permit.forget();
            }
        }
        platform::interruption_point();
    }
    acquired
}
