//! Requests and leases within one process: cancelled, dropped, released, refused.

use std::pin::pin;
use std::time::{Duration, Instant};

use fairgate::with_timeout;
use fairgate_fleet::{Error, Fleet, Lost};
use redis::Commands;
use smol::future::{block_on, poll_once};
use smol::{LocalExecutor, Timer};

use crate::{LEASE, Server, fleet_server, redis_key, wait_until};
use fairgate_fleet_kit::HANGS;

fn fleet(server: &Server, permits: usize) -> Fleet {
    Fleet::new(&fleet_server(server.client()), "test", permits, LEASE)
}

/// Waits until the server counts `queued` processes in its queue and `held` permits.
async fn settle(server: &Server, queued: usize, held: usize) {
    let start = Instant::now();
    while (server.queued("test"), server.held("test")) != (queued, held) {
        assert!(start.elapsed() < HANGS, "{} queued, {} held", server.queued("test"), server.held("test"));
        Timer::after(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_dropped_lease_releases_its_permit() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        let first = fleet.acquire().await.unwrap();
        let token = first.token();
        drop(first);
        let second = fleet.acquire().await.unwrap();
        assert!(second.token() > token);
        assert!(!second.is_lost());
        assert!(second.remaining() <= LEASE);
        assert_eq!(second.release().await, Ok(()));
        assert_eq!(server.held("test"), 0, "the release is confirmed");
    });
}

/// The end of the pause after a new key is stored as a date. To the script, a clock that was set back makes it lie ahead.
#[test]
fn a_server_clock_that_was_set_back_does_not_stop_the_grants() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        fleet.acquire().await.unwrap().release().await.unwrap();
        let hour = 3_600_000_000_u64;
        let key = format!("{{fairgate:{}}}server", LEASE.as_millis());
        let _: u64 = server.connection().hincr(key, "opens", hour).unwrap();
        let lease = with_timeout(fleet.acquire(), Timer::after(HANGS)).await;
        assert!(lease.is_ok(), "no permit is granted until the clock has caught up");
    });
}

#[test]
fn the_last_lease_is_released_after_the_fleet_was_dropped() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 2);
        let (a, b) = (fleet.acquire().await.unwrap(), fleet.acquire().await.unwrap());
        drop((fleet, a));
        settle(&server, 0, 1).await;
        drop(b);
        settle(&server, 0, 0).await;
    });
}

/// In batches: one run of the script releases or renews a bounded number.
#[test]
fn a_thousand_leases_are_renewed_and_released() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 2000);
        let mut leases = vec![fleet.acquire_many(500).await.unwrap()];
        // All at once, so that one request to the server asks for many.
        let executor = LocalExecutor::new();
        let requests: Vec<_> = (0..1000).map(|_| executor.spawn(fleet.acquire())).collect();
        for request in requests {
            leases.push(executor.run(request).await.unwrap());
        }
        assert_eq!(server.held("test"), 1500);
        Timer::after(LEASE).await;
        assert!(leases.iter().all(|lease| !lease.is_lost()));
        drop(leases);
        settle(&server, 0, 0).await;
    });
}

#[test]
fn the_driver_ends_with_the_last_handle() {
    let Some(server) = Server::start() else { return };
    // The connection that asks is one of them.
    let is_alone = || match server.command(&["INFO", "clients"]) {
        redis::Value::BulkString(text) => String::from_utf8_lossy(&text).contains("connected_clients:1\r"),
        _ => false,
    };
    block_on(async {
        let fleet = fleet(&server, 1);
        let lease = fleet.acquire().await.unwrap();
        drop(fleet);
        assert!(!is_alone());
        drop(lease);
        wait_until(is_alone);
        assert_eq!(server.held("test"), 0);
    });
}

