//! One round: threads and tasks on one semaphore and one mutex, until one of them closes the semaphore.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use smol::future::block_on;
use smol::{Executor, Timer};
use tokio::runtime::Builder;

use crate::counts::Counts;
use crate::shared::{Permits, Plan, Shared};
use crate::wait::Sleep;
use crate::worker::{run_as_task, run_as_thread};

/// The threads of each executor.
const EXECUTOR_THREADS: usize = 2;

/// If no worker reports an operation for this long, a wake-up was lost.
const STALLED: Duration = Duration::from_secs(60);

pub fn run(plan: Plan) -> (Counts, Permits) {
    let shared = Arc::new(Shared::new(plan));
    let reserved = shared.reserve();
    let _watchdog = watch(shared.clone());
    let mut seeds = fastrand::Rng::with_seed(plan.seed);
    let mut counts = Counts { closes: 1, ..Counts::default() };
    thread::scope(|scope| {
        let (for_tokio, for_smol) = (seeds.fork(), seeds.fork());
        let mut workers = vec![
            scope.spawn(|| tasks_on_tokio(&shared, for_tokio)),
            scope.spawn(|| tasks_on_smol(&shared, for_smol)),
        ];
        for _ in 0..plan.threads {
            let (shared, seed) = (&shared, seeds.u64(..));
            workers.push(scope.spawn(move || run_as_thread(shared, seed)));
        }
        for worker in workers {
            counts += worker.join().expect("a panic ends the program");
        }
    });
    let permits = shared.check(&counts, reserved);
    (counts, permits)
}

fn tasks_on_tokio(shared: &Arc<Shared>, mut seeds: fastrand::Rng) -> Counts {
    let runtime = Builder::new_multi_thread().worker_threads(EXECUTOR_THREADS).enable_time().build();
    let runtime = runtime.expect("a runtime needs only a few threads");
    let sleep: Sleep = |limit| Box::pin(tokio::time::sleep(limit));
    let tasks = spawn_all(shared, || runtime.spawn(run_as_task(shared.clone(), seeds.u64(..), sleep)));
    sum(tasks, |task| runtime.block_on(task).expect("a panic ends the program"))
}

fn tasks_on_smol(shared: &Arc<Shared>, mut seeds: fastrand::Rng) -> Counts {
    let executor = Executor::new();
    let sleep: Sleep = |limit| {
        Box::pin(async move {
            Timer::after(limit).await;
        })
    };
    let tasks = spawn_all(shared, || executor.spawn(run_as_task(shared.clone(), seeds.u64(..), sleep)));
    let (end, ended) = smol::channel::bounded::<()>(1);
    thread::scope(|scope| {
        for _ in 0..EXECUTOR_THREADS {
            scope.spawn(|| block_on(executor.run(ended.recv())));
        }
        let counts = sum(tasks, block_on);
        drop(end);
        counts
    })
}

fn spawn_all<T>(shared: &Shared, spawn: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(spawn).take(shared.plan.tasks).collect()
}

fn sum<T>(tasks: Vec<T>, wait: impl Fn(T) -> Counts) -> Counts {
    let mut sum = Counts::default();
    tasks.into_iter().for_each(|task| sum += wait(task));
    sum
}

/// Ends the program when the workers make no progress, until the returned sender is dropped.
fn watch(shared: Arc<Shared>) -> Sender<()> {
    let (end, ended) = channel();
    thread::spawn(move || {
        let mut seen = 0;
        while ended.recv_timeout(STALLED) == Err(RecvTimeoutError::Timeout) {
            assert_ne!(shared.operations(), seen, "no progress in {STALLED:?}: {:?}", shared.semaphore);
            seen = shared.operations();
        }
    });
    end
}
