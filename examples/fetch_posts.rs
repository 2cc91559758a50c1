//! The lesson: twenty posts fetched at once, then under a limit, then with a time limit as well.

mod shared;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use fairgate::Semaphore;
use shared::client::Site;
use shared::lesson::{self, Fetched};
use shared::record::Recorder;
use shared::server::{Manners, Server};

/// Fetches posts over HTTP in three acts: all at once, a few at a time, and a few at a time with a
/// time limit for each. Without --url it brings its own server.
#[derive(Parser)]
struct Options {
    /// Fetch BASE/posts/1 and so on from this server, say http://localhost:8000
    #[arg(long, value_name = "BASE")]
    url: Option<Site>,
    /// How many posts acts 1 and 2 fetch
    #[arg(long, default_value = "20", value_parser = at_least_one())]
    posts: usize,
    /// How many of them act 2 has in flight
    #[arg(long, default_value = "5", value_parser = at_least_one())]
    permits: usize,
    /// How many posts act 3 fetches
    #[arg(long, default_value = "10", value_parser = at_least_one())]
    timed_posts: usize,
    /// How many of them act 3 has in flight
    #[arg(long, default_value = "3", value_parser = at_least_one())]
    timed_permits: usize,
    /// How long a request of act 3 may take
    #[arg(long, default_value_t = 2000)]
    timeout_ms: u64,
    /// Own server: the quickest answer; the slowest takes nearly twice as long
    #[arg(long, default_value_t = 200)]
    latency_ms: u64,
    /// Own server: more requests than this in flight are answered 429
    #[arg(long, default_value_t = 10)]
    throttle: usize,
    /// Own server: posts of act 3 that are never answered
    #[arg(long, value_delimiter = ',', default_value = "4,7")]
    hang: Vec<u32>,
}

fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1000)
}

fn main() -> ExitCode {
    let options = Options::parse();
    match smol::block_on(three_acts(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn three_acts(options: &Options) -> Result<(), String> {
    println!("\nAct 1: {} posts, all at once", options.posts);
    let stage = Stage::set(options, &[]).await?;
    let fetched = lesson::unlimited(&stage.site, options.posts, &stage.recorder).await;
    stage.review(&fetched, fetched.iter().filter(|post| post.is_err()))?;

    println!("\nAct 2: {} posts, {} slots", options.posts, options.permits);
    let stage = Stage::set(options, &[]).await?;
    let slots = Arc::new(Semaphore::new(options.permits));
    let fetched = lesson::limited(&stage.site, options.posts, &slots, &stage.recorder).await;
    stage.review(&fetched, fetched.iter().filter(|post| post.is_err()))?;
    println!("  Slots free again: {}", slots.available_permits());

    let (posts, permits) = (options.timed_posts, options.timed_permits);
    let limit = Duration::from_millis(options.timeout_ms);
    println!("\nAct 3: {posts} posts, {permits} slots, {limit:?} for each request");
    let stage = Stage::set(options, &options.hang).await?;
    let slots = Arc::new(Semaphore::new(permits));
    let fetched = lesson::timed(&stage.site, posts, &slots, limit, &stage.recorder).await;
    stage.review(&fetched, &fetched)?;
    println!("  Slots free again: {}", slots.available_permits());
    Ok(())
}

fn print_lines<'a>(fetched: impl IntoIterator<Item = &'a Fetched>) {
    for line in fetched {
        match line {
            Ok(title) => println!("  {title}"),
            Err(error) => println!("  {error}"),
        }
    }
}

/// What an act plays on.
struct Stage {
    site: Site,
    server: Option<Server>,
    recorder: Arc<Recorder>,
}

impl Stage {
    async fn set(options: &Options, hanging: &[u32]) -> Result<Self, String> {
        let recorder = Recorder::watched();
        if let Some(site) = options.url.clone() {
            return Ok(Self { site, server: None, recorder });
        }
        let manners = Manners {
            latency: Duration::from_millis(options.latency_ms),
            throttle: options.throttle,
            hanging: hanging.to_vec(),
            ..Manners::default()
        };
        let server = Server::start(manners).await.map_err(|error| format!("no server: {error}"))?;
        Ok(Self { site: server.url().parse()?, server: Some(server), recorder })
    }

    /// Tells what came of an act. An act that fetched nothing at all is an error.
    fn review<'a>(
        &self,
        fetched: &[Fetched],
        lines: impl IntoIterator<Item = &'a Fetched>,
    ) -> Result<(), String> {
        let timeline = self.recorder.timeline();
        print_lines(lines);
        let titles = fetched.iter().flatten().count();
        println!("  Fetched {titles} titles");
        if let Some(server) = &self.server {
            let (peak, throttled) = (server.peak(), server.throttled());
            println!("  The server saw {peak} at once, and throttled {throttled}");
        }
        print!("{timeline}");
        match titles {
            0 => Err("nothing could be fetched".to_owned()),
            _ => Ok(()),
        }
    }
}
