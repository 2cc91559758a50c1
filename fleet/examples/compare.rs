//! Throughput and latency of a fleet beside the recipe that is often copied: `SET key value NX PX ms`, polled.

mod shared;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Parser;
use fairgate_fleet::Fleet;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, Script};
use shared::Server;
use smol::{LocalExecutor, Timer};

/// Measures how long an acquire takes and how many there are in a second, for one permit: by a fleet, and by the
/// recipe that is often copied, `SET key value NX PX ms` in a loop that sleeps.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Options {
    /// How many processes compete
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    machines: u16,
    /// Tasks of each process
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    tasks: u16,
    /// For how long a task holds the permit, in microseconds
    #[arg(long, default_value_t = 1000, value_name = "US", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    hold: u32,
    /// For how long each row is measured, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Use a running server instead of starting one
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

const LEASE: Duration = Duration::from_secs(2);

/// The limit of one process, by either way.
enum Limit {
    Fleet(Fleet),
    Polling { connection: MultiplexedConnection, key: String, pause: Duration, release: Script },
}

/// Deletes the key if it still has this holder's value.
const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

type Failure = Box<dyn std::error::Error>;

impl Limit {
    /// Acquires the permit, holds it, and waits until the release is confirmed. Returns how long the acquire took.
    async fn visit(&self, hold: Duration) -> Result<Duration, Failure> {
        let start = Instant::now();
        match self {
            Self::Fleet(fleet) => {
                let lease = fleet.acquire().await?;
                let waited = start.elapsed();
                work(hold).await;
                lease.release().await?;
                Ok(waited)
            }
            Self::Polling { connection, key, pause, release } => {
                let mut connection = connection.clone();
                let value = random_value();
                while !set_if_absent(&mut connection, key, value).await? {
                    Timer::after(*pause).await;
                }
                let waited = start.elapsed();
                work(hold).await;
                let _: i64 = release.key(key).arg(value).invoke_async(&mut connection).await?;
                Ok(waited)
            }
        }
    }
}

async fn set_if_absent(
    connection: &mut MultiplexedConnection,
    key: &str,
    value: u64,
) -> Result<bool, RedisError> {
    let mut set = redis::cmd("SET");
    set.arg(key).arg(value).arg("NX").arg("PX").arg(LEASE.as_millis() as u64);
    let answer: Option<String> = set.query_async(connection).await?;
    Ok(answer.is_some())
}

/// A random value, without a dependency.
fn random_value() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

async fn work(hold: Duration) {
    if !hold.is_zero() {
        Timer::after(hold).await;
    }
}

fn main() -> ExitCode {
    shared::exit(compare(&Options::parse()))
}

fn compare(options: &Options) -> Result<(), String> {
    let server = Server::open(options.url.clone())?;
    let client = Client::open(server.url.as_str()).map_err(|error| error.to_string())?;
    let hold = Duration::from_micros(options.hold.into());
    let ways = [
        ("fleet", None),
        ("poll every 1 ms", Some(1)),
        ("poll every 10 ms", Some(10)),
        ("poll every 50 ms", Some(50)),
    ];
    let scenes = [
        ("One process, one task, nothing to wait for".to_owned(), 1, 1, Duration::ZERO),
        (
            format!(
                "{} processes of {} tasks, one permit, held for {} us",
                options.machines, options.tasks, options.hold
            ),
            options.machines,
            options.tasks,
            hold,
        ),
    ];
    for (title, machines, tasks, hold) in scenes {
        let heading = format!(
            "{title}\n  {:<15}{:>9}{:>24}{:>13}{:>15}\n  {:<15}{:>9}{:>24}{:>13}{:>15}\n",
            "",
            "acquires",
            "wait, ms",
            "commands",
            "acquires",
            "",
            "a second",
            "median   99 %    most",
            "an acquire",
            "of a task",
        );
        if !shared::print(&heading) {
            return Ok(());
        }
        for (name, pause) in ways {
            // Alone, the pause of the recipe plays no part.
            if machines == 1 && pause.is_some_and(|pause| pause > 1) {
                continue;
            }
            let name = if machines == 1 && pause.is_some() { "SET NX" } else { name };
            let limits = Limits { client: &client, machines, tasks, pause, hold };
            let length = Duration::from_secs(options.seconds.into());
            let measured = smol::block_on(limits.measure(length)).map_err(|error| error.to_string())?;
            if !shared::print(&measured.row(name)) {
                return Ok(());
            }
        }
        if !shared::print("\n") {
            return Ok(());
        }
    }
    Ok(())
}

