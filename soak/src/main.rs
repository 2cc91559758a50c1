//! Shakes a semaphore and a mutex for as long as one likes: threads that block, and tasks of two executors, with
//! requests of all kinds, time limits, cancellations, resizes, and a close at the end of each round. Says what was
//! done and where each permit is. The first promise that is seen broken ends the program.
#![forbid(unsafe_code)]

mod hand;
mod patience;
mod round;
mod tally;
mod world;

use std::panic;
use std::process;
use std::time::{Duration, Instant};

use clap::Parser;
use tally::Tally;
use world::{Account, Plan};

/// Threads and tasks shake a semaphore and a mutex, in rounds; each round has its own crowd and limit, and ends with
/// a close. Prints what was done and where each permit is; the exit status is 0 only if no promise was broken.
#[derive(Clone, Copy, Parser)]
struct Options {
    /// Stop after so many seconds [default: 10, unless --operations is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: Option<u64>,
    /// Stop after so many operations: requests, however they end, and resizes, forgets, splits, merges, closes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    operations: Option<u64>,
    /// Where the dice of all workers start [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads that block, in each round at most
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(0..=64))]
    threads: u16,
    /// Tasks on each of the two executors, in each round at most
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    tasks: u16,
}

/// The operations of one round: of the shortest, and how often that may be doubled. A wake-up that was lost shows
/// where nothing comes after it, so there are many short rounds.
const ROUND: u64 = 1_000;
const DOUBLED: u32 = 10;

fn main() {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    end_with_the_first_panic();
    soak(options, seed);
}

fn end_with_the_first_panic() {
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        show(info);
        process::exit(1);
    }));
}

fn soak(options: Options, seed: u64) {
    let start = Instant::now();
    let default = if options.operations.is_some() { None } else { Some(10) };
    let until = options.seconds.or(default).map(|seconds| start + Duration::from_secs(seconds));
    let wanted = options.operations.unwrap_or(u64::MAX);
    let (mut dice, mut sum, mut rounds) = (fastrand::Rng::with_seed(seed), Sum::default(), 0);
    let mut spoken = start;
    while sum.tally.operations() < wanted && until.is_none_or(|end| Instant::now() < end) {
        let mut plan = plan(&options, &mut dice);
        plan.operations = plan.operations.min(wanted - sum.tally.operations());
        plan.until = until;
        sum.add(plan, round::run(plan));
        rounds += 1;
        if spoken.elapsed() > Duration::from_secs(10) {
            spoken = Instant::now();
            let done = grouped(sum.tally.operations());
            println!("after {:.0} s: {done} operations, {rounds} rounds", start.elapsed().as_secs_f64());
        }
    }
    println!(
        "\n{rounds} rounds, of them {} with a fixed limit, {:.1} s",
        sum.steady,
        start.elapsed().as_secs_f64()
    );
    sum.show();
}

/// A crowd and a limit.
fn plan(options: &Options, dice: &mut fastrand::Rng) -> Plan {
    let greatest = dice.usize(1..=4);
    let limit = greatest + [0, dice.usize(0..4), dice.usize(0..64)][dice.usize(0..3)];
    let highest = if dice.bool() { limit } else { limit + dice.usize(1..32) };
    let tasks = dice.usize(1..=options.tasks.into());
    let threads = dice.usize(0..=options.threads.into());
    let operations = ROUND << dice.u32(0..=DOUBLED);
    Plan { seed: dice.u64(..), greatest, limit, highest, threads, tasks, operations, until: None }
}

/// What all rounds came to.
#[derive(Default)]
struct Sum {
    tally: Tally,
    account: Account,
    steady: u32,
}

impl Sum {
    fn add(&mut self, plan: Plan, (tally, account): (Tally, Account)) {
        self.tally += tally;
        self.account += account;
        self.steady += u32::from(plan.is_steady());
    }

    fn show(&self) {
        let Self { tally, account, .. } = self;
        let rows = [
            ("operations", tally.operations()),
            ("  requests", tally.attempts),
            ("    met at once", tally.at_once),
            ("    handed over in line", tally.handed_over),
            ("    met for a blocked thread", tally.to_threads),
            ("    refused at once", tally.refused),
            ("    timed out", tally.timed_out),
            ("    cancelled", tally.cancelled),
            ("    told that it is closed", tally.told_closed),
            ("  resizes", tally.resizes),
            ("  permits forgotten and replaced", tally.forgets),
            ("  splits", tally.splits),
            ("  merges", tally.merges),
            ("  looks at free and waiting", tally.looks),
            ("  closes", tally.closes),
            ("the mutex was held, and counted", tally.locked),
            ("permits created", account.created),
            ("  free at the end", account.free),
            ("  held", account.held),
            ("  forgotten or taken away", account.forgotten),
        ];
        for (what, count) in rows {
            println!("{what:34}{:>15}", grouped(count));
        }
        println!("In every round: free + held + forgotten = created, and the mutex counted right.");
        println!(
            "Never more held than the limit; in rounds that move it, than the highest it was moved to."
        );
    }
}

/// Thousands apart.
fn grouped(n: u64) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", grouped(n / 1000), n % 1000) }
}
