//! The fleet against a real server, in real processes, through the faults that it is made for.

mod clocks;
mod counter;
mod faults;
mod order;
mod relay;
mod requests;
mod server;
mod worker;

use std::time::Duration;

use fairgate_fleet::Server;

/// Long enough that a busy machine renews in time, short enough for the tests that wait for its end.
const LEASE: Duration = Duration::from_secs(2);

/// What takes longer than this does not happen any more: the test fails instead of hanging.
const HANGS: Duration = Duration::from_secs(30);

/// The server of a fleet. The pause after a restart is as short as the lease.
fn fleet_server(client: redis::Client) -> Server {
    Server::options(client).longest_lease(LEASE).start()
}
