//! A limit on requests at a time is not a limit on requests a second. A semaphore makes both.

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fairgate::Semaphore;
use fairgate_examples::chart::{self, Chart};
use fairgate_examples::client::Site;
use fairgate_examples::live::Words;
use fairgate_examples::options::{Common, number_up_to, runs};
use fairgate_examples::output::{self, Summary, count};
use fairgate_examples::recorder::{Recorder, TaskRecorder};
use fairgate_examples::say;
use fairgate_examples::server::{Behavior, Server};
use fairgate_examples::timeline::Outcome;
use smol::stream::StreamExt;
use smol::{LocalExecutor, Timer, future};

/// Sends requests to a server with a quota, which refuses requests beyond a number in each second. Run 1 limits the
/// requests at a time, which does not help. Run 2 does the same and retries what was refused. Run 3 uses a token bucket:
/// each request uses up a permit, and a timer adds new ones.
#[derive(Parser)]
struct Options {
    /// Only do this run
    #[arg(long, value_name = "N", value_parser = number_up_to(3))]
    run: Option<usize>,
    /// How many requests to send
    #[arg(long, value_name = "N", default_value = "60", value_parser = number_up_to(100))]
    posts: usize,
    /// Runs 1 and 2: how many requests at a time
    #[arg(long, value_name = "N", default_value = "5", value_parser = number_up_to(100))]
    permits: usize,
    /// Run 3: how many tokens the timer adds in a second
    #[arg(long, value_name = "N", default_value = "20", value_parser = number_up_to(1000))]
    rate: usize,
    /// Run 3: how many tokens the bucket holds at most
    #[arg(long, value_name = "N", default_value = "5", value_parser = number_up_to(100))]
    burst: usize,
    /// How many requests the server answers in a second
    #[arg(long, value_name = "N", default_value = "30", value_parser = number_up_to(1000))]
    quota: usize,
    #[command(flatten)]
    common: Common,
}

/// The fastest answer, a refusal, and the first pause before a retry, in milliseconds.
const LATENCY: u64 = 40;
const ROUND_TRIP: u64 = 10;
const FIRST_PAUSE: u64 = 200;

/// Permits are used up, and only time adds new ones.
struct TokenBucket {
    tokens: Semaphore,
    burst: usize,
}

impl TokenBucket {
    fn full(burst: usize) -> Self {
        Self { tokens: Semaphore::new(burst), burst }
    }

    async fn take(&self) {
        self.tokens.acquire().await.expect("the semaphore is never closed").forget();
    }

    /// Adds a token at each interval. No other code adds any, so there are never more than `burst`.
    async fn refill(&self, interval: Duration) {
        let mut ticks = Timer::interval(interval);
        while ticks.next().await.is_some() {
            if self.tokens.available_permits() < self.burst {
                self.tokens.add_permits(1);
            }
        }
    }
}

fn main() -> ExitCode {
    output::exit(smol::block_on(three_runs(&Options::parse())))
}

async fn three_runs(options: &Options) -> Result<(), String> {
    let period = period(options);
    say!("{} for a server that answers {} {period}.", count(options.posts, "request"), options.quota);

    let (mut charts, mut summary) = (Vec::new(), Summary::default());
    if runs(options.run, 1) {
        charts.push(at_a_time(options, &mut summary).await?);
    }
    if runs(options.run, 2) {
        charts.push(with_retries(options, &mut summary).await?);
    }
    if runs(options.run, 3) {
        charts.push(with_tokens(options, &mut summary).await?);
    }
    say!("\nRequests sent {}, on one scale", period.replacen("a second", "in each second", 1));
    output::print(&chart::draw_all(&charts, output::columns()));
    summary.print();
    Ok(())
}

async fn at_a_time(options: &Options, summary: &mut Summary) -> Result<Chart, String> {
    let slots = Semaphore::new(options.permits);
    let title = format!("Run 1: {} at a time", count(options.permits, "request"));
    say!("\n{title}\nThe limit does not count seconds: each answer makes room for the next request.");
    let run = run(options, &title, true, summary, async |client, id, task| {
        task.waiting();
        let _slot = slots.acquire().await.expect("the semaphore is never closed");
        client.request(id, task).await;
    });
    run.await
}

