//! The program.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};

use crate::platform;
use crate::sync::{Mutex, Semaphore, release, take, with_timeout};

struct Bus {
    writes: u32,
    is_busy: bool,
}

static BUS: Mutex<Bus> = Mutex::new(Bus { writes: 0, is_busy: false });
/// The interrupt adds permits, and a task takes them.
static EVENTS: Semaphore = Semaphore::new(0);
/// A task adds a permit at its end.
static DONE: Semaphore = Semaphore::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);

/// The timer interrupt.
pub fn tick() {
    let ticks = TICKS.load(Ordering::Relaxed) + 1;
    TICKS.store(ticks, Ordering::Relaxed);
    if ticks % 5 == 0 {
        release(&EVENTS, 1);
    }
}

/// Waits for `n` ticks.
fn ticks(n: u32) -> impl Future<Output = ()> {
    let until = TICKS.load(Ordering::Relaxed) + n;
    poll_fn(move |_| match TICKS.load(Ordering::Relaxed) >= until {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
}

async fn sensor() {
    for _ in 0..3 {
        let mut bus = BUS.lock().await;
        if core::mem::replace(&mut bus.is_busy, true) {
            platform::fail();
        }
        ticks(3).await;
        bus.is_busy = false;
        bus.writes += 1;
    }
    release(&DONE, 1);
}

async fn events() {
    for _ in 0..4 {
        take(&EVENTS, 1).await;
    }
    drop(with_timeout(BUS.lock(), ticks(1)).await);
    release(&DONE, 1);
}

async fn finish() {
    take(&DONE, 4).await;
    if BUS.lock().await.writes != 9 {
        platform::fail();
    }
}

/// Polls all tasks after each interrupt, until the last one completes.
pub fn run_all() {
    platform::start_ticking();
    let mut others: [Pin<&mut dyn Future<Output = ()>>; 4] =
        [pin!(sensor()), pin!(sensor()), pin!(sensor()), pin!(events())];
    let mut is_done = [false; 4];
    let mut finish = pin!(finish());
    let mut cx = Context::from_waker(Waker::noop());
    while finish.as_mut().poll(&mut cx).is_pending() {
        for (task, is_done) in others.iter_mut().zip(&mut is_done) {
            *is_done = *is_done || task.as_mut().poll(&mut cx).is_ready();
        }
        platform::sleep();
    }
    platform::stop_ticking();
}
