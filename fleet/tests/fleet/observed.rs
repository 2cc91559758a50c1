//! What the facades of `metrics` and `tracing` report.

use std::collections::HashMap;

use fairgate_fleet::Fleet;
use metrics_util::CompositeKey;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use smol::future::{block_on, poll_once};

use crate::{LEASE, Server, fleet_server};

#[test]
fn waits_and_permits_held_are_reported() {
    let Some(server) = Server::start() else { return };
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // The driver reports the gauges from its own thread.
    recorder.install().expect("the only recorder");
    block_on(async {
        let fleet = Fleet::new(&fleet_server(server.client()), "observed", 2, LEASE);
        let _held = fleet.acquire_many(2).await.unwrap();
        assert!(fleet.try_acquire().await.unwrap().is_none());
        let mut cancelled = Box::pin(fleet.acquire());
        assert!(poll_once(&mut cancelled).await.is_none());
        drop(cancelled);
    });
    let of_this_key = |key: &CompositeKey| key.key().labels().any(|label| label.value() == "observed");
    let seen: HashMap<String, usize> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| of_this_key(key))
        .map(|(key, _, _, value)| {
            let outcome = key.key().labels().find(|label| label.key() == "outcome");
            let name = outcome.map_or(key.key().name(), |outcome| outcome.value()).to_owned();
            let value = match value {
                DebugValue::Gauge(value) => *value as usize,
                DebugValue::Histogram(values) => values.len(),
                DebugValue::Counter(value) => value as usize,
            };
            (name, value)
        })
        .collect();
    assert_eq!((seen["granted"], seen["none"], seen["cancelled"], seen["in_flight"]), (1, 1, 1, 2));
}
