//! The lesson's three runs: posts fetched without a limit, under a limit, and under a limit with a time limit for each
//! request.

use std::sync::Arc;
use std::time::Duration;

use fairgate::{Elapsed, Semaphore, with_timeout};
use smol::{Task, Timer};

use crate::client::{FetchError, Problem, Site};
use crate::recorder::{Recorder, TaskRecorder};
use crate::timeline::Outcome;

pub type Fetched = Result<String, FetchError>;

/// All requests at once.
pub async fn unlimited(site: &Site, posts: usize, recorder: &Arc<Recorder>) -> Vec<Fetched> {
    for_each_post(posts, |id| {
        let (site, task) = (site.clone(), post_task(recorder, id));
        smol::spawn(async move {
            task.holding();
            let title = site.title(id).await;
            task.end(outcome(&title));
            title
        })
    })
    .await
}

/// Each task acquires a permit before its request.
pub async fn limited(
    site: &Site,
    posts: usize,
    slots: &Arc<Semaphore>,
    recorder: &Arc<Recorder>,
) -> Vec<Fetched> {
    for_each_post(posts, |id| {
        let (site, slots, task) = (site.clone(), slots.clone(), post_task(recorder, id));
        smol::spawn(async move {
            task.waiting();
            let _slot = slots.acquire().await.expect("the semaphore is never closed");
            task.holding();
            let title = site.title(id).await;
            task.end(outcome(&title));
            title
        })
    })
    .await
}

/// Each request has a time limit, which starts when the permit is acquired. Waiting for the permit does not count.
pub async fn timed(
    site: &Site,
    posts: usize,
    slots: &Arc<Semaphore>,
    limit: Duration,
    recorder: &Arc<Recorder>,
) -> Vec<Fetched> {
    for_each_post(posts, |id| {
        let (site, slots, task) = (site.clone(), slots.clone(), post_task(recorder, id));
        smol::spawn(async move {
            task.waiting();
            let _slot = slots.acquire().await.expect("the semaphore is never closed");
            task.holding();
            let title = with_timeout(site.title(id), Timer::after(limit))
                .await
                .unwrap_or_else(|elapsed| Err(timed_out(id, elapsed)));
            task.end(outcome(&title));
            title
        })
    })
    .await
}

/// Starts a task for each post, all at once, and collects their results in the order of the ids.
async fn for_each_post(posts: usize, start: impl FnMut(u32) -> Task<Fetched>) -> Vec<Fetched> {
    let tasks: Vec<_> = (1..=posts as u32).map(start).collect();
    let mut fetched = Vec::new();
    for task in tasks {
        fetched.push(task.await);
    }
    fetched
}

fn post_task(recorder: &Arc<Recorder>, id: u32) -> TaskRecorder {
    recorder.task(format!("post {id:>2}"))
}

fn timed_out(id: u32, elapsed: Elapsed) -> FetchError {
    FetchError { id, problem: Problem::TimedOut(elapsed) }
}

fn outcome(fetched: &Fetched) -> Outcome {
    match fetched {
        Ok(_) => Outcome::Done,
        Err(error) if error.problem.is_refusal() => Outcome::Refused,
        Err(FetchError { problem: Problem::TimedOut(_), .. }) => Outcome::TimedOut,
        Err(_) => Outcome::Failed,
    }
}