#[test]
fn a_cancelled_request_leaves_the_queue_and_takes_no_permit() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server, 1), fleet(&server, 1));
        let lease = ours.acquire().await.unwrap();
        {
            let mut cancelled = pin!(other.acquire());
            assert!(poll_once(&mut cancelled).await.is_none());
            settle(&server, 1, 1).await;
        }
        settle(&server, 0, 1).await;
        drop(lease);
        settle(&server, 0, 0).await;
    });
}

#[test]
fn the_place_of_a_cancelled_request_passes_to_the_next_local_one() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (holder, ours, other) = (fleet(&server, 1), fleet(&server, 1), fleet(&server, 1));
        let lease = holder.acquire().await.unwrap();
        let mut cancelled = Box::pin(ours.acquire());
        let mut next = pin!(ours.acquire());
        assert!(poll_once(&mut cancelled).await.is_none());
        assert!(poll_once(&mut next).await.is_none());
        assert_eq!(ours.waiters(), 2);
        settle(&server, 1, 1).await;
        let mut behind = pin!(other.acquire());
        assert!(poll_once(&mut behind).await.is_none());
        settle(&server, 2, 1).await;
        drop(cancelled);
        drop(lease);
        let first = next.await.unwrap();
        assert!(poll_once(&mut behind).await.is_none());
        let token = first.token();
        drop(first);
        assert!(behind.await.unwrap().token() > token);
    });
}

#[test]
fn a_grant_for_a_cancelled_request_is_released() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        drop(fleet.acquire().await.unwrap());
        for _ in 0..50 {
            let mut cancelled = pin!(fleet.acquire());
            assert!(poll_once(&mut cancelled).await.is_none());
        }
        settle(&server, 0, 0).await;
    });
}

#[test]
fn no_request_overtakes_a_queued_request_for_more_permits_than_are_available() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server, 2), fleet(&server, 2));
        let lease = ours.acquire().await.unwrap();
        let mut both = pin!(other.acquire_many(2));
        assert!(poll_once(&mut both).await.is_none());
        settle(&server, 1, 1).await;
        assert!(
            ours.try_acquire().await.unwrap().is_none(),
            "one permit is available, but a request is queued"
        );
        let mut behind = pin!(ours.acquire());
        assert!(poll_once(&mut behind).await.is_none());
        settle(&server, 2, 1).await;
        drop(lease);
        let both = both.await.unwrap();
        assert_eq!(both.permits(), 2);
        assert!(poll_once(&mut behind).await.is_none());
        assert_eq!(both.release().await, Ok(()));
        drop(behind.await.unwrap());
        settle(&server, 0, 0).await;
    });
}

#[test]
fn try_acquire_is_granted_what_is_available_and_never_queues() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server, 1), fleet(&server, 1));
        drop(ours.acquire().await.unwrap());
        settle(&server, 0, 0).await;
        let lease = other.try_acquire().await.unwrap().expect("a permit is available");
        assert!(ours.try_acquire().await.unwrap().is_none());
        assert_eq!(server.queued("test"), 0);
        drop(lease);
        settle(&server, 0, 0).await;
        assert!(ours.try_acquire().await.unwrap().is_some());
    });
}

#[test]
fn more_permits_than_the_limit_are_an_error_and_not_a_hang() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 2);
        let outcome = fleet.acquire_many(3).await;
        assert!(matches!(outcome, Err(Error::TooMany { permits: 2 })), "{outcome:?}");
        assert_eq!(fleet.acquire_many(2).await.unwrap().permits(), 2);
    });
}

#[test]
fn a_lease_that_the_server_ended_is_lost() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        let lease = fleet.acquire().await.unwrap();
        let _: () = server.connection().del(redis_key("holders", "test")).unwrap();
        // A safeguard against a hang.
        with_timeout(lease.lost(), Timer::after(10 * LEASE)).await.unwrap();
    });
}

