//! The fault kit: runs a limiter in several processes against a server that is killed, paused, replaced and emptied,
//! over a network that breaks, and counts the holders independently.

mod worker;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use fairgate_fleet_kit::{Address, Counter, Relay, Server, Signal, signal};

/// Holds a limiter against faults. Needs `redis-server`.
///
/// A limiter of your own is a COMMAND. The kit starts it several times, each with the environment variables KIT_URL (of
/// the server), KIT_KEY, KIT_PERMITS, KIT_LEASE_MS, KIT_TASKS, KIT_WORKER (its number) and KIT_COUNTER (a Unix socket).
/// Each task acquires a permit, writes the line "WORKER enter TASK TOKEN" to the socket, reads a line, holds the permit
/// for a few milliseconds, writes "WORKER exit TASK 0", reads a line, and releases. A task that loses its permit writes
/// the second line at once. The program ends when its standard input ends. Without a COMMAND, the limiter is
/// fairgate-fleet.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Options {
    /// For how long faults are injected
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Decides which faults happen when; by default another one each time
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    permits: u16,
    /// How many processes compete
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=64))]
    processes: u16,
    /// Tasks of each process
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    tasks: u16,
    /// The lease, in milliseconds
    #[arg(long, default_value_t = 2000, value_name = "MS", value_parser = clap::value_parser!(u32).range(500..=60_000))]
    lease: u32,
    /// Write each change to the disk, so that a killed server comes back with its state
    #[arg(long)]
    persistent: bool,
    /// The faults, separated by commas; all by default
    #[arg(long, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// The limiter and its arguments
    #[arg(last = true)]
    command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Debug)]
enum Fault {
    /// The server is killed and starts again
    ServerKilled,
    /// The server is paused, at most for longer than a lease
    ServerPaused,
    /// A replica takes over, and the old primary becomes its replica
    Failover,
    /// A replica takes over, and then the old primary comes back with the state that it had
    Failback,
    /// A process is killed, and another one starts
    ProcessKilled,
    /// A process is paused, at most for longer than a lease
    ProcessPaused,
    /// All connections are closed
    Cut,
    /// The network loses everything for a while
    Silence,
    /// The server closes the connections of the clients
    ClientsKilled,
    /// The server answers late
    ClientsPaused,
    /// The server loses all keys
    Flush,
    /// The server loses all scripts
    ScriptFlush,
    /// The server evicts keys for a while
    Eviction,
}

/// The environment of a worker.
fn environment(
    options: &Options,
    url: &str,
    counter: &Counter,
    worker: usize,
) -> Vec<(&'static str, String)> {
    vec![
        ("KIT_URL", url.to_owned()),
        ("KIT_KEY", "kit".to_owned()),
        ("KIT_PERMITS", options.permits.to_string()),
        ("KIT_LEASE_MS", options.lease.to_string()),
        ("KIT_TASKS", options.tasks.to_string()),
        ("KIT_WORKER", worker.to_string()),
        ("KIT_COUNTER", counter.path().display().to_string()),
    ]
}

/// Enough for choosing faults, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Kit {
    options: Options,
    counter: Counter,
    relay: Relay,
    /// The primary and its replica.
    servers: [Server; 2],
    ports: [u16; 2],
    workers: BTreeMap<usize, Child>,
    started: usize,
    random: Random,
}

fn main() -> ExitCode {
    if std::env::var_os("KIT_WORKER").is_some() {
        worker::run();
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0) % 1_000_000
    });
    println!("seed {seed}, limit {}", options.permits);
    let ports = [(); 2].map(|()| Address::free_port());
    let log: &[&str] =
        if options.persistent { &["--appendonly", "yes", "--appendfsync", "always"] } else { &[] };
    let (Some(primary), Some(replica)) =
        (Server::start_on_port(ports[0], log), Server::start_on_port(ports[1], log))
    else {
        return ExitCode::FAILURE;
    };
    let relay = Relay::start(primary.address(), Duration::ZERO);
    let kit = Kit {
        counter: Counter::start(),
        relay,
        servers: [primary, replica],
        ports,
        workers: BTreeMap::new(),
        started: 0,
        random: Random(seed),
        options,
    };
    kit.run()
}

