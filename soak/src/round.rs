//! One round: a crowd of workers on one semaphore and one mutex, until somebody closes the semaphore.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use smol::future::block_on;
use smol::{Executor, Timer};
use tokio::runtime::Builder;

use crate::hand::{work_as_task, work_as_thread};
use crate::patience::Nap;
use crate::tally::Tally;
use crate::world::{Account, Plan, World};

/// The threads of each executor.
const CREW: usize = 2;

/// A crowd that does nothing for so long has lost a wake-up.
const STALLED: Duration = Duration::from_secs(60);

pub fn run(plan: Plan) -> (Tally, Account) {
    let world = Arc::new(World::new(plan));
    let kept = world.keep();
    let _watch = watch(world.clone());
    let mut seeds = fastrand::Rng::with_seed(plan.seed);
    let mut tally = Tally { closes: 1, ..Tally::default() };
    thread::scope(|scope| {
        let (for_tokio, for_smol) = (seeds.fork(), seeds.fork());
        let mut crowd = vec![
            scope.spawn(|| tasks_on_tokio(&world, for_tokio)),
            scope.spawn(|| tasks_on_smol(&world, for_smol)),
        ];
        for _ in 0..plan.threads {
            let (world, seed) = (&world, seeds.u64(..));
            crowd.push(scope.spawn(move || work_as_thread(world, seed)));
        }
        for worker in crowd {
            tally += worker.join().expect("a panic ends the program");
        }
    });
    let account = world.settle(&tally, kept);
    (tally, account)
}

fn tasks_on_tokio(world: &Arc<World>, mut seeds: fastrand::Rng) -> Tally {
    let runtime = Builder::new_multi_thread().worker_threads(CREW).enable_time().build();
    let runtime = runtime.expect("a runtime needs a few threads only");
    let nap: Nap = |limit| Box::pin(tokio::time::sleep(limit));
    let tasks = spread(world, || runtime.spawn(work_as_task(world.clone(), seeds.u64(..), nap)));
    sum(tasks, |task| runtime.block_on(task).expect("a panic ends the program"))
}

fn tasks_on_smol(world: &Arc<World>, mut seeds: fastrand::Rng) -> Tally {
    let executor = Executor::new();
    let nap: Nap = |limit| {
        Box::pin(async move {
            Timer::after(limit).await;
        })
    };
    let tasks = spread(world, || executor.spawn(work_as_task(world.clone(), seeds.u64(..), nap)));
    let (end, ended) = smol::channel::bounded::<()>(1);
    thread::scope(|scope| {
        for _ in 0..CREW {
            scope.spawn(|| block_on(executor.run(ended.recv())));
        }
        let tally = sum(tasks, block_on);
        drop(end);
        tally
    })
}

fn spread<T>(world: &World, spawn: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(spawn).take(world.plan.tasks).collect()
}

fn sum<T>(tasks: Vec<T>, wait: impl Fn(T) -> Tally) -> Tally {
    let mut sum = Tally::default();
    tasks.into_iter().for_each(|task| sum += wait(task));
    sum
}

/// Ends the program when nothing moves, until what is returned is dropped.
fn watch(world: Arc<World>) -> Sender<()> {
    let (end, ended) = channel();
    thread::spawn(move || {
        let mut seen = 0;
        while ended.recv_timeout(STALLED) == Err(RecvTimeoutError::Timeout) {
            assert_ne!(world.done(), seen, "nothing moves: {:?}", world.semaphore);
            seen = world.done();
        }
    });
    end
}