#[test]
fn tokens_increase_after_the_state_was_deleted() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let before = fleet(&server, 1).acquire().await.unwrap().token();
        settle(&server, 0, 0).await;
        let _: () = server.connection().flushall().unwrap();
        assert!(fleet(&server, 1).acquire().await.unwrap().token() > before);
    });
}

#[test]
fn a_time_limit_on_the_wait_cancels_the_request() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        let lease = fleet.acquire().await.unwrap();
        let mut waiting = pin!(with_timeout(fleet.acquire(), Timer::after(Duration::from_millis(20))));
        assert!(waiting.as_mut().await.is_err());
        settle(&server, 0, 1).await;
        drop(lease);
    });
}

#[test]
fn the_limit_with_the_highest_version_is_in_force() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        // Two processes of a deployment that changes the limit: both work, with the limit that was there first.
        let (old, new) = (fleet(&server, 1), fleet(&server, 3));
        let lease = old.acquire().await.unwrap();
        assert!(new.try_acquire().await.unwrap().is_none());
        assert_eq!(new.limit().permits, 1);

        let limit = new.set_limit(3, 7).await.unwrap();
        assert_eq!((limit.permits, limit.version), (3, 7));
        let more = [new.acquire().await.unwrap(), old.acquire().await.unwrap()];
        assert!(new.try_acquire().await.unwrap().is_none());
        assert_eq!(old.limit(), limit);

        // A stale process cannot take the key over, even after an idle moment.
        let stale = fleet(&server, 9);
        assert_eq!(stale.set_limit(9, 6).await.unwrap(), limit);
        drop((lease, more));
        settle(&server, 0, 0).await;
        assert_eq!(fleet(&server, 9).set_limit(9, 7).await.unwrap(), limit);
    });
}

#[test]
fn a_lower_limit_drains_and_ends_no_lease() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 3);
        let leases = [(); 3].map(|()| fleet.acquire());
        let [a, b, c] = leases;
        let (a, b, c) = (a.await.unwrap(), b.await.unwrap(), c.await.unwrap());
        fleet.set_limit(1, 1).await.unwrap();
        for lease in [a, b] {
            assert_eq!(lease.release().await, Ok(()), "a lease that was granted before stays valid");
            assert!(fleet.try_acquire().await.unwrap().is_none(), "the limit is still reached");
        }
        assert_eq!(c.release().await, Ok(()));
        let lease = fleet.acquire().await.unwrap();
        assert!(fleet.try_acquire().await.unwrap().is_none());
        // A limit of 0 stops all grants until it is raised.
        fleet.set_limit(0, 2).await.unwrap();
        drop(lease);
        let mut stopped = pin!(fleet.acquire());
        assert!(poll_once(&mut stopped).await.is_none());
        settle(&server, 1, 0).await;
        fleet.set_limit(1, 3).await.unwrap();
        drop(stopped.await.unwrap());
    });
}

#[test]
fn a_limit_that_was_set_survives_the_loss_of_the_state() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        fleet.set_limit(2, 5).await.unwrap();
        server.command(&["FLUSHALL"]);
        let _first = fleet.acquire().await.unwrap();
        let _second = fleet.acquire().await.unwrap();
        let limit = self::fleet(&server, 9).set_limit(9, 4).await.unwrap();
        assert_eq!((limit.permits, limit.version), (2, 5));
    });
}

