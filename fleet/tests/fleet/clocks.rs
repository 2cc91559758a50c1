//! Clocks that differ: only the server's clock and durations may count.

use crate::Server;
use crate::worker::{Runtime, Worker};
use fairgate_fleet_kit::Counter;
use fairgate_fleet_kit::installed;

/// Each process has its own date; the monotonic clock, which measures durations, is the machine's.
const ENVIRONMENT: &str = "FAKETIME_DONT_FAKE_MONOTONIC=1";

/// Each two clocks differ by three hours at least; the rest is room for the time that the test takes.
const MORE_THAN_TWO_HOURS: u64 = 2 * 3600;

#[test]
fn processes_with_different_dates_share_one_limit() {
    const TASKS: usize = 10;
    if !installed("faketime", "faketime") {
        return;
    }
    let Some(server) = Server::start() else { return };
    let mut counter = Counter::start();
    let mut id = 0..;
    let mut workers = [(Runtime::Smol, "-3h"), (Runtime::Tokio, "+3h"), (Runtime::Smol, "+7d")].map(
        |(runtime, offset)| {
            let with_date = ["env", ENVIRONMENT, "faketime", "-f", offset];
            Worker::start_with(id.next().expect("endless"), runtime, &server.url(), &counter, 1, &with_date)
        },
    );
    for worker in &mut workers {
        worker.tell("clock");
    }
    let dates = [0, 1, 2].map(|worker| counter.wait_for_task(worker, "clock", 0));
    let (server_date, _): (u64, u64) = redis::cmd("TIME").query(&mut server.connection()).expect("a time");
    for (date, other) in [(dates[0], server_date), (server_date, dates[1]), (dates[1], dates[2])] {
        assert!(other - date > MORE_THAN_TWO_HOURS, "the dates differ");
    }

    for worker in &mut workers {
        // Longer than a lease altogether, so that leases are renewed and would expire if a date counted.
        worker.tell(&format!("crowd {TASKS} 100"));
    }
    for worker in 0..workers.len() {
        for task in 0..TASKS {
            assert_eq!(counter.wait_for_task(worker, "released", task), 1, "no lease is lost");
        }
    }
    assert_eq!(counter.most(), 1);
}
