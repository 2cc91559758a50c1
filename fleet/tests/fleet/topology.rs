//! A cluster, sentinels, and TLS, as far as one machine can play them.

use std::fs;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use fairgate::with_timeout;
use fairgate_fleet::redis::sentinel::{SentinelClient, SentinelServerType};
use fairgate_fleet::redis::{Client, TlsCertificates, Value};
use fairgate_fleet::{Fleet, Lease, Server as FleetServer};
use fairgate_fleet_kit::{Address, HANGS, installed};
use smol::Timer;
use smol::future::{block_on, poll_once};

use crate::{LEASE, Server, wait_until};

async fn acquire(fleet: &Fleet) -> Lease {
    with_timeout(fleet.acquire(), Timer::after(HANGS)).await.expect("no hang").expect("no error")
}

fn text(value: Value) -> String {
    fairgate_fleet::redis::from_redis_value(value).expect("a text")
}

/// Three nodes, of which each has a third of the slots.
fn cluster() -> Option<Vec<(Server, u16)>> {
    let mut nodes = Vec::new();
    while nodes.len() < 3 {
        // The nodes speak to each other on a port that is 10,000 higher.
        let port = Address::free_port();
        if port < 55_000 {
            let arguments = ["--cluster-enabled", "yes", "--port", &port.to_string()];
            nodes.push((Server::start_with(&arguments)?, port));
        }
    }
    for (at, (node, _)) in nodes.iter().enumerate() {
        let slots = (0..16384).filter(|slot| slot % 3 == at).map(|slot| slot.to_string());
        let command: Vec<_> =
            ["CLUSTER".to_owned(), "ADDSLOTS".to_owned()].into_iter().chain(slots).collect();
        node.command(&command.iter().map(String::as_str).collect::<Vec<_>>());
        node.command(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].1.to_string()]);
    }
    for (node, _) in &nodes {
        wait_until(|| {
            let info = text(node.command(&["CLUSTER", "INFO"]));
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        });
    }
    Some(nodes)
}

#[test]
fn each_node_of_a_cluster_leads_to_the_one_that_keeps_the_limit() {
    let Some(nodes) = cluster() else { return };
    block_on(async {
        let fleets: Vec<_> = nodes
            .iter()
            .map(|(_, port)| {
                let client = Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
                let server = FleetServer::options(client).longest_lease(LEASE).start();
                Fleet::new(&server, "test", 2, LEASE)
            })
            .collect();
        let leases = [acquire(&fleets[0]).await, acquire(&fleets[1]).await];
        let mut waiting = pin!(fleets[2].acquire());
        assert!(
            with_timeout(waiting.as_mut(), Timer::after(LEASE)).await.is_err(),
            "the limit is one for all"
        );
        drop(leases);
        drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
    });
}

#[test]
fn a_seed_that_is_down_is_passed_over() {
    let Some(server) = Server::start() else { return };
    block_on(async {
        let down = Client::open(format!("redis://127.0.0.1:{}", Address::free_port())).unwrap();
        let server = FleetServer::options(down).seed(server.client()).longest_lease(LEASE).start();
        drop(acquire(&Fleet::new(&server, "test", 1, LEASE)).await);
    });
}

