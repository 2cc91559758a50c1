//! The lesson's three acts: the same posts fetched without a limit, under one, and under one with a
//! time limit inside the slot.

use std::sync::Arc;
use std::time::Duration;

use fairgate::{Semaphore, with_timeout};
use smol::{Task, Timer};

use crate::client::{FetchError, Problem, Site};
use crate::record::{Pen, Recorder};
use crate::timeline::Ending;

pub type Fetched = Result<String, FetchError>;

/// Act 1: everybody at once.
pub async fn unlimited(site: &Site, posts: usize, recorder: &Arc<Recorder>) -> Vec<Fetched> {
    for_each_post(posts, |id| {
        let (site, pen) = (site.clone(), post_pen(recorder, id));
        smol::spawn(async move {
            pen.holds();
            let title = site.title(id).await;
            pen.ends(ending(&title));
            title
        })
    })
    .await
}

/// Act 2: everybody stands in line for a slot.
pub async fn limited(
    site: &Site,
    posts: usize,
    slots: &Arc<Semaphore>,
    recorder: &Arc<Recorder>,
) -> Vec<Fetched> {
    for_each_post(posts, |id| {
        let (site, slots, pen) = (site.clone(), slots.clone(), post_pen(recorder, id));
        smol::spawn(async move {
            pen.waits();
            let _slot = slots.acquire().await.expect("nobody closes the semaphore");
            pen.holds();
            let title = site.title(id).await;
            pen.ends(ending(&title));
            title
        })
    })
    .await
}

/// Act 3: whoever has a slot may keep it for so long. Time spent in line does not count.
pub async fn timed(
    site: &Site,
    posts: usize,
    slots: &Arc<Semaphore>,
    limit: Duration,
    recorder: &Arc<Recorder>,
) -> Vec<Fetched> {
    for_each_post(posts, |id| {
        let (site, slots, pen) = (site.clone(), slots.clone(), post_pen(recorder, id));
        smol::spawn(async move {
            pen.waits();
            let _slot = slots.acquire().await.expect("nobody closes the semaphore");
            pen.holds();
            let title = with_timeout(site.title(id), Timer::after(limit))
                .await
                .unwrap_or_else(|elapsed| Err(timed_out(id, elapsed)));
            pen.ends(ending(&title));
            title
        })
    })
    .await
}

/// Starts a task for each post, all at once, and collects what they bring in the order of the ids.
async fn for_each_post(posts: usize, start: impl FnMut(u32) -> Task<Fetched>) -> Vec<Fetched> {
    let tasks: Vec<_> = (1..=posts as u32).map(start).collect();
    let mut fetched = Vec::new();
    for task in tasks {
        fetched.push(task.await);
    }
    fetched
}

fn post_pen(recorder: &Arc<Recorder>, id: u32) -> Pen {
    recorder.pen(format!("post {id:>2}"))
}

fn timed_out(id: u32, elapsed: fairgate::Elapsed) -> FetchError {
    FetchError { id, problem: Problem::TimedOut(elapsed) }
}

fn ending(fetched: &Fetched) -> Ending {
    match fetched {
        Ok(_) => Ending::Done,
        Err(error) => match error.problem {
            Problem::Status(hyper::StatusCode::TOO_MANY_REQUESTS) => Ending::Throttled,
            Problem::TimedOut(_) => Ending::TimedOut,
            _ => Ending::Failed,
        },
    }
}
