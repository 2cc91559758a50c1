//! Servers that are replaced, refuse, or are not what they seem. Each test is a fault that a fleet once did not survive.

use std::pin::pin;
use std::thread;
use std::time::Duration;

use fairgate::with_timeout;
use fairgate_fleet::{Error, Fleet, Lease};
use fairgate_fleet_kit::{Address, HANGS, Relay, Signal};
use redis::Value;
use smol::Timer;
use smol::future::{block_on, poll_once};

use crate::{LEASE, Server, fleet_server, wait_until};

fn fleet(url: &str, permits: usize) -> Fleet {
    Fleet::new(&fleet_server(redis::Client::open(url).unwrap()), "test", permits, LEASE)
}

/// A permit, or a failed test instead of a hang.
async fn acquire(fleet: &Fleet) -> Lease {
    with_timeout(fleet.acquire(), Timer::after(HANGS)).await.expect("no hang").expect("no error")
}

/// A server on a TCP port, which a replica can reach.
fn on_port(arguments: &[&str]) -> Option<(Server, u16)> {
    let port = Address::free_port();
    Some((Server(fairgate_fleet_kit::Server::start_on_port(port, arguments)?), port))
}

fn become_replica(server: &Server, port: u16) {
    server.command(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
    wait_until(|| match server.command(&["INFO", "replication"]) {
        Value::BulkString(text) => String::from_utf8_lossy(&text).contains("master_link_status:up"),
        _ => false,
    });
}

#[test]
fn waiters_and_holders_survive_the_kill_of_their_connections() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server.url(), 1), fleet(&server.url(), 1));
        let lease = acquire(&ours).await;
        let mut waiting = pin!(other.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        for kind in ["normal", "pubsub"] {
            server.wait_until_queued("test", 1);
            server.command(&["CLIENT", "KILL", "TYPE", kind]);
        }
        server.command(&["SCRIPT", "FLUSH"]);
        assert_eq!(lease.release().await, Ok(()));
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

/// A waiting task once got `UNBLOCKED` or `READONLY` as a permanent error.
#[test]
fn a_waiter_survives_a_demotion_of_its_server() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server.url(), 1), fleet(&server.url(), 1));
        let lease = acquire(&ours).await;
        let mut waiting = pin!(other.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        server.wait_until_queued("test", 1);
        server.command(&["REPLICAOF", "127.0.0.1", "1"]);
        while other.connection_error().is_none() {
            assert!(poll_once(&mut waiting).await.is_none());
            Timer::after(Duration::from_millis(5)).await;
        }
        server.command(&["REPLICAOF", "NO", "ONE"]);
        drop(lease);
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

#[test]
fn a_server_without_its_replicas_is_waited_for() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server.url(), 1);
        server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        let mut waiting = pin!(fleet.acquire());
        while fleet.connection_error().is_none() {
            assert!(poll_once(&mut waiting).await.is_none());
            Timer::after(Duration::from_millis(5)).await;
        }
        let error = fleet.connection_error().unwrap().to_string();
        assert!(error.contains("NOREPLICAS"), "{error}");
        let outcome = fleet.try_acquire().await;
        assert!(matches!(outcome, Ok(None) | Err(Error::Unreachable(_))), "{outcome:?}");
        server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

#[test]
fn a_missing_permission_and_a_wrong_password_are_errors() {
    let Some(server) = Server::start() else { return };
    server.command(&["ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@read", "+@connection"]);
    block_on(async {
        for login in ["reader:secret", "reader:wrong", "nobody:"] {
            let url =
                format!("redis+unix://{}?user={}", server.socket().display(), login.replace(':', "&pass="));
            let outcome =
                with_timeout(fleet(&url, 1).acquire(), Timer::after(HANGS)).await.expect("no hang");
            assert!(matches!(outcome, Err(Error::Refused(_))), "{login}: {outcome:?}");
        }
    });
}

