//! What is run everywhere, in three parts. A panic says which promise was broken.

use core::fmt::Write;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};

use fairgate::{Mutex, Semaphore};

use crate::platform::{self, Console};
use crate::tasks::{run, yield_now};

/// A bus, say: one at a time.
static BUS: Semaphore = Semaphore::new(1);
static LOG: Mutex<Log> = Mutex::new(Log { bytes: [0; 6], length: 0 });
/// A permit a tick, given by the interrupt.
static TICKS: Semaphore = Semaphore::new(0);
static GIVEN: AtomicUsize = AtomicUsize::new(0);

struct Log {
    bytes: [u8; 6],
    length: usize,
}

/// What the interrupt does, at any moment, for nothing of it waits: it gives a permit, and tries for one, which it
/// drops again.
pub fn tick() {
    // A load and a store: nobody else writes, and the smallest cores have nothing better.
    GIVEN.store(GIVEN.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    TICKS.add_permits(1);
    drop(TICKS.try_acquire());
    drop(LOG.try_lock());
    assert!(!TICKS.is_closed());
}

/// The three parts.
pub fn play() {
    run([pin!(take_turns(b'a')), pin!(take_turns(b'b'))]);
    let log = LOG.try_lock().expect("nobody holds it");
    let _ = writeln!(Console, "turns: {}", core::str::from_utf8(&log.bytes).expect("letters"));
    assert_eq!(&log.bytes, b"ababab", "nobody overtakes");
    assert_eq!(BUS.available_permits(), 1);

    platform::start_ticking();
    run([pin!(wait_for_ticks(3)), pin!(wait_for_ticks(2))]);
    let _ = writeln!(Console, "ticks: 5 taken by two tasks");
    let taken = 5 + come_and_go_until(100);
    platform::stop_ticking();
    let (given, left) = (GIVEN.load(Ordering::Relaxed), TICKS.available_permits());
    assert_eq!(given, taken + left, "no permit is lost or doubled");
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

/// Stands in line and leaves it again, over and over, while the interrupt gives permits in between: also in the
/// midst of both. Returns how many permits were taken.
fn come_and_go_until(ticks: usize) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = 0;
    while taken < ticks {
        let (mut first, mut second) = (pin!(TICKS.acquire()), pin!(TICKS.acquire_many(2)));
        for poll in [first.as_mut().poll(&mut cx), second.as_mut().poll(&mut cx)] {
            if let core::task::Poll::Ready(Ok(permit)) = poll {
                taken += permit.num_permits();
                permit.forget();
            }
        }
        platform::moment();
    }
    taken
}