/// Ends the sentinel with the test.
struct Sentinel(Child);

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_waiter_survives_a_failover_by_a_sentinel_and_is_not_granted_a_held_permit() {
    let ports = [(); 3].map(|()| Address::free_port());
    let start = |port| fairgate_fleet_kit::Server::start_on_port(port, &[]).map(Server);
    let (Some(mut primary), Some(replica)) = (start(ports[0]), start(ports[1])) else { return };
    replica.command(&["REPLICAOF", "127.0.0.1", &ports[0].to_string()]);
    wait_until(|| text(replica.command(&["INFO", "replication"])).contains("master_link_status:up"));
    let file = primary.directory().join("sentinel.conf");
    let settings = format!(
        "port {}\ndir .\nsentinel monitor limits 127.0.0.1 {} 1\nsentinel down-after-milliseconds limits 500\n\
         sentinel failover-timeout limits 3000\n",
        ports[2], ports[0]
    );
    fs::write(&file, settings).expect("a file");
    let program = std::env::var("FAIRGATE_FLEET_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
    let sentinel = Command::new(program)
        .arg("sentinel.conf")
        .arg("--sentinel")
        .current_dir(primary.directory())
        .stdout(Stdio::null())
        .spawn()
        .expect("the sentinel starts");
    let _sentinel = Sentinel(sentinel);
    let address = format!("redis://127.0.0.1:{}", ports[2]);
    let connect = || Client::open(address.as_str()).unwrap().get_connection();
    wait_until(|| {
        let Ok(mut connection) = connect() else { return false };
        let replicas: Result<Vec<Value>, _> =
            fairgate_fleet::redis::cmd("SENTINEL").arg("replicas").arg("limits").query(&mut connection);
        replicas.is_ok_and(|replicas| replicas.len() == 1)
    });
    let fleet = || {
        let addresses = vec![address.clone()];
        let client = SentinelClient::build(addresses, "limits", None, SentinelServerType::Master).unwrap();
        Fleet::new(&FleetServer::sentinel(client).longest_lease(4 * LEASE).start(), "test", 1, 4 * LEASE)
    };
    block_on(async {
        let (ours, other) = (fleet(), fleet());
        let lease = acquire(&ours).await;
        let mut waiting = pin!(other.acquire());
        assert!(poll_once(&mut waiting).await.is_none());
        // The replica knows the holder.
        thread::sleep(Duration::from_millis(300));
        primary.kill();
        match with_timeout(waiting.as_mut(), Timer::after(5 * LEASE)).await {
            // A failover on a busy machine may take longer than a lease.
            Ok(_) => assert!(lease.is_lost(), "granted while the other lease is held"),
            Err(_) => {
                drop(lease);
                drop(with_timeout(waiting, Timer::after(HANGS)).await.expect("no hang").expect("no error"));
            }
        }
    });
}

#[test]
fn a_server_with_tls_works_the_same() {
    if !installed("openssl", "openssl") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(directory.path()).stderr(Stdio::null());
        assert!(command.status().expect("openssl runs").success(), "{arguments}");
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test");
    openssl("req -newkey rsa:2048 -nodes -keyout key -out request -subj /CN=localhost");
    fs::write(directory.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").expect("a file");
    openssl(
        "x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -out crt -days 2 -extfile names",
    );
    let path = |name: &str| directory.path().join(name).display().to_string();
    let port = Address::free_port();
    let (crt, key, ca) = (path("crt"), path("key"), path("ca.crt"));
    let port_text = port.to_string();
    let arguments = ["--tls-port", &port_text, "--tls-cert-file", &crt, "--tls-key-file", &key];
    let more = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"];
    let arguments = [&arguments[..], &more].concat();
    let Some(_server) = fairgate_fleet_kit::Server::start_if_able(&arguments, "a server with TLS") else {
        return;
    };
    let certificates =
        TlsCertificates { client_tls: None, root_cert: Some(fs::read(&ca).expect("a file")) };
    let url = format!("rediss://localhost:{port}");
    let client = Client::build_with_tls(url.as_str(), certificates).expect("a client");
    block_on(async {
        let server = FleetServer::options(client).longest_lease(LEASE).start();
        let fleet = Fleet::new(&server, "test", 1, LEASE);
        assert_eq!(acquire(&fleet).await.release().await, Ok(()));
        assert!(fleet.status().await.unwrap().server.contains(&port.to_string()));
        // A server that is not trusted is never used, and the reason can be seen.
        let untrusted = FleetServer::options(Client::open(url).unwrap()).longest_lease(LEASE).start();
        let fleet = Fleet::new(&untrusted, "test", 1, LEASE);
        assert!(fleet.try_acquire().await.is_err());
        assert!(fleet.connection_error().is_some());
    });
}
