//! A stress test of unlimited length: threads that block and tasks of two executors on one semaphore and one mutex,
//! with requests of all kinds, timeouts, cancellations, changes of the limit, and a close at the end of each round. Prints counts
//! of what was done and where each permit is. The first broken promise ends the program.
#![forbid(unsafe_code)]

mod counts;
mod round;
mod shared;
mod wait;
mod worker;

use std::io::{self, Write};
use std::panic;
use std::process::{self, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::counts::Counts;
use crate::shared::{Permits, Plan};

/// A stress test: threads and tasks use a semaphore and a mutex in rounds. Each round has its own number of permits,
/// threads and tasks, and ends with a close. Prints what was done and where each permit is. The exit status is 0 only
/// if no promise was broken.
#[derive(Clone, Copy, Parser)]
#[command(name = "soak")]
struct Options {
    /// Stop after N seconds [default: 60, unless --operations is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: Option<u64>,
    /// Stop after N operations: requests with any outcome, changes of the limit, forgets, splits, merges, observations, closes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    operations: Option<u64>,
    /// Seed of all random numbers; the threads still interleave as they happen to [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Maximal number of blocking threads in a round
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(0..=64))]
    threads: u16,
    /// Maximal number of tasks on each of the two executors in a round
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    tasks: u16,
}

/// The operations of the shortest round, and how often that number may be doubled. A lost wake-up shows only if no
/// later one hides it, so there are many short rounds.
const SHORTEST_ROUND: u64 = 1_000;
const DOUBLINGS: u32 = 10;

const PROGRESS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = Options::parse();
    exit_at_the_first_panic();
    match soak(options, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn exit_at_the_first_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        process::exit(1);
    }));
}

fn soak(options: Options, out: &mut impl Write) -> io::Result<()> {
    let start = Instant::now();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    writeln!(out, "seed {seed}")?;
    let default = if options.operations.is_some() { None } else { Some(60) };
    let until = options.seconds.or(default).map(|seconds| start + Duration::from_secs(seconds));
    let wanted = options.operations.unwrap_or(u64::MAX);
    let (mut rng, mut total) = (fastrand::Rng::with_seed(seed), Total::default());
    let mut printed = start;
    while total.counts.operations() < wanted && until.is_none_or(|end| Instant::now() < end) {
        let mut plan = plan(&options, &mut rng);
        plan.operations = plan.operations.min(wanted - total.counts.operations());
        plan.until = until;
        total.add(plan, round::run(plan));
        if printed.elapsed() > PROGRESS {
            printed = Instant::now();
            let (operations, rounds) = (grouped(total.counts.operations()), total.rounds);
            writeln!(
                out,
                "after {:.0} s: {operations} operations, {rounds} rounds",
                start.elapsed().as_secs_f64()
            )?;
        }
    }
    let (rounds, fixed) = (total.rounds, total.fixed);
    writeln!(
        out,
        "\n{rounds} rounds, {fixed} of them with a fixed limit, {:.1} s",
        start.elapsed().as_secs_f64()
    )?;
    total.print(out)
}

/// Random parameters for a round.
fn plan(options: &Options, rng: &mut fastrand::Rng) -> Plan {
    let max_request = rng.usize(1..=4);
    let limit = max_request + [0, rng.usize(0..4), rng.usize(0..64)][rng.usize(0..3)];
    let max_limit = if rng.bool() { limit } else { limit + rng.usize(1..32) };
    let tasks = rng.usize(1..=options.tasks.into());
    let threads = rng.usize(0..=options.threads.into());
    let operations = SHORTEST_ROUND << rng.u32(0..=DOUBLINGS);
    Plan { seed: rng.u64(..), max_request, limit, max_limit, threads, tasks, operations, until: None }
}

/// The sums over all rounds.
#[derive(Default)]
struct Total {
    counts: Counts,
    permits: Permits,
    rounds: u32,
    fixed: u32,
}

impl Total {
    fn add(&mut self, plan: Plan, (counts, permits): (Counts, Permits)) {
        self.counts += counts;
        self.permits += permits;
        self.rounds += 1;
        self.fixed += u32::from(plan.is_fixed());
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { counts, permits, .. } = self;
        let rows = [
            ("operations", counts.operations()),
            ("  requests", counts.requests),
            ("    completed at the first poll", counts.immediate),
            ("    granted from the queue", counts.queued),
            ("    granted to a blocking call", counts.blocking),
            ("    refused at once", counts.refused),
            ("    timed out", counts.timed_out),
            ("    cancelled", counts.cancelled),
            ("    refused by a close", counts.closed),
            ("  changes of the limit", counts.resizes),
            ("  forgets", counts.forgets),
            ("  splits", counts.splits),
            ("  merges", counts.merges),
            ("  observations of the counts", counts.observations),
            ("  closes", counts.closes),
            ("increments under the mutex", counts.locked),
            ("permits forgotten", counts.forgotten),
            ("permits that exist after the rounds", permits.limit),
            ("  available", permits.available),
        ];
        for (what, count) in rows {
            writeln!(out, "{what:38}{:>15}", grouped(count))?;
        }
        writeln!(out, "After every round, available + held = limit, and a fixed limit is as it was.")?;
        writeln!(out, "In every round, the value of the mutex equals the number of increments.")?;
        writeln!(
            out,
            "At no time were more permits held than the limit, or the largest limit of the round."
        )
    }
}

/// A number with commas between groups of three digits.
fn grouped(n: u64) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", grouped(n / 1000), n % 1000) }
}