async fn with_retries(options: &Options, summary: &mut Summary) -> Result<Chart, String> {
    let slots = Semaphore::new(options.permits);
    let title = format!("Run 2: {} at a time, and retries with backoff", count(options.permits, "request"));
    say!("\n{title}\nA refused request pauses, twice as long after each refusal, and is sent again.");
    let run = run(options, &title, true, summary, async |client, id, task| {
        let mut pause = options.common.time(FIRST_PAUSE);
        loop {
            task.waiting();
            let slot = slots.acquire().await.expect("the semaphore is never closed");
            if client.request(id, task).await {
                break;
            }
            // Other requests use the slot during the pause.
            drop(slot);
            // Pauses of random length, so that requests refused together do not come back together.
            Timer::after(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(options.common.time(2000));
        }
    });
    run.await
}

async fn with_tokens(options: &Options, summary: &mut Summary) -> Result<Chart, String> {
    let (bucket, period) = (TokenBucket::full(options.burst), period(options));
    let title = format!("Run 3: a token bucket, {} {period} and bursts of {}", options.rate, options.burst);
    say!("\n{title}\nEach request uses up a token, and a timer adds new ones.");
    if options.rate + options.burst > options.quota {
        say!(
            "A full bucket lets {} through at once, and the timer lets {} more through {period}.\n\
             That exceeds the quota of {}, so expect refusals.\n\
             To avoid them, choose --burst and --rate so that their sum is at most the quota.",
            count(options.burst, "request"),
            options.rate,
            options.quota
        );
    }
    let run = run(options, &title, false, summary, async |client, id, task| {
        task.waiting();
        bucket.take().await;
        client.request(id, task).await;
    });
    let refill = async {
        bucket.refill(options.common.time(1000) / options.rate as u32).await;
        future::pending().await
    };
    future::or(run, refill).await
}

/// "a second", or "in 5 seconds".
fn period(options: &Options) -> String {
    match options.common.slow {
        1 => "a second".to_owned(),
        n => format!("in {n} seconds"),
    }
}

/// Starts a task for each request, all at once, and prints how the server answered. `limits_in_flight`: whether the run
/// limits how many requests are in flight.
async fn run(
    options: &Options,
    title: &str,
    limits_in_flight: bool,
    summary: &mut Summary,
    task: impl AsyncFn(&Client, u32, &TaskRecorder),
) -> Result<Chart, String> {
    let time = |milliseconds| options.common.time(milliseconds);
    let behavior = Behavior {
        latency: time(LATENCY),
        round_trip: time(ROUND_TRIP),
        quota: options.quota,
        quota_period: time(1000),
        ..Behavior::default()
    };
    let server =
        Server::start(behavior).await.map_err(|error| format!("cannot start a server: {error}"))?;
    let recorder = Recorder::live(Words { one: "sent", many: "in flight", log: false });
    let client = Client {
        site: server.url().parse()?,
        start: Instant::now(),
        chart: RefCell::new(Chart::new(title, options.quota, options.common.slow)),
    };
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=options.posts as u32)
        .map(|id| {
            let recorder = recorder.task(format!("request {id:>2}"));
            let (client, task) = (&client, &task);
            executor.spawn(async move { task(client, id, &recorder).await })
        })
        .collect();
    executor
        .run(async {
            for task in tasks {
                task.await;
            }
        })
        .await;
    drop(executor);
    recorder.finish();
    let chart = client.chart.into_inner();
    let (answered, refused) = (chart.answered(), count(server.refused(), "time"));
    let busiest = format!(
        "Most requests sent {}: {}",
        period(options).replacen("a second", "in one second", 1),
        chart.busiest()
    );
    say!("  Answered: {answered} of {}. Refused: {refused}.", options.posts);
    say!("  {busiest}.");
    let in_flight = match limits_in_flight {
        true => format!("Limited to {} in flight: at most {}", options.permits, server.peak()),
        false => "The bucket limits no requests in flight, only how often one is sent".to_owned(),
    };
    say!("  {in_flight}.");
    summary
        .add(format!("{title}: answered {answered} of {}, refused {refused}. {busiest}.", options.posts));
    Ok(chart)
}

/// Sends the requests of a run, and records when.
struct Client {
    site: Site,
    start: Instant,
    chart: RefCell<Chart>,
}

impl Client {
    /// Whether the request was answered, and not refused.
    async fn request(&self, id: u32, task: &TaskRecorder) -> bool {
        let at = self.start.elapsed().as_secs_f64();
        task.holding();
        let is_refused = self.site.title(id).await.is_err_and(|error| error.problem.is_refusal());
        self.chart.borrow_mut().add(at, is_refused);
        if is_refused {
            task.end(Outcome::Refused)
        } else {
            task.end(Outcome::Done)
        }
        !is_refused
    }
}
