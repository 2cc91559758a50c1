//! Runs a model in every interleaving that loom can tell apart, up to a bound that rises as far as the time goes.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use fairgate_loom::Semaphore;

use crate::request::run_and_check_wakers;

/// How often a thread may at least be interrupted where it could have gone on. Being put to sleep, or being
/// done, does not count.
pub const PREEMPTIONS: usize = 2;

/// How many executions a model may spend on higher bounds than its least.
const QUICK: usize = 2_000;
const DEEP: usize = 100_000;

/// Explores `model` and prints how many executions that took.
#[track_caller]
pub fn check(model: impl Fn() + Send + Sync + 'static) {
    check_from(PREEMPTIONS, model);
}

/// As [`check`], with a least bound of its own. That one is explored to its end. Then the bound rises
/// until what [`QUICK`] allows is spent, or [`DEEP`] if `FAIRGATE_LOOM_DEEP` is set.
#[track_caller]
pub fn check_from(least: usize, model: impl Fn() + Send + Sync + 'static) {
    let start = Instant::now();
    let name = thread::current().name().unwrap_or("a model").to_owned();
    let model = Arc::new(model);
    let mut left = if env::var_os("FAIRGATE_LOOM_DEEP").is_some() { DEEP } else { QUICK };
    let (mut bound, mut whole) = (least, explore(Some(least), None, &model));
    let reached = loop {
        let next = bound + bound.div_ceil(3);
        let tried = explore(Some(next), Some(left), &model);
        left = left.saturating_sub(tried);
        if left == 0 {
            break format!("at {bound} preemptions, and {tried} of those at {next}");
        }
        if tried == whole {
            // No execution wanted one more. Without a bound there may even be fewer: loom then does not have to make
            // up for orders that the bound forbids.
            let all = explore(None, Some(left), &model);
            whole = if all < left { all } else { whole };
            break if all < left {
                "are all there are".to_owned()
            } else {
                format!("at {next} preemptions")
            };
        }
        (bound, whole) = (next, tried);
    };
    println!("{name}: {whole} executions {reached}, {:?}", start.elapsed());
}

/// How a model ends: nobody waits, and every permit is accounted for.
#[track_caller]
pub fn assert_idle(semaphore: &Semaphore, permits: usize) {
    assert_eq!((semaphore.waiters(), semaphore.available_permits()), (0, permits));
}

/// Explores a model up to a bound, or up to `limit` executions; returns how many there were.
fn explore(
    bound: Option<usize>,
    limit: Option<usize>,
    model: &Arc<impl Fn() + Send + Sync + 'static>,
) -> usize {
    let executions = Arc::new(AtomicUsize::new(0));
    let (counter, model) = (Arc::clone(&executions), Arc::clone(model));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = 10_000;
    // Loom counts from one, looks before it runs, and looks no oftener than it is told to.
    builder.max_permutations = limit.map(|limit| limit + 1);
    builder.checkpoint_interval = 1;
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        run_and_check_wakers(&*model);
    });
    executions.load(Ordering::Relaxed)
}
