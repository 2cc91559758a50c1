//! The lesson: twenty posts fetched at once, then under a limit, then with a time limit as well.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use fairgate::Semaphore;
use fairgate_examples::client::Site;
use fairgate_examples::lesson::{self, Fetched};
use fairgate_examples::picture::{self, Panel};
use fairgate_examples::record::Recorder;
use fairgate_examples::server::{Manners, Server};

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
    /// Draw the three timelines into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1000)
}

fn main() -> ExitCode {
    let options = Options::parse();
    fairgate_examples::exit(smol::block_on(three_acts(&options)))
}

async fn three_acts(options: &Options) -> Result<(), String> {
    let mut panels = Vec::new();
    let act = Act::open(options, &[], format!("Act 1: {} posts, all at once", options.posts)).await?;
    println!("Nobody waits for anybody. A server may not like that.");
    let fetched = lesson::unlimited(&act.site, options.posts, &act.recorder).await;
    panels.push(act.close(&fetched, fetched.iter().filter(|post| post.is_err()))?);

    let (posts, permits) = (options.posts, options.permits);
    let act = Act::open(options, &[], format!("Act 2: {posts} posts, {permits} slots")).await?;
    println!("Each task takes a slot before it asks, and gives it back after. The others wait in line.");
    let slots = Arc::new(Semaphore::new(permits));
    let fetched = lesson::limited(&act.site, posts, &slots, &act.recorder).await;
    panels.push(act.close(&fetched, fetched.iter().filter(|post| post.is_err()))?);
    println!("  Slots free again: {}", slots.available_permits());

    let (posts, permits) = (options.timed_posts, options.timed_permits);
    let limit = Duration::from_millis(options.timeout_ms);
    let title = format!("Act 3: {posts} posts, {permits} slots, {limit:?} for each request");
    let act = Act::open(options, &options.hang, title).await?;
    println!("Whoever takes longer is cut off, and its slot goes to the next.");
    let slots = Arc::new(Semaphore::new(permits));
    let fetched = lesson::timed(&act.site, posts, &slots, limit, &act.recorder).await;
    panels.push(act.close(&fetched, &fetched)?);
    println!("  Slots free again: {}", slots.available_permits());
    picture::save(options.svg.as_deref(), &panels)
}

fn print_lines<'a>(fetched: impl IntoIterator<Item = &'a Fetched>) {
    for line in fetched {
        match line {
            Ok(title) => println!("  {title}"),
            Err(error) => println!("  {error}"),
        }
    }
}

/// The stage an act plays on.
struct Act {
    title: String,
    site: Site,
    server: Option<Server>,
    recorder: Arc<Recorder>,
}

impl Act {
    async fn open(options: &Options, hanging: &[u32], title: String) -> Result<Self, String> {
        println!("\n{title}");
        let recorder = Recorder::watched();
        if let Some(site) = options.url.clone() {
            return Ok(Self { title, site, server: None, recorder });
        }
        let manners = Manners {
            latency: Duration::from_millis(options.latency_ms),
            throttle: options.throttle,
            hanging: hanging.to_vec(),
            ..Manners::default()
        };
        let server = Server::start(manners).await.map_err(|error| format!("no server: {error}"))?;
        Ok(Self { title, site: server.url().parse()?, server: Some(server), recorder })
    }

    /// Sums up and draws the act. One that fetched nothing at all is an error.
    fn close<'a>(
        self,
        fetched: &[Fetched],
        lines: impl IntoIterator<Item = &'a Fetched>,
    ) -> Result<Panel, String> {
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
            _ => Ok(Panel::new(self.title, timeline)),
        }
    }
}
