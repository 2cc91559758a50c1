//! Runs a model in every interleaving that loom can tell apart, up to a bound.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::request::with_tasks;

/// How often a thread may be interrupted where it could have gone on. Being put to sleep, or being done,
/// does not count.
pub const PREEMPTIONS: usize = 2;

/// Explores `model` and prints how many executions that took.
#[track_caller]
pub fn check(model: impl Fn() + Send + Sync + 'static) {
    check_to(PREEMPTIONS, model);
}

/// As [`check`], with a bound of its own. `FAIRGATE_LOOM_PREEMPTIONS` raises every bound, `all` lifts it.
#[track_caller]
pub fn check_to(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&executions);
    let start = std::time::Instant::now();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound(preemptions);
    builder.max_branches = 10_000;
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        with_tasks(&model);
    });
    let name = thread::current().name().unwrap_or("a model").to_owned();
    println!("{name}: {} executions {:?}", executions.load(Ordering::Relaxed), start.elapsed());
}

fn bound(least: usize) -> Option<usize> {
    match env::var("FAIRGATE_LOOM_PREEMPTIONS") {
        Ok(asked) if asked == "all" => None,
        Ok(asked) => Some(least.max(asked.parse().expect("FAIRGATE_LOOM_PREEMPTIONS: a number, or `all`"))),
        Err(_) => Some(least),
    }
}
