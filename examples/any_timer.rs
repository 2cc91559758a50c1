//! `with_timeout` accepts any future as its deadline: the same code with three timers.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use clap::Parser;
use fairgate::{Semaphore, with_timeout};
use fairgate_examples::live::Words;
use fairgate_examples::options::{Common, milliseconds, number_up_to, runs};
use fairgate_examples::output::{self, Summary};
use fairgate_examples::recorder::{Recorder, TaskRecorder};
use fairgate_examples::say;
use fairgate_examples::timeline::Outcome;

/// Waits for a permit with a time limit, using smol's timer, tokio's timer, and one that is written in this file. Each
/// of them waits twice: once while the permit is held, and once while it is available.
#[derive(Parser)]
struct Options {
    /// Only use this timer: smol's, tokio's, or the thread
    #[arg(long, value_name = "N", value_parser = number_up_to(3))]
    run: Option<usize>,
    /// How long to wait for a permit
    #[arg(long, value_name = "MS", default_value = "300", value_parser = milliseconds())]
    timeout_ms: u64,
    #[command(flatten)]
    common: Common,
}

fn main() {
    let options = Options::parse();
    let limit = options.common.time(options.timeout_ms);
    say!("Each timer limits two waits for a permit to {limit:?}.");
    say!("During the first wait the permit is held, during the second it is available.");
    let recorder = Recorder::live(Words { one: "holding", many: "holding", log: false });
    let mut results = Vec::new();
    if runs(options.run, 1) {
        results.push(smol::block_on(wait_twice("smol", &recorder, || smol::Timer::after(limit))));
    }
    if runs(options.run, 2) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime that only has a clock");
        results.push(runtime.block_on(wait_twice("tokio", &recorder, || tokio::time::sleep(limit))));
    }
    if runs(options.run, 3) {
        results.push(smol::block_on(wait_twice("thread", &recorder, || ThreadTimer::after(limit))));
    }
    let timeline = recorder.timeline();
    results.iter().for_each(|result| say!("{result}"));
    output::print(&timeline.draw(output::columns()));
    let mut summary = Summary::default();
    summary.add("With each timer the first wait timed out and the second got the permit.");
    summary.print();
}

/// This function does not know which timer it uses.
async fn wait_twice<D: Future>(name: &str, recorder: &Arc<Recorder>, timer: impl Fn() -> D) -> String {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().expect("the semaphore has a permit");
    let first = wait_and_hold(&semaphore, &recorder.task(format!("{name}, held")), &timer).await;
    let waiters = semaphore.waiters();
    drop(permit);
    let second = wait_and_hold(&semaphore, &recorder.task(format!("{name}, available")), &timer).await;
    format!(
        "  {name:<6} | held: {}, {waiters} left in the queue | available: {}",
        first.word(),
        second.word()
    )
}

/// Waits for a permit for as long as the timer runs, and holds it for as long again.
async fn wait_and_hold<D: Future>(
    semaphore: &Semaphore,
    task: &TaskRecorder,
    timer: impl Fn() -> D,
) -> Outcome {
    task.waiting();
    let waited = with_timeout(semaphore.acquire(), timer()).await;
    let outcome = match waited {
        Ok(Ok(_permit)) => {
            task.holding();
            timer().await;
            Outcome::Done
        }
        Ok(Err(_closed)) => Outcome::Failed,
        Err(_elapsed) => Outcome::TimedOut,
    };
    task.end(outcome);
    outcome
}

/// A timer in thirty lines: a thread that sleeps, then wakes the task that polled last.
struct ThreadTimer(Arc<Mutex<State>>);

enum State {
    Running(Option<Waker>),
    Elapsed,
}

impl ThreadTimer {
    fn after(delay: Duration) -> Self {
        let state = Arc::new(Mutex::new(State::Running(None)));
        let timer = Self(state.clone());
        thread::spawn(move || {
            thread::sleep(delay);
            let before = std::mem::replace(&mut *state.lock().unwrap(), State::Elapsed);
            if let State::Running(Some(waker)) = before {
                waker.wake();
            }
        });
        timer
    }
}

impl Future for ThreadTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.0.lock().unwrap() {
            State::Elapsed => Poll::Ready(()),
            State::Running(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
