//! The lesson: posts fetched all at once, then under a limit, then under a limit with a time limit for each.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use fairgate::Semaphore;
use fairgate_examples::client::Site;
use fairgate_examples::lesson::{self, Fetched};
use fairgate_examples::live::Words;
use fairgate_examples::options::{Common, milliseconds, number_up_to, runs};
use fairgate_examples::output::{self, Summary, count};
use fairgate_examples::recorder::Recorder;
use fairgate_examples::say;
use fairgate_examples::server::{Behavior, Server};
use fairgate_examples::timeline::Outcome;

/// Fetches posts over HTTP three times: all at once, a few at a time, and a few at a time with a time limit for each
/// request. Starts its own server, unless --url names another.
#[derive(Parser)]
struct Options {
    /// Fetch BASE/posts/1 and so on from this server, over http:// or https://
    #[arg(long, value_name = "BASE")]
    url: Option<Site>,
    /// Accept an https:// server with a certificate signed by one in this PEM file
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// With --url: how long a request of runs 1 and 2 may take
    #[arg(long, value_name = "MS", default_value = "5000", value_parser = milliseconds())]
    give_up_ms: u64,
    /// Only do this run
    #[arg(long, value_name = "N", value_parser = number_up_to(3))]
    run: Option<usize>,
    /// How many posts runs 1 and 2 fetch
    #[arg(long, value_name = "N", default_value = "20", value_parser = number_up_to(1000))]
    posts: usize,
    /// How many requests run 2 has in flight at most
    #[arg(long, value_name = "N", default_value = "5", value_parser = number_up_to(1000))]
    permits: usize,
    /// How many posts run 3 fetches
    #[arg(long, value_name = "N", default_value = "10", value_parser = number_up_to(1000))]
    timed_posts: usize,
    /// How many requests run 3 has in flight at most
    #[arg(long, value_name = "N", default_value = "3", value_parser = number_up_to(1000))]
    timed_permits: usize,
    /// How long a request of run 3 may take
    #[arg(long, value_name = "MS", default_value = "2000", value_parser = milliseconds())]
    timeout_ms: u64,
    /// The own server's fastest answer; the slowest takes nearly twice as long
    #[arg(long, value_name = "MS", default_value = "200", value_parser = milliseconds())]
    latency_ms: u64,
    /// The own server refuses a request if this many others are in flight
    #[arg(long, value_name = "N", default_value_t = 10)]
    throttle: usize,
    /// Posts that the own server never answers in run 3
    #[arg(long, value_name = "IDS", value_delimiter = ',', default_value = "4,7")]
    hang: Vec<u32>,
    #[command(flatten)]
    common: Common,
}

const WORDS: Words = Words { one: "fetching", many: "in flight", log: true };

fn main() -> ExitCode {
    let options = Options::parse();
    output::exit(smol::block_on(three_runs(&options)))
}

async fn three_runs(options: &Options) -> Result<(), String> {
    let mut summary = Summary::default();
    if runs(options.run, 1) {
        all_at_once(options, &mut summary).await?;
    }
    if runs(options.run, 2) {
        with_permits(options, &mut summary).await?;
    }
    if runs(options.run, 3) {
        with_time_limit(options, &mut summary).await?;
    }
    summary.print();
    Ok(())
}

async fn all_at_once(options: &Options, summary: &mut Summary) -> Result<(), String> {
    let title = format!("Run 1: {}, all at once", count(options.posts, "post"));
    let about = match options.url {
        None => format!("Nothing limits the requests. The server accepts {} at a time.", options.throttle),
        Some(_) => "Nothing limits the requests.".to_owned(),
    };
    let mut run = Run::start(options, &[], title, &about).await?;
    run.limit(options);
    let fetched = lesson::unlimited(&run.site, options.posts, &run.recorder).await;
    run.finish(&fetched, fetched.iter().filter(|post| post.is_err()), summary)?;
    if fetched.iter().flat_map(|post| post.as_ref().err()).any(|error| error.problem.is_refusal()) {
        say!("  Which posts are refused may differ from run to run: the first to arrive are accepted.");
    }
    Ok(())
}

async fn with_permits(options: &Options, summary: &mut Summary) -> Result<(), String> {
    let slots = Arc::new(Semaphore::new(options.permits));
    let (posts, permits) = (count(options.posts, "post"), count(options.permits, "permit"));
    let title = format!("Run 2: {posts}, {permits}");
    let about = "Each task acquires a permit before its request and releases it after. The others wait.";
    let mut run = Run::start(options, &[], title, about).await?;
    run.limit(options);
    let fetched = lesson::limited(&run.site, options.posts, &slots, &run.recorder).await;
    run.finish(&fetched, fetched.iter().filter(|post| post.is_err()), summary)?;
    say!("  Available permits: {}", slots.available_permits());
    Ok(())
}

