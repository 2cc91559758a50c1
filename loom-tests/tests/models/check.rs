//! Runs a model in every interleaving that loom can tell apart, with a bound on preemptions that rises as far as a
//! number of executions allows.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use fairgate_loom::Semaphore;

use crate::bridge;
use crate::request::run_and_check_wakers;

/// The bound that is explored completely, except in a quick run. A preemption interrupts a thread that could have continued; a
/// thread that blocks or ends is not preempted.
const PREEMPTIONS: usize = 2;

/// How far models are explored.
enum Speed {
    /// For each `cargo test`: at most [`QUICK`] executions of a model.
    Quick,
    /// With `FAIRGATE_LOOM_FULL`, as in `.ci/run`: the first bound completely, and then [`FULL`] more executions.
    Full,
    /// With `FAIRGATE_LOOM_DEEP`: the same with [`DEEP`] more executions.
    Deep,
}

const QUICK: usize = 1_500;
const FULL: usize = 2_000;
const DEEP: usize = 100_000;

fn speed() -> Speed {
    let is_set = |name| env::var_os(name).is_some();
    match (is_set("FAIRGATE_LOOM_DEEP"), is_set("FAIRGATE_LOOM_FULL")) {
        (true, _) => Speed::Deep,
        (false, true) => Speed::Full,
        (false, false) => Speed::Quick,
    }
}

/// Of how many triples of operations one is explored, if any.
pub fn share_of_triples() -> Option<usize> {
    match speed() {
        Speed::Quick => None,
        Speed::Full => Some(5),
        Speed::Deep => Some(1),
    }
}

/// Explores `model` and prints how many executions that took.
#[track_caller]
pub fn check(model: impl Fn() + Send + Sync + 'static) {
    check_from(PREEMPTIONS, model);
}

/// Like [`check`], for a model with a first bound of its own. A quick run starts with one preemption less, and stops after
/// [`QUICK`] executions. Otherwise the first bound is explored completely, and then the bound rises until the budget is spent.
#[track_caller]
pub fn check_from(first_bound: usize, model: impl Fn() + Send + Sync + 'static) {
    let start = Instant::now();
    let name = thread::current().name().unwrap_or("a model").to_owned();
    let explored = match speed() {
        Speed::Quick => explore_within(first_bound - 1, QUICK, QUICK, &Arc::new(model)),
        Speed::Full => explore_within(first_bound, usize::MAX, FULL, &Arc::new(model)),
        Speed::Deep => explore_within(first_bound, usize::MAX, DEEP, &Arc::new(model)),
    };
    println!("{name}: {explored}, {:.2?}", start.elapsed());
}

/// Explores a model with a bound that rises: at most `first` executions with the first bound, and `more` with higher ones.
fn explore_within(
    first_bound: usize,
    first: usize,
    more: usize,
    model: &Arc<impl Fn() + Send + Sync + 'static>,
) -> String {
    let limit = (first < usize::MAX).then_some(first);
    let (mut bound, mut complete) = (first_bound, explore(Some(first_bound), limit, model));
    if complete >= first {
        return format!("{complete} with at most {bound} preemptions");
    }
    let mut left = if limit.is_some() { more - complete } else { more };
    loop {
        let next = bound + bound.div_ceil(3);
        let executions = explore(Some(next), Some(left), model);
        left = left.saturating_sub(executions);
        if left == 0 {
            return format!(
                "all {} with at most {bound} preemptions, {executions} with at most {next}",
                plural(complete)
            );
        }
        if executions == complete {
            // A higher bound adds no execution, so no bound is needed. Without one there may even be fewer
            // executions, since loom adds some to replace the ones that a bound rules out.
            let unbounded = explore(None, Some(left), model);
            return if unbounded < left {
                format!("all {}", plural(unbounded))
            } else {
                format!("all {} with at most {next} preemptions", plural(complete))
            };
        }
        (bound, complete) = (next, executions);
    }
}

/// Explores a combination of some operations, and returns the number of executions. Two are explored with at most two preemptions,
/// three with one.
#[track_caller]
pub fn explore_combination(operations: usize, model: impl Fn() + Send + Sync + 'static) -> usize {
    let bound = if operations == 2 { PREEMPTIONS } else { 1 };
    explore(Some(bound), None, &Arc::new(model))
}

fn plural(executions: usize) -> String {
    if executions == 1 { "1 execution".to_owned() } else { format!("{executions} executions") }
}

/// Asserts that no waiter is queued and that this many permits are available: how most models end.
#[track_caller]
pub fn assert_idle(semaphore: &Semaphore, permits: usize) {
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, permits));
}

/// Explores a model up to a bound, or up to `limit` executions. Returns how many executions ran.
pub fn explore(
    bound: Option<usize>,
    limit: Option<usize>,
    model: &Arc<impl Fn() + Send + Sync + 'static>,
) -> usize {
    let executions = Arc::new(AtomicUsize::new(0));
    let (counter, model) = (Arc::clone(&executions), Arc::clone(model));
    let check_steps = env::var_os("FAIRGATE_LOOM_NO_BRIDGE").is_none();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = 10_000;
    // Loom counts from one, compares before it runs, and compares once per checkpoint interval.
    builder.max_permutations = limit.map(|limit| limit + 1);
    builder.checkpoint_interval = 1;
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        if check_steps {
            bridge::start();
        }
        run_and_check_wakers(&*model);
        bridge::finish();
    });
    bridge::flush();
    executions.load(Ordering::Relaxed)
}
