//! Requests and leases within one process: cancelled, dropped, released, refused.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use fairgate::with_timeout;
use fairgate_fleet::{Error, Fleet, Lost};
use redis::Commands;
use smol::Timer;
use smol::future::{block_on, poll_once};

use crate::server::Server;
use crate::{HANGS, LEASE};

fn fleet(server: &Server, permits: usize) -> Fleet {
    Fleet::new(server.client(), "test", permits, LEASE)
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
        let _: u64 = server.connection().hincr("{test}:state", "opens", hour).unwrap();
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
        assert_eq!(ours.waiters(), 1);
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
fn a_request_does_not_overtake_a_queued_process_while_a_permit_is_available() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        drop(fleet.acquire().await.unwrap());
        settle(&server, 0, 0).await;
        // Another process, which does not come for its permit.
        let mut connection = server.connection();
        let _: () = connection.zadd("{test}:queue", "slow", 1).unwrap();
        let mut waiting = pin!(fleet.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        settle(&server, 2, 0).await;
        let _: () = connection.zrem("{test}:queue", "slow").unwrap();
        drop(waiting.await.unwrap());
    });
}

#[test]
fn a_lease_that_the_server_ended_is_lost() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let fleet = fleet(&server, 1);
        let lease = fleet.acquire().await.unwrap();
        let _: () = server.connection().del("{test}:holders").unwrap();
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
fn other_terms_for_the_same_key_are_an_error_until_the_key_is_idle() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let (ours, other) = (fleet(&server, 1), fleet(&server, 2));
        let lease = ours.acquire().await.unwrap();
        match other.acquire().await {
            Err(Error::Mismatch { permits: 1, lease: LEASE }) => {}
            outcome => panic!("{outcome:?}"),
        }
        lease.release().await.unwrap();
        drop(other.acquire().await.unwrap());
    });
}

#[test]
fn a_key_of_another_type_is_an_error_and_not_a_hang() {
    let Some(server) = Server::start() else { return };
    let _: () = server.connection().set("{test}:holders", 1).unwrap();
    block_on(async {
        let fleet = fleet(&server, 1);
        for _ in 0..2 {
            match fleet.acquire().await {
                Err(Error::Server(error)) => assert!(error.to_string().contains("WRONGTYPE"), "{error}"),
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
fn a_fleet_survives_the_runtime_that_drove_it() {
    let Some(server) = Server::start() else { return };
    let on_tokio = |task: std::pin::Pin<Box<dyn Future<Output = fairgate_fleet::Lease>>>| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
    };
    let fleet = fleet(&server, 2);
    let ours = fleet.clone();
    let lease = on_tokio(Box::pin(async move { ours.acquire().await.unwrap() }));
    assert!(lease.is_lost(), "nothing renews it any more");
    let ours = fleet.clone();
    drop(on_tokio(Box::pin(async move { ours.acquire().await.unwrap() })));
    // Without a runtime the driver runs on smol.
    assert!(!block_on(fleet.acquire()).unwrap().is_lost());
}

#[test]
fn a_server_on_a_tcp_port_works_the_same() {
    let Some(server) = Server::start() else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _: () =
        redis::cmd("CONFIG").arg("SET").arg("port").arg(port).query(&mut server.connection()).unwrap();
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let fleet = Fleet::new(client, "test", 1, LEASE);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let lease = fleet.acquire().await.unwrap();
        assert_eq!(lease.release().await, Ok(()));
    });
}
