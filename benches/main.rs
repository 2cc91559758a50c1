//! fairgate beside other semaphores and mutexes. `cargo bench -- --help` lists the options.

mod benchmarks {
    pub mod blocking;
    pub mod cancel;
    pub mod fairness;
    pub mod handoff;
    pub mod latency;
    pub mod programs;
    pub mod repoll;
    pub mod tasks;
    pub mod threads;
    pub mod timeouts;
    pub mod uncontended;
}
mod harness;
mod peers;

use std::process::exit;
use std::time::Duration;

use benchmarks::*;
use clap::Parser;
use harness::{Benchmark, Options, Runner, Section, print_limits, write};

const BENCHMARKS: &[&Benchmark] = &[
    &uncontended::BENCHMARK,
    &repoll::BENCHMARK,
    &handoff::BENCHMARK,
    &cancel::BENCHMARK,
    &threads::BENCHMARK,
    &blocking::BENCHMARK,
    &latency::BENCHMARK,
    &tasks::BENCHMARK,
    &fairness::BENCHMARK,
    &timeouts::ADAPTER,
    &timeouts::LOAD,
    &programs::FOOTPRINT,
    &programs::INSTRUCTIONS,
];

/// Measures fairgate beside other semaphores and mutexes. All peers of a case run by turns in one process.
#[derive(Parser)]
#[command(bin_name = "cargo bench --")]
struct Arguments {
    /// Benchmarks to run [default: all]
    #[arg(value_parser = names())]
    benchmarks: Vec<String>,

    /// Run only the cases whose name contains this text
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,

    /// Measure each case for this long instead of its own time
    #[arg(long, value_parser = seconds)]
    seconds: Option<Duration>,

    /// Put the figures of all benchmarks into benches/results.md
    #[arg(long, conflicts_with_all = ["benchmarks", "case"])]
    write: bool,

    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn names() -> clap::builder::PossibleValuesParser {
    BENCHMARKS.iter().map(|benchmark| benchmark.name).collect::<Vec<_>>().into()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "expected a number of seconds".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn main() {
    let arguments = Arguments::parse();
    // Incremental builds inline less across codegen units, and cargo builds only this workspace that way.
    if option_env!("CARGO_INCREMENTAL") == Some("1") {
        eprintln!("error: built with CARGO_INCREMENTAL=1, which slows down fairgate and none of its peers");
        exit(1);
    }
    let options = Options { case: arguments.case, budget: arguments.seconds };
    let mut measured = Vec::new();
    for benchmark in BENCHMARKS {
        let chosen = arguments.benchmarks.iter().any(|name| name == benchmark.name);
        if !arguments.benchmarks.is_empty() && !chosen {
            continue;
        }
        let figures = Runner::run(benchmark, &options);
        Section::of(benchmark.name).expect("every benchmark has a section").print(&figures);
        measured.extend(figures);
    }
    if let (Some(case), []) = (options.case, &measured[..]) {
        eprintln!("error: no case of these benchmarks contains '{case}'");
        exit(1);
    }
    print_limits(&measured);
    if arguments.write {
        write(&measured);
    }
}