impl Kit {
    fn run(mut self) -> ExitCode {
        self.follow();
        for _ in 0..self.options.processes {
            self.start_worker();
        }
        let faults = match &self.options.faults[..] {
            [] => Fault::value_variants().to_vec(),
            faults => faults.to_vec(),
        };
        let end = Instant::now() + Duration::from_secs(self.options.seconds.into());
        let mut injected: BTreeMap<Fault, usize> = BTreeMap::new();
        let (mut grants, mut last_grant, mut longest_gap) = (0, Instant::now(), Duration::ZERO);
        let mut next_line = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            let fault = faults[self.random.below(faults.len() as u64) as usize];
            *injected.entry(fault).or_default() += 1;
            self.inject(fault);
            let calm = Duration::from_millis(self.random.below(u64::from(self.options.lease) * 2));
            let until = Instant::now() + calm;
            while Instant::now() < until {
                thread::sleep(Duration::from_millis(20));
                let new = self.counter.reports().iter().filter(|report| report.what == "enter").count();
                if new > 0 {
                    grants += new;
                    longest_gap = longest_gap.max(last_grant.elapsed());
                    last_grant = Instant::now();
                }
            }
            if self.counter.most() > self.options.permits.into() {
                break;
            }
            if Instant::now() > next_line {
                next_line += Duration::from_secs(30);
                println!("{grants} grants, at most {} at once", self.counter.most());
            }
        }
        for worker in self.workers.values_mut() {
            drop(worker.stdin.take());
        }
        for worker in self.workers.values_mut() {
            let _ = worker.wait();
        }
        let most = self.counter.most();
        println!("{injected:?}");
        println!(
            "{grants} grants, at most {most} at once, limit {}; {:.1} s at most without a grant",
            self.options.permits,
            longest_gap.as_secs_f64()
        );
        if most > self.options.permits.into() {
            println!("FAILED: the limit was exceeded");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    fn start_worker(&mut self) {
        let worker = self.started;
        self.started += 1;
        let mut command = match &self.options.command[..] {
            [] => Command::new(std::env::current_exe().expect("this program")),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        };
        command.envs(environment(&self.options, &self.relay.url(), &self.counter, worker));
        let child = command.stdin(Stdio::piped()).spawn().expect("the limiter starts");
        self.workers.insert(worker, child);
    }

    fn some_worker(&mut self) -> usize {
        let at = self.random.below(self.workers.len() as u64) as usize;
        *self.workers.keys().nth(at).expect("there are workers")
    }

    /// Up to a lease and a half.
    fn a_while(&mut self) -> Duration {
        Duration::from_millis(self.random.below(u64::from(self.options.lease) * 3 / 2))
    }

    /// Makes the second server a replica of the first.
    fn follow(&self) {
        let port = self.ports[0].to_string();
        let mut replica = self.servers[1].connection();
        let _: Result<(), _> = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port).query(&mut replica);
    }

    /// Makes the second server the first.
    fn promote(&mut self) {
        let mut replica = self.servers[1].connection();
        let _: Result<(), _> = redis::cmd("REPLICAOF").arg("NO").arg("ONE").query(&mut replica);
        self.servers.swap(0, 1);
        self.ports.swap(0, 1);
        self.relay.lead_to(self.servers[0].address());
    }

    fn command(&self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        let _: Result<(), _> = command.arg(&words[1..]).query(&mut self.servers[0].connection());
    }

    fn inject(&mut self, fault: Fault) {
        let a_while = self.a_while();
        match fault {
            Fault::ServerKilled => {
                self.servers[0].kill();
                thread::sleep(a_while / 4);
                self.servers[0].restart();
            }
            Fault::ServerPaused => {
                self.servers[0].signal(Signal::STOP);
                thread::sleep(a_while);
                self.servers[0].signal(Signal::CONT);
            }
            Fault::Failover => {
                self.promote();
                self.servers[1].kill();
                thread::sleep(a_while / 4);
                self.servers[1].restart();
                self.follow();
            }
            Fault::Failback => {
                self.promote();
                thread::sleep(a_while);
                self.servers.swap(0, 1);
                self.ports.swap(0, 1);
                self.relay.lead_to(self.servers[0].address());
                self.follow();
            }
            Fault::ProcessKilled => {
                let worker = self.some_worker();
                let mut child = self.workers.remove(&worker).expect("it runs");
                let _ = child.kill();
                let _ = child.wait();
                self.start_worker();
            }
            Fault::ProcessPaused => {
                let worker = self.some_worker();
                signal(&self.workers[&worker], Signal::STOP);
                self.counter.set_paused(worker, true);
                thread::sleep(a_while);
                self.counter.set_paused(worker, false);
                signal(&self.workers[&worker], Signal::CONT);
            }
            Fault::Cut => self.relay.cut(),
            Fault::Silence => {
                self.relay.set_silent(true);
                thread::sleep(a_while);
                // What was lost in between is not delivered later.
                self.relay.cut();
                self.relay.set_silent(false);
            }
            Fault::ClientsKilled => self.command(&["CLIENT", "KILL", "TYPE", "pubsub"]),
            Fault::ClientsPaused => {
                self.command(&["CLIENT", "PAUSE", &a_while.as_millis().to_string(), "ALL"]);
            }
            Fault::Flush => self.command(&["FLUSHALL"]),
            Fault::ScriptFlush => self.command(&["SCRIPT", "FLUSH"]),
            Fault::Eviction => {
                self.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
                self.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
                thread::sleep(a_while / 4);
                self.command(&["CONFIG", "SET", "maxmemory", "0"]);
                self.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
            }
        }
        let _ = std::io::stdout().flush();
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        for worker in self.workers.values_mut() {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}
