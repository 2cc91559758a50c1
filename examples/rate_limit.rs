//! A limit on how many at once is not a limit on how many a second. One semaphore makes both.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fairgate::Semaphore;
use fairgate_examples::bars::{self, Bars};
use fairgate_examples::client::Site;
use fairgate_examples::server::{Manners, Server};
use smol::stream::StreamExt;
use smol::{LocalExecutor, Timer, future};

/// The server answers so many requests a second and refuses the rest. A concurrency limit knows
/// nothing of seconds; a token bucket does. In both, a request begins with an acquired permit: the
/// first gives it back, the second uses it up, and a timer adds new ones.
#[derive(Parser)]
struct Options {
    /// How many requests to make
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100))]
    posts: u32,
    /// How many at once, under the concurrency limit
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    permits: u32,
    /// How many a second, from the token bucket
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// How many tokens the bucket holds at most
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    burst: u32,
    /// How many requests the server answers within a second
    #[arg(long, default_value_t = 30)]
    quota: usize,
    /// Draw the two plots into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The quickest answer takes this long, the slowest not quite twice as long.
const LATENCY: Duration = Duration::from_millis(40);

/// Tokens are used up by those who take them; they come back with time alone.
struct TokenBucket {
    tokens: Semaphore,
    burst: usize,
}

impl TokenBucket {
    fn full(burst: usize) -> Self {
        Self { tokens: Semaphore::new(burst), burst }
    }

    async fn take(&self) {
        self.tokens.acquire().await.expect("nobody closes it").forget();
    }

    /// Adds a token now and then. Nobody else adds any, so the bucket never overflows.
    async fn refill(&self, every: Duration) {
        let mut ticks = Timer::interval(every);
        while ticks.next().await.is_some() {
            if self.tokens.available_permits() < self.burst {
                self.tokens.add_permits(1);
            }
        }
    }
}

fn main() -> ExitCode {
    fairgate_examples::exit(smol::block_on(both(&Options::parse())))
}

async fn both(options: &Options) -> Result<(), String> {
    println!("{} requests go to a server that answers {} a second.", options.posts, options.quota);
    let slots = Semaphore::new(options.permits as usize);
    let title = format!("Concurrency limit: {} at once", options.permits);
    let limited = run(options, title, async |meter, id| {
        let _slot = slots.acquire().await.expect("nobody closes it");
        meter.ask(id).await;
    });
    let limited = limited.await?;

    let bucket = TokenBucket::full(options.burst as usize);
    let title = format!("Token bucket: {} a second, up to {} together", options.rate, options.burst);
    let metered = run(options, title, async |meter, id| {
        bucket.take().await;
        meter.ask(id).await;
    });
    let refill = async {
        bucket.refill(Duration::from_secs(1) / options.rate).await;
        future::pending().await
    };
    let metered = future::or(metered, refill).await?;
    bars::save(options.svg.as_deref(), &[limited, metered])
}

/// Makes all requests at once, each as `request` lets it, and shows what the server said to them.
async fn run(options: &Options, title: String, request: impl AsyncFn(&Meter, u32)) -> Result<Bars, String> {
    println!("\n{title}");
    let manners = Manners { latency: LATENCY, quota: options.quota, ..Manners::default() };
    let server = Server::start(manners).await.map_err(|error| format!("no server: {error}"))?;
    let meter =
        Meter { site: server.url().parse()?, start: Instant::now(), bars: RefCell::new(Bars::new(title)) };
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=options.posts).map(|id| executor.spawn(request(&meter, id))).collect();
    executor
        .run(async {
            for task in tasks {
                task.await;
            }
        })
        .await;
    drop(executor);
    let bars = meter.bars.into_inner();
    print!("{bars}");
    println!(
        "  The server saw {} at once, and refused {} of {}",
        server.peak(),
        server.throttled(),
        options.posts
    );
    Ok(bars)
}

/// Asks the server, and notes when and with what outcome.
struct Meter {
    site: Site,
    start: Instant,
    bars: RefCell<Bars>,
}

impl Meter {
    async fn ask(&self, id: u32) {
        let at = self.start.elapsed().as_millis() as usize;
        let title = self.site.title(id).await;
        self.bars.borrow_mut().count(at, title.is_err());
    }
}