/// One row to be measured.
struct Limits<'a> {
    client: &'a Client,
    machines: u16,
    tasks: u16,
    pause: Option<u64>,
    hold: Duration,
}

struct Measured {
    waits: Vec<Duration>,
    /// The acquires of each task.
    shares: Vec<usize>,
    commands: u64,
    elapsed: Duration,
}

impl Limits<'_> {
    async fn limit(&self, key: &str) -> Result<Limit, Failure> {
        let Some(pause) = self.pause else {
            let fleet = Fleet::new(self.client.clone(), key, 1, LEASE);
            // The first permit of a new key is granted after one lease.
            fleet.acquire().await?.release().await?;
            return Ok(Limit::Fleet(fleet));
        };
        let connection = self.client.get_multiplexed_async_connection().await?;
        let pause = Duration::from_millis(pause);
        Ok(Limit::Polling { connection, key: format!("{key}-lock"), pause, release: Script::new(RELEASE) })
    }

    async fn measure(&self, length: Duration) -> Result<Measured, Failure> {
        let key = format!("fairgate-fleet-compare-{}", std::process::id());
        let mut limits = Vec::new();
        for _ in 0..self.machines {
            limits.push(Rc::new(self.limit(&key).await?));
        }
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        let before = commands(&mut connection).await?;
        let start = Instant::now();
        let executor = LocalExecutor::new();
        let mut visitors = Vec::new();
        for limit in &limits {
            for _ in 0..self.tasks {
                let (limit, hold) = (Rc::clone(limit), self.hold);
                visitors.push(executor.spawn(async move {
                    let mut waits = Vec::new();
                    while start.elapsed() < length {
                        waits.push(limit.visit(hold).await.map_err(|error| error.to_string())?);
                    }
                    Ok::<_, String>(waits)
                }));
            }
        }
        let (mut waits, mut shares) = (Vec::new(), Vec::new());
        for visitor in visitors {
            let of_task = executor.run(visitor).await?;
            shares.push(of_task.len());
            waits.extend(of_task);
        }
        let elapsed = start.elapsed();
        waits.sort_unstable();
        Ok(Measured { waits, shares, commands: commands(&mut connection).await? - before, elapsed })
    }
}

/// How many commands clients have sent that matter here. What a script calls does not count.
async fn commands(connection: &mut MultiplexedConnection) -> Result<u64, Failure> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await?;
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let count: u64 = rest.split(',').next()?.parse().ok()?;
        matches!(name, "evalsha" | "blpop" | "set").then_some(count)
    };
    Ok(info.lines().filter_map(calls).sum())
}

impl Measured {
    fn row(&self, name: &str) -> String {
        let count = self.waits.len();
        let rank = |share: f64| self.waits[((count - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        let (fewest, most) = (self.shares.iter().min(), self.shares.iter().max());
        let mut row = String::new();
        let _ = writeln!(
            row,
            "  {name:<15}{:>9.0}{:>8.2}{:>8.2}{:>8.2}{:>13.1}{:>15}",
            count as f64 / self.elapsed.as_secs_f64(),
            rank(0.5),
            rank(0.99),
            rank(1.0),
            self.commands as f64 / count as f64,
            format!("{} to {}", fewest.unwrap_or(&0), most.unwrap_or(&0)),
        );
        row
    }
}
