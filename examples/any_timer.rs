//! `with_timeout` takes any future as its deadline: three timers, one and the same code.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use clap::Parser;
use fairgate::{Semaphore, with_timeout};
use fairgate_examples::picture::{self, Panel};
use fairgate_examples::record::{Pen, Recorder};
use fairgate_examples::timeline::Ending;

/// Waits for a permit with a time limit: under smol's timer, under tokio's, and under one that is
/// written out here. Each waits once in vain and once with success.
#[derive(Parser)]
struct Options {
    /// How long to wait for a permit
    #[arg(long, default_value_t = 300)]
    timeout_ms: u64,
    /// Draw the timeline into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let limit = Duration::from_millis(options.timeout_ms);
    println!("Each timer limits two waits for a permit: one while it is taken, one while it is free.");
    let recorder = Recorder::new();
    smol::block_on(wait_twice("smol", &recorder, || smol::Timer::after(limit)));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let tokio = tokio.expect("a runtime with nothing but a clock");
    tokio.block_on(wait_twice("tokio", &recorder, || tokio::time::sleep(limit)));
    smol::block_on(wait_twice("thread", &recorder, || ThreadTimer::after(limit)));
    let timeline = recorder.timeline();
    print!("{timeline}");
    let title = "One time limit, three timers: the first wait is in vain";
    fairgate_examples::exit(picture::save(options.svg.as_deref(), &[Panel::new(title, timeline)]))
}

/// Nothing in here knows what kind of timer it is.
async fn wait_twice<D: Future>(name: &str, recorder: &Arc<Recorder>, timer: impl Fn() -> D) {
    let semaphore = Semaphore::new(1);
    let taken = semaphore.try_acquire().expect("a permit is free");
    let first = wait_and_hold(&semaphore, &recorder.pen(format!("{name}, taken")), &timer).await;
    let left = semaphore.waiters();
    drop(taken);
    let second = wait_and_hold(&semaphore, &recorder.pen(format!("{name}, free")), &timer).await;
    println!("{name:<6} | taken: {}, {left} left in line | free: {}", first.word(), second.word());
}

/// Waits for a permit for as long as the timer runs, and keeps it for as long again.
async fn wait_and_hold<D: Future>(semaphore: &Semaphore, pen: &Pen, timer: impl Fn() -> D) -> Ending {
    pen.waits();
    let waited = with_timeout(semaphore.acquire(), timer()).await;
    let ending = match waited {
        Ok(Ok(_permit)) => {
            pen.holds();
            timer().await;
            Ending::Done
        }
        Ok(Err(_closed)) => Ending::Failed,
        Err(_elapsed) => Ending::TimedOut,
    };
    pen.ends(ending);
    ending
}

/// A timer of thirty lines: a thread that sleeps, and then wakes whoever polled last.
struct ThreadTimer(Arc<Mutex<Alarm>>);

enum Alarm {
    Set(Option<Waker>),
    Rung,
}

impl ThreadTimer {
    fn after(delay: Duration) -> Self {
        let alarm = Arc::new(Mutex::new(Alarm::Set(None)));
        let ours = alarm.clone();
        thread::spawn(move || {
            thread::sleep(delay);
            let before = std::mem::replace(&mut *alarm.lock().unwrap(), Alarm::Rung);
            if let Alarm::Set(Some(waker)) = before {
                waker.wake();
            }
        });
        Self(ours)
    }
}

impl Future for ThreadTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.0.lock().unwrap() {
            Alarm::Rung => Poll::Ready(()),
            Alarm::Set(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
