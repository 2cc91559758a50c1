//! How long a request is waited for, and what becomes of it then.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fairgate::with_timeout;
use smol::future::{poll_once, yield_now};

/// An executor's own timer.
pub type Nap = fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long a request is waited for.
#[derive(Clone, Copy)]
pub enum Patience {
    Endless,
    /// The first poll comes from elsewhere, so that the waker has to be changed.
    Stranger,
    /// Until the task has had so many turns.
    Turns(u8),
    /// For so long.
    Time(Duration),
    /// Dropped by hand after so many polls.
    GivesUp(u8),
}

impl Patience {
    /// Most requests wait. The clock is asked seldom: it is dearer than all the rest.
    pub fn of(rng: &mut fastrand::Rng) -> Self {
        match rng.u8(..) {
            0..=1 => Self::Time(Duration::from_micros(rng.u64(0..2_000))),
            2..=40 => Self::Turns(rng.u8(0..40)),
            41..=80 => Self::GivesUp(rng.u8(1..40)),
            81..=100 => Self::Stranger,
            _ => Self::Endless,
        }
    }
}

/// What became of a request.
pub enum End<T> {
    AtOnce(T),
    HandedOver(T),
    TimedOut,
    Cancelled,
}

pub async fn wait<F: Future>(request: F, patience: Patience, nap: Nap) -> End<F::Output> {
    match patience {
        Patience::Endless => watch(request).await,
        Patience::Stranger => met_by_a_stranger(request).await,
        Patience::Turns(turns) => {
            let deadline = async { have_turns(turns).await };
            with_timeout(watch(request), deadline).await.unwrap_or(End::TimedOut)
        }
        Patience::Time(limit) => with_timeout(watch(request), nap(limit)).await.unwrap_or(End::TimedOut),
        Patience::GivesUp(polls) => give_up_after(watch(request), polls).await,
    }
}

/// The output, and whether it was there at the first poll.
async fn watch<F: Future>(request: F) -> End<F::Output> {
    let mut request = pin!(request);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        request.as_mut().poll(cx)
    });
    let output = output.await;
    if polls == 1 { End::AtOnce(output) } else { End::HandedOver(output) }
}

async fn met_by_a_stranger<F: Future>(request: F) -> End<F::Output> {
    let mut request = pin!(request);
    let met = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    match met {
        Poll::Ready(output) => End::AtOnce(output),
        Poll::Pending => End::HandedOver(request.await),
    }
}

async fn give_up_after<T>(request: impl Future<Output = End<T>>, polls: u8) -> End<T> {
    let mut request = pin!(request);
    for _ in 0..polls {
        if let Some(end) = poll_once(&mut request).await {
            return end;
        }
        yield_now().await;
    }
    End::Cancelled
}

pub async fn have_turns(turns: u8) {
    for _ in 0..turns {
        yield_now().await;
    }
}
