//! The ways in which a task waits for a request, and the outcomes.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fairgate::with_timeout;
use smol::future::{poll_once, yield_now};

/// A timer of the executor that runs the task.
pub type Sleep = fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a request is awaited.
#[derive(Clone, Copy)]
pub enum Wait {
    UntilReady,
    /// The first poll passes a waker that does nothing, so that the next one replaces it.
    WithSecondWaker,
    /// With a timeout that expires after this many turns of the task.
    Turns(u8),
    /// With a timeout of the executor's timer.
    Timeout(Duration),
    /// Dropped after this many polls.
    CancelAfter(u8),
}

impl Wait {
    /// A random way. Most requests wait until they are ready, and few use a timer, which costs more than the rest.
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        match rng.u8(..) {
            0..=1 => Self::Timeout(Duration::from_micros(rng.u64(0..2_000))),
            2..=40 => Self::Turns(rng.u8(0..40)),
            41..=80 => Self::CancelAfter(rng.u8(1..40)),
            81..=100 => Self::WithSecondWaker,
            _ => Self::UntilReady,
        }
    }
}

/// The outcome of a request.
pub enum Outcome<T> {
    /// Ready at the first poll.
    Immediate(T),
    /// Ready at a later poll.
    Queued(T),
    TimedOut,
    Cancelled,
}

pub async fn wait<F: Future>(request: F, how: Wait, sleep: Sleep) -> Outcome<F::Output> {
    match how {
        Wait::UntilReady => until_ready(request).await,
        Wait::WithSecondWaker => with_second_waker(request).await,
        Wait::Turns(turns) => {
            let deadline = async { yield_times(turns).await };
            with_timeout(until_ready(request), deadline).await.unwrap_or(Outcome::TimedOut)
        }
        Wait::Timeout(limit) => {
            with_timeout(until_ready(request), sleep(limit)).await.unwrap_or(Outcome::TimedOut)
        }
        Wait::CancelAfter(polls) => cancel_after(until_ready(request), polls).await,
    }
}

async fn until_ready<F: Future>(request: F) -> Outcome<F::Output> {
    let mut request = pin!(request);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        request.as_mut().poll(cx)
    });
    let output = output.await;
    if polls == 1 { Outcome::Immediate(output) } else { Outcome::Queued(output) }
}

async fn with_second_waker<F: Future>(request: F) -> Outcome<F::Output> {
    let mut request = pin!(request);
    let first = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    match first {
        Poll::Ready(output) => Outcome::Immediate(output),
        Poll::Pending => Outcome::Queued(request.await),
    }
}

async fn cancel_after<T>(request: impl Future<Output = Outcome<T>>, polls: u8) -> Outcome<T> {
    let mut request = pin!(request);
    for _ in 0..polls {
        if let Some(outcome) = poll_once(&mut request).await {
            return outcome;
        }
        yield_now().await;
    }
    Outcome::Cancelled
}

pub async fn yield_times(times: u8) {
    for _ in 0..times {
        yield_now().await;
    }
}
