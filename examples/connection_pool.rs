//! A pool of real connections behind a semaphore: a permit stands for a connection.

use std::process::ExitCode;

use clap::Parser;
use fairgate::with_timeout;
use fairgate_examples::client::Problem;
use fairgate_examples::live::Words;
use fairgate_examples::options::{Common, milliseconds, number_up_to, runs};
use fairgate_examples::output::{self, Summary, count};
use fairgate_examples::pool::Pool;
use fairgate_examples::recorder::{Recorder, TaskRecorder};
use fairgate_examples::say;
use fairgate_examples::server::{Behavior, Server};
use fairgate_examples::timeline::Outcome;
use smol::{LocalExecutor, Timer};

/// Twelve tasks fetch three posts each, over three connections. After that all connections are checked out, and another
/// task waits for one until the checkout timeout.
#[derive(Parser)]
struct Options {
    /// Only do this run
    #[arg(long, value_name = "N", value_parser = number_up_to(2))]
    run: Option<usize>,
    /// How many connections the pool opens at most
    #[arg(long, value_name = "N", default_value = "3", value_parser = number_up_to(50))]
    connections: usize,
    /// How many tasks share them
    #[arg(long, value_name = "N", default_value = "12", value_parser = number_up_to(33))]
    tasks: usize,
    /// How long to wait for a connection while all are checked out
    #[arg(long, value_name = "MS", default_value = "500", value_parser = milliseconds())]
    checkout_ms: u64,
    #[command(flatten)]
    common: Common,
}

/// The fastest answer, in milliseconds. The slowest takes nearly twice as long.
const LATENCY: u64 = 60;

const WORDS: Words = Words { one: "connected", many: "connected", log: false };

fn main() -> ExitCode {
    output::exit(smol::block_on(two_runs(&Options::parse())))
}

async fn two_runs(options: &Options) -> Result<(), String> {
    let behavior = Behavior { latency: options.common.time(LATENCY), ..Behavior::default() };
    let server =
        Server::start(behavior).await.map_err(|error| format!("cannot start a server: {error}"))?;
    let pool = Pool::new(server.url().parse()?, options.connections);
    let mut summary = Summary::default();
    let print_peak = || {
        let peak = count(server.connections_peak(), "connection");
        say!("  The server's own count: at most {peak} open");
    };
    if runs(options.run, 1) {
        let title = share_connections(options, &pool).await;
        print_peak();
        let peak = count(server.connections_peak(), "connection");
        summary.add(format!("{title}: at most {peak} open."));
    }
    if runs(options.run, 2) {
        let title = exhaust(options, &pool).await.map_err(|problem| format!("a post {problem}"))?;
        print_peak();
        summary.add(format!("{title}: the first try timed out, the second fetched a post."));
    }
    say!("  Available connections: {}", pool.available());
    summary.print();
    Ok(())
}

/// Run 1: more tasks than connections. Returns the title.
async fn share_connections(options: &Options, pool: &Pool) -> String {
    let verb = if options.tasks == 1 { "uses" } else { "share" };
    let title =
        format!("{} {verb} {}", count(options.tasks, "task"), count(options.connections, "connection"));
    say!("{title}\nEach task fetches three posts. It checks a connection out for each of them.");
    let recorder = Recorder::live(WORDS);
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=options.tasks)
        .map(|number| executor.spawn(three_posts(pool, number, recorder.task(format!("task {number}")))))
        .collect();
    let fetched = executor.run(async {
        let mut fetched = 0;
        for task in tasks {
            fetched += task.await;
        }
        fetched
    });
    let fetched = fetched.await;
    let timeline = recorder.timeline();
    say!("  Fetched {}", count(fetched, "title"));
    output::print(&timeline.draw(output::columns()));
    title
}

/// Fetches three posts with one checkout each, and returns how many were fetched.
async fn three_posts(pool: &Pool, number: usize, task: TaskRecorder) -> usize {
    let mut fetched = 0;
    for id in 3 * number - 2..=3 * number {
        task.waiting();
        let Ok(mut connection) = pool.check_out().await else { continue };
        task.holding();
        fetched += usize::from(connection.title(id as u32).await.is_ok());
        task.idle();
    }
    task.end(if fetched == 3 { Outcome::Done } else { Outcome::Failed });
    fetched
}

/// Run 2: all connections are checked out. A task that wants one times out, and succeeds after they are
/// returned. Returns the title.
async fn exhaust(options: &Options, pool: &Pool) -> Result<String, Problem> {
    let limit = options.common.time(options.checkout_ms);
    let title = match options.connections {
        1 => format!("The only connection is checked out; a checkout may take {limit:?}"),
        n => format!("All {n} connections are checked out; a checkout may take {limit:?}"),
    };
    say!("\n{title}");
    let recorder = Recorder::live(WORDS);
    let mut checked_out = Vec::new();
    for number in 1..=options.connections {
        let task = recorder.task(format!("holder {number}"));
        let connection = pool.check_out().await?;
        task.holding();
        checked_out.push((connection, task));
    }
    let first = recorder.task("first try");
    first.waiting();
    let outcome = with_timeout(pool.check_out(), Timer::after(limit)).await.map(drop);
    first.end(Outcome::TimedOut);
    for (connection, task) in checked_out {
        task.end(Outcome::Done);
        drop(connection);
    }
    let second = recorder.task("second try");
    second.waiting();
    let mut connection = pool.check_out().await?;
    second.holding();
    let fetched = connection.title(1).await?;
    second.end(Outcome::Done);
    let timeline = recorder.timeline();
    match outcome {
        Ok(()) => say!("  A connection was checked out, though all were: this is a bug"),
        Err(elapsed) => say!("  No connection within {limit:?}: {elapsed}"),
    }
    say!("  The second try fetched: {fetched}");
    output::print(&timeline.draw(output::columns()));
    Ok(title)
}
