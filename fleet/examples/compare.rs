//! A fleet beside the plain recipe and beside another library, over TCP with a delay, in one run.

mod shared;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use clap::Parser;
use fairgate_fleet::{Fleet, Server};
use fairgate_fleet_kit::Relay;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, Script};
use tokio::time::sleep;

/// Measures how long an acquire takes, and how many permits are in use, behind a relay that delays each direction: of a
/// fleet, of the plain recipe (a script that adds a member to a sorted set if there are fewer than the limit, tried
/// again after a pause), and of the npm package redis-semaphore if it is installed.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Options {
    /// The delay of each direction, in milliseconds
    #[arg(long, default_value_t = 5, value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=1000))]
    delay: u32,
    /// Permits
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    permits: u16,
    /// Tasks that compete for the permits
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    tasks: u16,
    /// For how long a task holds its permit, in milliseconds
    #[arg(long, default_value_t = 200, value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    hold: u32,
    /// For how long each row is measured, in seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// A directory in which `npm install redis-semaphore ioredis` was run
    #[arg(long, value_name = "DIR")]
    npm: Option<PathBuf>,
}

const LEASE: Duration = Duration::from_secs(2);

const ACQUIRE: &str = "local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
return 1";
const RELEASE: &str = "return redis.call('ZREM', KEYS[1], ARGV[1])";

#[derive(Clone)]
enum Limit {
    Fleet(Fleet),
    Plain {
        connection: MultiplexedConnection,
        permits: u16,
        pause: Duration,
        acquire: Script,
        release: Script,
    },
}

