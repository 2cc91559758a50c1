//! The limit over all processes, and the order of the grants.

use std::collections::BTreeMap;

use crate::Server;
use crate::worker::{Runtime, Worker};
use fairgate_fleet_kit::Counter;

#[test]
fn four_processes_stay_below_the_limit_and_keep_their_order() {
    const TASKS: usize = 50;
    const PERMITS: usize = 3;
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let runtimes = [Runtime::Smol, Runtime::Tokio, Runtime::Smol, Runtime::Tokio];
    let mut workers: Vec<_> = (0..)
        .zip(runtimes)
        .map(|(id, runtime)| Worker::start(id, runtime, &server.url(), &counter, PERMITS))
        .collect();
    for worker in &mut workers {
        worker.tell(&format!("crowd {TASKS} 5"));
    }
    let mut tokens: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for worker in 0..workers.len() {
        for task in 0..TASKS {
            tokens.entry(worker).or_default().push(counter.wait_for_task(worker, "enter", task));
            assert_eq!(counter.wait_for_task(worker, "released", task), 1, "no lease is lost");
        }
    }
    assert_eq!(counter.most(), PERMITS, "the limit is used, and not exceeded");
    for (worker, tokens) in &tokens {
        assert!(tokens.is_sorted_by(|a, b| a < b), "worker {worker} served out of order: {tokens:?}");
    }
    let mut all: Vec<_> = tokens.into_values().flatten().collect();
    all.sort_unstable();
    assert!(all.is_sorted_by(|a, b| a < b), "a token is granted once");
    for worker in workers {
        worker.finish();
    }
    assert_eq!((server.queued("test"), server.held("test")), (0, 0), "nothing stays behind");
}

#[test]
fn the_server_grants_in_the_order_in_which_the_processes_queued() {
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let mut workers: Vec<_> =
        (0..5).map(|id| Worker::start(id, Runtime::Smol, &server.url(), &counter, 1)).collect();
    workers[4].tell("hold 0");
    counter.wait_for_task(4, "enter", 0);
    for (queued, worker) in [2, 0, 3, 1].into_iter().enumerate() {
        // Three tasks, of which one waits at the server.
        for task in 0..3 {
            workers[worker].tell(&format!("hold {task}"));
        }
        server.wait_until_queued("test", queued + 1);
    }
    workers[4].tell("release 0");
    let mut queued = 4;
    for task in 0..3 {
        for worker in [2, 0, 3, 1] {
            let entered = counter.wait_for(|report| report.what == "enter");
            assert_eq!((entered.worker, entered.task), (worker, task), "process by process, task by task");
            // The next task of this process is queued before the permit passes on.
            queued -= usize::from(task == 2);
            server.wait_until_queued("test", queued);
            workers[worker].tell(&format!("release {task}"));
        }
    }
    assert_eq!(counter.most(), 1);
}