/// README names the permissions.
#[test]
fn the_permissions_of_the_manual_suffice() {
    let Some(server) = Server::start() else { return };
    let manual = include_str!("../../README.md");
    let rules = manual
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER fleet "))
        .expect("README has the rules");
    // The namespace of the tests differs by the longest lease in its name.
    let user = format!("ACL SETUSER fleet {rules}").replace("10000", &LEASE.as_millis().to_string());
    server.command(&user.split(' ').collect::<Vec<_>>());
    let url = format!("redis+unix://{}?user=fleet&pass=secret", server.socket().display());
    block_on(async {
        let (ours, other) = (fleet(&url, 1), fleet(&url, 1));
        let lease = acquire(&ours).await;
        let mut waiting = pin!(other.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        server.wait_until_queued("test", 1);
        assert_eq!(ours.status().await.unwrap().held, 1);
        ours.set_limit(1, 1).await.unwrap();
        assert_eq!(lease.release().await, Ok(()));
        drop(waiting.await.unwrap());
    });
}

#[test]
fn a_server_that_may_evict_keys_is_refused() {
    let Some(server) = Server::start() else { return };
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    block_on(async {
        let fleet = fleet(&server.url(), 1);
        let outcome = with_timeout(fleet.acquire(), Timer::after(HANGS)).await.expect("no hang");
        assert!(
            matches!(&outcome, Err(Error::Evicting { policy }) if policy == "allkeys-lru"),
            "{outcome:?}"
        );
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        drop(acquire(&fleet).await);
    });
}

#[test]
fn keys_that_were_evicted_count_as_lost() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server.url(), 1), fleet(&server.url(), 1));
        let lease = acquire(&ours).await;
        // The connected processes have found the policy in order.
        assert!(other.try_acquire().await.unwrap().is_none());
        server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
        server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
        wait_until(|| server.held("test") == 0);
        let outcome = other.try_acquire().await;
        assert!(!matches!(outcome, Ok(Some(_))), "granted while the other lease is held");
        wait_until(|| matches!(block_on(other.try_acquire()), Err(Error::Evicting { .. })));
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        drop(lease);
        drop(acquire(&other).await);
    });
}

/// Once, the pause was the lease of the first caller, so a process with a shorter lease exceeded the limit.
#[test]
fn a_process_with_a_short_lease_waits_for_a_holder_with_a_long_one_after_a_loss() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let long = fleet(&server.url(), 1);
        let lease = acquire(&long).await;
        let short = fleet_server(server.client());
        let short = Fleet::new(&short, "test", 1, Duration::from_millis(100));
        server.command(&["FLUSHALL"]);
        let mut waiting = pin!(short.acquire());
        let next = with_timeout(waiting.as_mut(), Timer::after(3 * LEASE)).await;
        assert!(next.is_err(), "granted while the other lease is held");
        assert_eq!(lease.release().await, Ok(()));
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