#[test]
fn the_status_names_holders_and_waiters() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let name = |name: &str| {
            fairgate_fleet::Server::options(server.client()).longest_lease(LEASE).process(name).start()
        };
        let (ours, other) = (name("billing worker"), name("reports"));
        let ours = Fleet::new(&ours, "test", 3, LEASE);
        let other = Fleet::new(&other, "test", 3, LEASE);
        let _two = ours.acquire_many(2).await.unwrap();
        let _one = other.acquire().await.unwrap();
        let mut waiting = pin!(other.acquire_many(3));
        assert!(poll_once(&mut waiting).await.is_none());
        settle(&server, 1, 3).await;
        let status = ours.status().await.unwrap();
        assert_eq!((status.limit.permits, status.held, status.paused), (3, 3, Duration::ZERO));
        let holders: Vec<_> = status.holders.iter().map(|holder| holder.permits).collect();
        assert_eq!(holders, [2, 1]);
        assert!(status.holders[0].process.starts_with("billing-worker-"), "{status:?}");
        assert!(status.holders[1].process.starts_with("reports-"), "{status:?}");
        assert!(status.holders.iter().all(|holder| holder.oldest > Duration::ZERO));
        assert_eq!(status.waiters.len(), 1);
        assert_eq!(
            (status.waiters[0].permits, &status.waiters[0].process),
            (3, &status.holders[1].process)
        );
        assert!(status.server.contains("socket"), "{}", status.server);
    });
}

#[test]
fn any_text_is_a_key_of_its_own() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let handle = fleet_server(server.client());
        let keys = ["", "}x", "x", "{x}", "a b", "a:b", "a#1", "\u{e4}\n\0"];
        let fleets = keys.map(|key| Fleet::new(&handle, key, 1, LEASE));
        let mut leases = Vec::new();
        for fleet in &fleets {
            leases.push(fleet.acquire().await.unwrap());
        }
        for fleet in &fleets {
            assert!(fleet.try_acquire().await.unwrap().is_none());
        }
    });
}

#[test]
fn a_key_of_another_type_is_an_error_and_not_a_hang() {
    let Some(server) = Server::start() else { return };
    let _: () = server.connection().set(redis_key("holders", "test"), 1).unwrap();
    block_on(async {
        let fleet = fleet(&server, 1);
        for _ in 0..2 {
            match fleet.acquire().await {
                Err(Error::Refused(error)) => assert!(error.to_string().contains("WRONGTYPE"), "{error}"),
                outcome => panic!("{outcome:?}"),
            }
        }
    });
}

#[test]
fn a_server_that_starts_late_is_waited_for() {
    let Some(mut server) = Server::start() else { return };
    server.kill();
    block_on(async {
        let fleet = fleet(&server, 1);
        let mut waiting = pin!(fleet.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        while fleet.connection_error().is_none() {
            Timer::after(Duration::from_millis(5)).await;
        }
        server.restart();
        drop(waiting.await.unwrap());
        assert!(fleet.connection_error().is_none());
    });
}

#[test]
fn a_lease_that_was_lost_stays_lost() {
    let Some(mut server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        let lease = fleet.acquire().await.unwrap();
        server.kill();
        lease.lost().await;
        assert!(lease.is_lost());
        server.restart();
        let next = fleet.acquire().await.unwrap();
        assert!(next.token() > lease.token());
        assert!(lease.is_lost());
        assert_eq!(lease.release().await, Err(Lost));
        assert_eq!(next.release().await, Ok(()), "the late release took nothing from the new holder");
    });
}

#[test]
fn a_lease_survives_the_runtime_that_acquired_it() {
    let Some(server) = Server::start() else { return };
    let fleet = fleet(&server, 2);
    // A runtime without timers, which is idle afterwards and then gone.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let lease = runtime.block_on(fleet.acquire()).unwrap();
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let second = other.block_on(fleet.acquire()).unwrap();
    drop(runtime);
    std::thread::sleep(LEASE);
    assert!(!lease.is_lost() && !second.is_lost());
    assert_eq!(block_on(lease.release()), Ok(()), "without a runtime");
}

#[test]
fn a_server_on_a_tcp_port_works_the_same() {
    let Some(server) = Server::start() else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _: () =
        redis::cmd("CONFIG").arg("SET").arg("port").arg(port).query(&mut server.connection()).unwrap();
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let fleet = Fleet::new(&fleet_server(client), "test", 1, LEASE);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let lease = fleet.acquire().await.unwrap();
        assert_eq!(lease.release().await, Ok(()));
    });
}