/// How many tasks hold a permit, over the time.
struct Use {
    inside: AtomicUsize,
    most: AtomicUsize,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Limit {
    /// Acquires, holds and releases. Returns how long the acquire took.
    async fn visit(&self, id: usize, hold: Duration, used: &Use) -> Result<Duration, Failure> {
        let start = Instant::now();
        let enter = || {
            let inside = used.inside.fetch_add(1, SeqCst) + 1;
            used.most.fetch_max(inside, SeqCst);
            start.elapsed()
        };
        match self {
            Self::Fleet(fleet) => {
                let _lease = fleet.acquire().await?;
                let waited = enter();
                work(hold).await;
                used.inside.fetch_sub(1, SeqCst);
                Ok(waited)
            }
            Self::Plain { connection, permits, pause, acquire, release } => {
                let mut connection = connection.clone();
                let mut acquire = acquire.key("plain");
                acquire.arg(*permits).arg(id).arg(LEASE.as_millis() as u64);
                while !acquire.invoke_async::<bool>(&mut connection).await? {
                    sleep(*pause).await;
                }
                let waited = enter();
                work(hold).await;
                used.inside.fetch_sub(1, SeqCst);
                let _: i64 = release.key("plain").arg(id).invoke_async(&mut connection).await?;
                Ok(waited)
            }
        }
    }
}

async fn work(hold: Duration) {
    if !hold.is_zero() {
        sleep(hold).await;
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    shared::exit(runtime.block_on(compare(&Options::parse())).map_err(|error| error.to_string()))
}

async fn compare(options: &Options) -> Result<(), Failure> {
    let Some(server) = fairgate_fleet_kit::Server::start() else { return Ok(()) };
    let relay = Relay::start(server.address(), Duration::from_millis(options.delay.into()));
    let tcp = TcpSettings::default().set_nodelay(true);
    let client = Client::open(relay.url().into_connection_info()?.set_tcp_settings(tcp))?;
    let fleet_server = Server::options(client.clone()).longest_lease(LEASE).start();
    let hold = Duration::from_millis(options.hold.into());
    let length = Duration::from_secs(options.seconds.into());
    for (title, permits, tasks, hold) in [
        ("one task, nothing to wait for".to_owned(), options.permits, 1, Duration::ZERO),
        (
            format!("{} tasks, {} permits, held for {} ms", options.tasks, options.permits, options.hold),
            options.permits,
            options.tasks,
            hold,
        ),
    ] {
        let heading = format!(
            "{title}; {} ms each way\n  {:<24}{:>12}{:>16}{:>14}{:>12}{:>8}\n",
            options.delay, "", "acquires/s", "permits in use", "wait: median", "99 %", "most"
        );
        if !shared::print(&heading) {
            return Ok(());
        }
        let plain = |connection: &MultiplexedConnection, pause| Limit::Plain {
            connection: connection.clone(),
            permits,
            pause: Duration::from_millis(pause),
            acquire: Script::new(ACQUIRE),
            release: Script::new(RELEASE),
        };
        let fleet = Fleet::new(&fleet_server, &title, permits.into(), LEASE);
        fleet.acquire().await?.release().await.map_err(|_| "the lease is lost")?;
        let connection = client.get_multiplexed_async_connection().await?;
        let ways = [
            ("fleet", Limit::Fleet(fleet)),
            ("plain script", plain(&connection, 10)),
            ("plain, every 50 ms", plain(&connection, 50)),
        ];
        for (name, limit) in ways {
            if tasks == 1 && name.contains("every") {
                continue;
            }
            let row = measure(name, &limit, tasks.into(), hold, length).await?;
            if !shared::print(&row) {
                return Ok(());
            }
        }
        let row = match &options.npm {
            None => {
                "  skipped: redis-semaphore needs --npm (npm install redis-semaphore ioredis)\n".to_owned()
            }
            Some(directory) => rival(directory, &relay.url(), permits, tasks, hold, length)?,
        };
        if !shared::print(&(row + "\n")) {
            return Ok(());
        }
    }
    held(&server.client()).await
}

/// How long an acquire and its release take while the process holds thousands of permits, without a delay.
async fn held(client: &Client) -> Result<(), Failure> {
    const ACQUIRES: u32 = 500;
    shared::print("one task, permits held beside it; no delay\n");
    let server = Server::options(client.clone()).longest_lease(LEASE).start();
    let fleet = Fleet::new(&server, "held", 20_000, LEASE);
    let mut leases = Vec::new();
    for held in [0, 1000, 8000] {
        while leases.len() < held {
            // Many requests at once.
            let wanted = (held - leases.len()).min(1000);
            let requests: Vec<_> = (0..wanted)
                .map(|_| {
                    let fleet = fleet.clone();
                    tokio::spawn(async move { fleet.acquire().await })
                })
                .collect();
            for request in requests {
                leases.push(request.await??);
            }
        }
        let start = Instant::now();
        for _ in 0..ACQUIRES {
            fleet.acquire().await?.release().await.map_err(|_| "a lease is lost")?;
        }
        let each = start.elapsed() / ACQUIRES;
        let lost = leases.iter().filter(|lease| lease.is_lost()).count();
        shared::print(&format!(
            "  {held:>5} held: {:>6} us for an acquire and a release; {lost} lost\n",
            each.as_micros()
        ));
    }
    Ok(())
}

async fn measure(
    name: &str,
    limit: &Limit,
    tasks: usize,
    hold: Duration,
    length: Duration,
) -> Result<String, Failure> {
    let used = Arc::new(Use { inside: AtomicUsize::new(0), most: AtomicUsize::new(0) });
    let start = Instant::now();
    let visitors: Vec<_> = (0..tasks)
        .map(|id| {
            let (limit, used) = (limit.clone(), Arc::clone(&used));
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while start.elapsed() < length {
                    waits.push(limit.visit(id, hold, &used).await?);
                }
                Ok::<_, Failure>(waits)
            })
        })
        .collect();
    // The first second is the start.
    sleep(Duration::from_secs(1).min(length / 4)).await;
    let (mut sum, mut samples) = (0, 0_usize);
    while start.elapsed() < length {
        sum += used.inside.load(SeqCst);
        samples += 1;
        sleep(Duration::from_millis(2)).await;
    }
    let mut waits = Vec::new();
    for visitor in visitors {
        waits.extend(visitor.await??);
    }
    let elapsed = start.elapsed();
    waits.sort_unstable();
    let rank = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    Ok(format!(
        "  {name:<24}{:>12.0}{:>16.1}{:>11.1} ms{:>9.1} ms{:>8}\n",
        waits.len() as f64 / elapsed.as_secs_f64(),
        sum as f64 / samples.max(1) as f64,
        rank(0.5),
        rank(0.99),
        used.most.load(SeqCst),
    ))
}

/// Runs the same scene in Node.js.
fn rival(
    directory: &std::path::Path,
    url: &str,
    permits: u16,
    tasks: u16,
    hold: Duration,
    length: Duration,
) -> Result<String, Failure> {
    let output = Command::new("node")
        .args(["-e", include_str!("shared/rival.js"), url])
        .args(
            [permits.into(), u128::from(tasks), hold.as_millis(), length.as_millis()]
                .map(|n| n.to_string()),
        )
        .env("NODE_PATH", env::current_dir()?.join(directory).join("node_modules"))
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(format!("  {:<24}{}", "redis-semaphore", String::from_utf8(output.stdout)?))
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into()),
        Err(_) => Ok("  skipped: redis-semaphore needs node\n".to_owned()),
    }
}