async fn with_time_limit(options: &Options, summary: &mut Summary) -> Result<(), String> {
    let slots = Arc::new(Semaphore::new(options.timed_permits));
    let limit = options.common.time(options.timeout_ms);
    let (posts, permits) = (count(options.timed_posts, "post"), count(options.timed_permits, "permit"));
    let title = format!("Run 3: {posts}, {permits}, {limit:?} for each request");
    let about = "A request that takes longer is cancelled, and its permit goes to the next task.";
    let run = Run::start(options, &options.hang, title, about).await?;
    let fetched = lesson::timed(&run.site, options.timed_posts, &slots, limit, &run.recorder).await;
    run.finish(&fetched, &fetched, summary)?;
    say!("  Available permits: {}", slots.available_permits());
    Ok(())
}

/// Prints each title, and each error; but only the first of more than three posts with the same error.
fn print_results<'a>(fetched: impl IntoIterator<Item = &'a Fetched>) {
    let problem = |result: &Fetched| result.as_ref().err().map(|error| error.problem.to_string());
    let (fetched, mut shown): (Vec<_>, _) = (fetched.into_iter().collect(), HashSet::new());
    for &result in &fetched {
        let others = fetched.iter().filter(|other| problem(other) == problem(result)).count() - 1;
        match result {
            Ok(title) => say!("  {}", output::on_one_line(title)),
            Err(error) if others < 3 => say!("  {error}"),
            Err(error) if shown.insert(problem(result)) => {
                say!("  {error}\n  The same for {others} other posts");
            }
            Err(_) => {}
        }
    }
}

/// A run before and after its requests.
struct Run {
    title: String,
    site: Site,
    server: Option<Server>,
    recorder: Arc<Recorder>,
}

impl Run {
    async fn start(options: &Options, hanging: &[u32], title: String, about: &str) -> Result<Self, String> {
        say!("\n{title}\n{about}");
        let recorder = Recorder::live(WORDS);
        if let Some(site) = options.url.clone() {
            let site = match &options.ca {
                Some(file) => site.with_ca(file)?,
                None => site,
            };
            return Ok(Self { title, site, server: None, recorder });
        }
        let latency = options.common.time(options.latency_ms);
        let behavior = Behavior {
            latency,
            round_trip: latency / 4,
            max_in_flight: options.throttle,
            hanging: hanging.to_vec(),
            ..Behavior::default()
        };
        let server =
            Server::start(behavior).await.map_err(|error| format!("cannot start a server: {error}"))?;
        Ok(Self { title, site: server.url().parse()?, server: Some(server), recorder })
    }

    /// A server on the internet may never answer. In run 3 each request has a time limit already.
    fn limit(&mut self, options: &Options) {
        if options.url.is_some() {
            let patience = options.common.time(options.give_up_ms);
            say!("A request that gets no answer is given up after {patience:?}.");
            self.site = self.site.clone().with_patience(patience);
        }
    }

    /// Prints the results, the server's counts, and the timeline. It is an error if no post was fetched.
    fn finish<'a>(
        self,
        fetched: &[Fetched],
        printed: impl IntoIterator<Item = &'a Fetched>,
        summary: &mut Summary,
    ) -> Result<(), String> {
        let timeline = self.recorder.timeline();
        print_results(printed);
        let titles = fetched.iter().flatten().count();
        say!("  Fetched {}", count(titles, "title"));
        if let Some(server) = &self.server {
            let (peak, refused) = (count(server.peak(), "request"), server.refused());
            say!("  The server's own count: at most {peak} in flight, {refused} refused");
        }
        let peak = self.server.as_ref().map_or(timeline.peak(), Server::peak);
        let missed = [Outcome::Refused, Outcome::TimedOut, Outcome::Failed].map(|outcome| {
            let n = timeline.count(outcome);
            if n > 0 { format!(", {n} {}", outcome.word()) } else { String::new() }
        });
        summary.add(format!(
            "{}: fetched {titles} of {}{}. At most {} in flight.",
            self.title,
            fetched.len(),
            missed.concat(),
            count(peak, "request")
        ));
        output::print(&timeline.draw(output::columns()));
        match titles {
            0 => Err("no post could be fetched".to_owned()),
            _ => Ok(()),
        }
    }
}
