//! A pool of real connections behind a semaphore: whoever has a permit has a connection.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fairgate::with_timeout;
use fairgate_examples::client::Problem;
use fairgate_examples::picture::{self, Panel};
use fairgate_examples::pool::Pool;
use fairgate_examples::record::{Pen, Recorder};
use fairgate_examples::server::{Manners, Server};
use fairgate_examples::timeline::Ending;
use smol::{LocalExecutor, Timer};

/// Twelve tasks fetch thirty-six posts over three connections. Then all connections are out, and
/// somebody who wants one waits for no longer than the checkout timeout.
#[derive(Parser)]
struct Options {
    /// How many connections the pool opens at most
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    connections: u32,
    /// How many tasks share them; each fetches three posts
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=33))]
    tasks: u32,
    /// How long to wait for a connection when all are out
    #[arg(long, default_value_t = 500)]
    checkout_ms: u64,
    /// Draw the two timelines into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The quickest answer takes this long, the slowest not quite twice as long.
const LATENCY: Duration = Duration::from_millis(40);

fn main() -> ExitCode {
    fairgate_examples::exit(smol::block_on(both(&Options::parse())))
}

async fn both(options: &Options) -> Result<(), String> {
    let manners = Manners { latency: LATENCY, ..Manners::default() };
    let server = Server::start(manners).await.map_err(|error| format!("no server: {error}"))?;
    let pool = Pool::new(server.url().parse()?, options.connections as usize);
    let crowd = crowd(options, &pool).await;
    println!("  The server saw {} connections", server.connections_peak());
    let all_out = all_out(options, &pool).await.map_err(|problem| format!("a post {problem}"))?;
    println!("  The server saw {} connections", server.connections_peak());
    println!("  Connections free again: {}", pool.free());
    picture::save(options.svg.as_deref(), &[crowd, all_out])
}

/// More tasks than connections.
async fn crowd(options: &Options, pool: &Pool) -> Panel {
    let title = format!("{} tasks share {} connections", options.tasks, options.connections);
    println!("{title}\nEach fetches three posts, and checks a connection out for each of them.");
    let recorder = Recorder::new();
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=options.tasks)
        .map(|task| executor.spawn(three_posts(pool, task, recorder.pen(format!("task {task}")))))
        .collect();
    let fetched = executor.run(async {
        let mut fetched = 0;
        for task in tasks {
            fetched += task.await;
        }
        fetched
    });
    println!("  Fetched {} titles", fetched.await);
    let timeline = recorder.timeline();
    print!("{timeline}");
    Panel::new(title, timeline)
}

/// Fetches three posts, one checkout each, and tells how many came.
async fn three_posts(pool: &Pool, task: u32, pen: Pen) -> usize {
    let mut fetched = 0;
    for id in 3 * task - 2..=3 * task {
        pen.waits();
        let Ok(mut connection) = pool.check_out().await else { continue };
        pen.holds();
        fetched += usize::from(connection.title(id).await.is_ok());
        pen.rests();
    }
    pen.ends(if fetched == 3 { Ending::Done } else { Ending::Failed });
    fetched
}

/// All connections are out, and one more task wants one: in vain, and again when they are back.
async fn all_out(options: &Options, pool: &Pool) -> Result<Panel, Problem> {
    let limit = Duration::from_millis(options.checkout_ms);
    let title = format!("All {} connections are out; {limit:?} to check one out", options.connections);
    println!("\n{title}");
    let recorder = Recorder::new();
    let mut out = Vec::new();
    for keeper in 1..=options.connections {
        let pen = recorder.pen(format!("keeper {keeper}"));
        let connection = pool.check_out().await?;
        pen.holds();
        out.push((connection, pen));
    }
    let late = recorder.pen("too late");
    late.waits();
    match with_timeout(pool.check_out(), Timer::after(limit)).await {
        Ok(_) => println!("  A connection, though all were out: a bug"),
        Err(elapsed) => println!("  No connection within {limit:?}: {elapsed}"),
    }
    late.ends(Ending::TimedOut);
    for (connection, pen) in out {
        pen.ends(Ending::Done);
        drop(connection);
    }
    let again = recorder.pen("again");
    again.waits();
    let mut connection = pool.check_out().await?;
    again.holds();
    println!("  Tried again, and fetched: {}", connection.title(1).await?);
    again.ends(Ending::Done);
    let timeline = recorder.timeline();
    print!("{timeline}");
    Ok(Panel::new(title, timeline))
}