/// A replica takes over, and then the old primary comes back with the state that it had before.
#[test]
fn a_waiter_is_not_granted_a_held_permit_after_a_failback_to_a_stale_state() {
    let (Some((primary, port)), Some((replica, _))) = (on_port(&[]), on_port(&[])) else { return };
    let relay = Relay::start(primary.address(), Duration::ZERO);
    block_on(async {
        let (ours, other) = (fleet(&relay.url(), 1), fleet(&relay.url(), 1));
        drop(acquire(&ours).await);
        become_replica(&replica, port);
        replica.command(&["REPLICAOF", "NO", "ONE"]);
        relay.lead_to(replica.address());
        let lease = acquire(&ours).await;
        let mut waiting = pin!(other.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        replica.wait_until_queued("test", 1);
        assert_eq!(primary.held("test"), 0, "the old primary knows of no holder");
        relay.lead_to(primary.address());
        let next = with_timeout(waiting.as_mut(), Timer::after(2 * LEASE)).await;
        assert!(next.is_err(), "granted while the lease is held");
        assert_eq!(lease.release().await, Ok(()), "the holder renewed its lease in the pause");
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

#[test]
fn a_promoted_replica_grants_nothing_until_the_holders_are_known() {
    let (Some((mut primary, port)), Some((replica, _))) = (on_port(&[]), on_port(&[])) else { return };
    let relay = Relay::start(primary.address(), Duration::ZERO);
    block_on(async {
        let (ours, other) = (fleet(&relay.url(), 1), fleet(&relay.url(), 1));
        become_replica(&replica, port);
        drop(acquire(&ours).await);
        // The replica misses the grant.
        replica.command(&["REPLICAOF", "NO", "ONE"]);
        let lease = acquire(&ours).await;
        primary.kill();
        relay.lead_to(replica.address());
        let mut waiting = pin!(other.acquire());
        let next = with_timeout(waiting.as_mut(), Timer::after(2 * LEASE)).await;
        assert!(next.is_err(), "granted while the lease is held");
        assert_eq!(lease.release().await, Ok(()));
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

/// The script reads the run id itself, so a proxy that shows different ones cannot stop the grants.
#[test]
fn proxies_with_different_run_ids_do_not_stop_the_grants() {
    let Some(server) = Server::start() else { return };
    let Value::BulkString(info) = server.command(&["INFO", "server"]) else { panic!("no text") };
    let info = String::from_utf8_lossy(&info).into_owned();
    let id = info.lines().find_map(|line| line.strip_prefix("run_id:")).expect("a run id").trim();
    block_on(async {
        let fleets = ["a", "b"].map(|digit| {
            let relay = Relay::start(server.address(), Duration::ZERO);
            relay.rewrite(id, &digit.repeat(id.len()));
            fleet(&relay.url(), 2)
        });
        let _first = acquire(&fleets[0]).await;
        let _second = acquire(&fleets[1]).await;
        assert!(fleets[0].try_acquire().await.unwrap().is_none());
    });
}

/// The tolerance for stalls: three quarters of a lease less the quarter between two renewals.
#[test]
fn a_stall_of_less_than_half_a_lease_loses_no_lease() {
    // Long, so that a busy machine does not add much to the stall.
    const LEASE: Duration = Duration::from_secs(5);
    let Some(server) = Server::start() else { return };
    block_on(async {
        let handle = fairgate_fleet::Server::options(server.client()).longest_lease(LEASE).start();
        let lease = acquire(&Fleet::new(&handle, "test", 1, LEASE)).await;
        for _ in 0..2 {
            server.signal(Signal::STOP);
            thread::sleep(LEASE * 2 / 5);
            server.signal(Signal::CONT);
            thread::sleep(LEASE / 4);
        }
        assert!(!lease.is_lost());
        assert_eq!(lease.release().await, Ok(()));
    });
}

#[test]
fn a_stall_of_more_than_a_lease_loses_the_lease() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server.url(), 1);
        let lease = acquire(&fleet).await;
        server.signal(Signal::STOP);
        with_timeout(lease.lost(), Timer::after(HANGS)).await.expect("it is lost");
        assert!(lease.remaining() <= LEASE / 4);
        server.signal(Signal::CONT);
        drop(lease);
        drop(acquire(&fleet).await);
    });
}

#[test]
fn all_keys_of_a_process_share_one_connection_and_one_thread() {
    let Some(server) = Server::start() else { return };
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    block_on(async {
        let handle = fleet_server(server.client());
        let fleets: Vec<_> =
            (0..300).map(|n| Fleet::new(&handle, &format!("tenant {n}"), 1, LEASE)).collect();
        drop(acquire(&fleets[0]).await);
        let before = threads();
        let mut leases = Vec::new();
        for fleet in &fleets {
            leases.push(acquire(fleet).await);
        }
        // Other tests of this process may start threads, too, but not one for each key.
        assert!(threads() < before + 100);
        let Value::BulkString(info) = server.command(&["INFO", "clients"]) else { panic!("no text") };
        let info = String::from_utf8_lossy(&info).into_owned();
        // The other one is the connection that asks.
        assert!(info.contains("connected_clients:2\r\n"), "{info}");
        assert!(leases.iter().all(|lease| !lease.is_lost()));
    });
}

/// Only the first key of a server that was restarted or is new costs a pause.
#[test]
fn the_first_permit_of_a_further_key_is_granted_at_once() {
    let Some(server) = Server::start_with(&[]) else { return };
    block_on(async {
        let handle = fleet_server(server.client());
        assert!(Fleet::new(&handle, "first", 1, LEASE).try_acquire().await.unwrap().is_none(), "the pause");
        drop(acquire(&Fleet::new(&handle, "first", 1, LEASE)).await);
        let other = fleet_server(server.client());
        assert!(Fleet::new(&other, "second", 1, LEASE).try_acquire().await.unwrap().is_some());
        assert_eq!(Fleet::new(&other, "second", 1, LEASE).status().await.unwrap().paused, Duration::ZERO);
        server.command(&["FLUSHALL"]);
        assert!(
            Fleet::new(&other, "third", 1, LEASE).try_acquire().await.unwrap().is_none(),
            "the state is lost"
        );
        assert!(Fleet::new(&other, "third", 1, LEASE).status().await.unwrap().paused > Duration::ZERO);
    });
}
