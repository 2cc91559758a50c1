//! Clocks that differ: only the server's clock and durations may count.

use crate::counter::Counter;
use crate::server::{Server, installed};
use crate::worker::{Runtime, Worker};

/// Each process has its own date; the monotonic clock, which measures durations, is the machine's.
const ENVIRONMENT: &str = "FAKETIME_DONT_FAKE_MONOTONIC=1";

/// The three hours by which clocks differ here, with room for the time that the test takes.
const MORE_THAN_TWO_HOURS: u64 = 2 * 3600;

#[test]
fn processes_and_a_server_with_different_dates_share_one_limit() {
    const TASKS: usize = 10;
    let with_date = |offset| ["env", ENVIRONMENT, "faketime", "-f", offset];
    if !installed("faketime", "faketime") {
        return;
    }
    let Some(server) = Server::start_with(false, &with_date("+7d")) else { return };
    let mut counter = Counter::new();
    let mut workers = [
        Worker::start_with(0, Runtime::Smol, &server.url(), &counter, 1, &with_date("-3h")),
        Worker::start_with(1, Runtime::Tokio, &server.url(), &counter, 1, &with_date("+3h")),
        Worker::start(2, Runtime::Smol, &server.url(), &counter, 1),
    ];
    for worker in &mut workers {
        worker.tell("clock");
    }
    let [behind, ahead, right] = [0, 1, 2].map(|worker| counter.wait_for_task(worker, "clock", 0));
    let (server_now, _): (u64, u64) = redis::cmd("TIME").query(&mut server.connection()).expect("a time");
    assert!(right - behind > MORE_THAN_TWO_HOURS && ahead - right > MORE_THAN_TWO_HOURS, "the dates differ");
    assert!(server_now - ahead > MORE_THAN_TWO_HOURS, "the server's date differs from all of them");

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
