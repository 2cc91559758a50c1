//! The fleet against a real server, in real processes, through the faults that it is made for.

mod clocks;
mod failover;
mod faults;
mod order;
mod observed;
mod requests;
mod topology;
mod worker;

use std::time::{Duration, Instant};

use fairgate_fleet::Fleet;
use fairgate_fleet_kit::HANGS;
use redis::Commands;

/// Long enough that a busy machine renews in time, short enough for the tests that wait for its end.
const LEASE: Duration = Duration::from_secs(3);

/// The server of a fleet. The pause after a restart is as short as the lease.
fn fleet_server(client: redis::Client) -> fairgate_fleet::Server {
    fairgate_fleet::Server::options(client).longest_lease(LEASE).start()
}

/// The name of one of a key's parts at the server.
fn redis_key(part: &str, key: &str) -> String {
    format!("{{fairgate:{}}}{part}:{key}", LEASE.as_millis())
}

/// A server with a look into its state.
struct Server(fairgate_fleet_kit::Server);

impl std::ops::Deref for Server {
    type Target = fairgate_fleet_kit::Server;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Server {
    fn start() -> Option<Self> {
        fairgate_fleet_kit::Server::start().map(|server| Self(server).warm())
    }

    fn start_persistent() -> Option<Self> {
        fairgate_fleet_kit::Server::start_persistent().map(|server| Self(server).warm())
    }

    /// Ends the pause of a new server, so that not every test waits for it.
    fn warm(self) -> Self {
        let fleet = Fleet::new(&fleet_server(self.client()), "other", 1, LEASE);
        smol::block_on(fleet.try_acquire()).expect("the server answers");
        let key = format!("{{fairgate:{}}}server", LEASE.as_millis());
        let _: () = self.connection().hset(key, "opens", 0).expect("a hash");
        self
    }

    /// A server that still has its first pause before it.
    fn start_with(arguments: &[&str]) -> Option<Self> {
        fairgate_fleet_kit::Server::start_with(arguments).map(Self)
    }

    /// How many processes wait in the server's queue.
    fn queued(&self, key: &str) -> usize {
        self.connection().zcard(redis_key("queue", key)).expect("a sorted set")
    }

    /// How many permits the server counts as held.
    fn held(&self, key: &str) -> usize {
        self.connection().zcard(redis_key("holders", key)).expect("a sorted set")
    }

    /// Waits until the server's queue has this number of processes.
    fn wait_until_queued(&self, key: &str, processes: usize) {
        wait_until(|| self.queued(key) == processes);
    }
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANGS, "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
