//! Processes that die or pause, servers that restart or fall silent.

use std::time::Duration;

use rustix::process::Signal;

use crate::Server;
use crate::worker::{Runtime, Worker};
use fairgate_fleet_kit::Counter;
use fairgate_fleet_kit::Relay;

/// Workers with a limit of one permit.
fn workers<const N: usize>(server: &Server, counter: &Counter, runtimes: [Runtime; N]) -> [Worker; N] {
    let mut id = 0..;
    runtimes.map(|runtime| Worker::start(id.next().expect("endless"), runtime, &server.url(), counter, 1))
}

#[test]
fn the_permit_of_a_killed_process_returns_after_its_lease() {
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let mut workers = [(0, Runtime::Smol), (1, Runtime::Tokio), (2, Runtime::Smol)]
        .map(|(id, runtime)| Worker::start(id, runtime, &server.url(), &counter, 2));
    let [a, b, c] = &mut workers;
    a.tell("hold 0");
    let first = counter.wait_for_task(0, "enter", 0);
    // A second holder keeps its permit all the time.
    b.tell("hold 0");
    let second = counter.wait_for_task(1, "enter", 0);
    c.tell("hold 0");
    server.wait_until_queued("test", 1);
    a.signal(Signal::KILL);
    assert!(counter.wait_for_task(2, "enter", 0) > first.max(second));
    for (id, worker) in [(1, b), (2, c)] {
        worker.tell("release 0");
        assert_eq!(counter.wait_for_task(id, "released", 0), 1);
    }
    assert_eq!(counter.most(), 2);
}

#[test]
fn a_killed_process_at_the_front_of_the_queue_is_passed_over() {
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let [mut a, mut b, mut c] = workers(&server, &counter, [Runtime::Smol, Runtime::Smol, Runtime::Tokio]);
    a.tell("hold 0");
    counter.wait_for_task(0, "enter", 0);
    b.tell("hold 0");
    server.wait_until_queued("test", 1);
    c.tell("hold 0");
    server.wait_until_queued("test", 2);
    b.signal(Signal::KILL);
    a.tell("release 0");
    counter.wait_for_task(2, "enter", 0);
    assert_eq!(counter.most(), 1);
}

/// Four processes work while the server crashes and starts again.
fn crowd_survives_a_restart(mut server: Server) {
    const TASKS: usize = 50;
    const PERMITS: usize = 3;
    let mut counter = Counter::start();
    let runtimes = [Runtime::Smol, Runtime::Tokio, Runtime::Smol, Runtime::Tokio];
    let mut workers: Vec<_> = (0..)
        .zip(runtimes)
        .map(|(id, runtime)| Worker::start(id, runtime, &server.url(), &counter, PERMITS))
        .collect();
    for worker in &mut workers {
        worker.tell(&format!("crowd {TASKS} 10"));
    }
    counter.wait_for_task(0, "enter", TASKS / 5);
    server.kill();
    server.restart();
    for worker in 0..workers.len() {
        for task in 0..TASKS {
            assert_eq!(counter.wait_for_task(worker, "released", task), 1, "no lease is lost");
        }
    }
    assert_eq!(counter.most(), PERMITS);
    for worker in workers {
        worker.finish();
    }
    assert_eq!((server.queued("test"), server.held("test")), (0, 0), "nothing stays behind");
}

#[test]
fn all_tasks_are_served_below_the_limit_while_a_server_without_a_disk_restarts() {
    if let Some(server) = Server::start() {
        crowd_survives_a_restart(server);
    }
}

#[test]
fn all_tasks_are_served_below_the_limit_while_a_server_with_a_disk_restarts() {
    if let Some(server) = Server::start_persistent() {
        crowd_survives_a_restart(server);
    }
}

#[test]
fn a_holder_keeps_its_permit_and_the_queue_its_order_when_the_server_forgets_both() {
    let Some(mut server) = Server::start() else { return };
    let mut counter = Counter::start();
    let [mut a, mut b, mut c] = workers(&server, &counter, [Runtime::Tokio, Runtime::Smol, Runtime::Smol]);
    a.tell("hold 0");
    let first = counter.wait_for_task(0, "enter", 0);
    b.tell("hold 0");
    server.wait_until_queued("test", 1);
    c.tell("hold 0");
    server.wait_until_queued("test", 2);
    server.kill();
    server.restart();
    server.wait_until_queued("test", 2);
    while server.held("test") == 0 {
        std::thread::yield_now();
    }
    a.tell("release 0");
    assert_eq!(counter.wait_for_task(0, "released", 0), 1, "the lease was never lost");
    let second = counter.wait_for_task(1, "enter", 0);
    assert!(second > first, "tokens increase across the loss of the server's memory");
    b.tell("release 0");
    assert!(counter.wait_for_task(2, "enter", 0) > second);
    assert_eq!(counter.most(), 1);
}

#[test]
fn a_process_that_was_paused_for_longer_than_its_lease_knows_and_is_fenced() {
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let [mut a, mut b] = workers(&server, &counter, [Runtime::Smol, Runtime::Tokio]);
    a.tell("blind 0");
    let first = counter.wait_for_task(0, "enter", 0);
    b.tell("hold 0");
    server.wait_until_queued("test", 1);
    a.signal(Signal::STOP);
    let second = counter.wait_for_task(1, "enter", 0);
    assert!(second > first);
    b.tell("write 0");
    counter.wait_for_task(1, "written", 0);
    a.tell("write 0");
    a.signal(Signal::CONT);
    assert_eq!(counter.wait_for_task(0, "refused", 0), first, "the older token is refused");
    a.tell("release 0");
    assert_eq!(counter.wait_for_task(0, "lost", 0), first);
    assert_eq!(counter.wait_for_task(0, "released", 0), 0, "there was nothing left to release");
    // The late release took nothing from the new holder.
    assert_eq!(server.held("test"), 1);
    b.tell("release 0");
    assert_eq!(counter.wait_for_task(1, "released", 0), 1);
}

#[test]
fn a_lost_connection_ends_the_lease_before_another_process_is_granted_the_permit() {
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let relay = Relay::start(server.address(), Duration::ZERO);
    let mut a = Worker::start(0, Runtime::Smol, &relay.url(), &counter, 1);
    let mut b = Worker::start(1, Runtime::Tokio, &server.url(), &counter, 1);
    a.tell("hold 0");
    counter.wait_for_task(0, "enter", 0);
    b.tell("hold 0");
    server.wait_until_queued("test", 1);
    relay.set_silent(true);
    let next = counter.wait_for(|_| true);
    assert_eq!((next.worker, next.what.as_str()), (0, "lost"));
    counter.wait_for_task(1, "enter", 0);
    assert_eq!(counter.most(), 1, "the holder was out before");
}
