use std::fs;
use std::io::{self, Write};
use std::process::{Command, exit};

use comfy_table::{Table, presets};

use super::{limits, table};
use crate::peers::Kind;

/// One number of one peer.
#[derive(Clone)]
pub struct Figure {
    pub benchmark: String,
    pub case: String,
    pub measure: String,
    pub peer: String,
    pub kind: Kind,
    pub value: f64,
    pub unit: String,
}

impl Figure {
    /// The label of its row in a table.
    pub fn row(&self) -> String {
        if self.measure.is_empty() { self.case.clone() } else { format!("{}: {}", self.case, self.measure) }
    }

    /// The value with its unit. Nanoseconds become larger units as needed.
    pub fn amount(&self) -> String {
        let (value, unit) = match (self.unit.as_str(), self.value) {
            ("ns", value @ 1e6..) => (value / 1e6, "ms"),
            ("ns", value @ 1e4..) => (value / 1e3, "µs"),
            (unit, value) => (value, unit),
        };
        let decimals = usize::from(value < 100.0 && value.fract() != 0.0);
        format!("{value:.decimals$} {unit}").trim().to_string()
    }
}

/// A section of the results.
pub struct Section {
    pub name: &'static str,
    pub title: &'static str,
}

const fn section(name: &'static str, title: &'static str) -> Section {
    Section { name, title }
}

const SECTIONS: &[Section] = &[
    section("uncontended", "Uncontended acquire and release"),
    section("repoll", "Repeated poll of a pending acquire"),
    section("handoff", "Enqueue and hand-off, per waiter"),
    section("cancel", "Enqueue and cancel, per waiter"),
    section("threads", "Threads that acquire and release, per acquire"),
    section("blocking", "Threads that block on a mutex, per lock"),
    section("latency", "Latency of one call beside threads that enqueue and cancel"),
    section("tasks", "Tasks on two threads, per acquire"),
    section("fairness", "Throughput and waiting times"),
    section("adapter", "A timeout around an acquire"),
    section("timeouts", "Tasks whose acquires time out"),
    section("footprint", "Memory"),
    section("instructions", "Instructions, counted by callgrind"),
];

impl Section {
    pub fn of(name: &str) -> Option<&'static Self> {
        SECTIONS.iter().find(|section| section.name == name)
    }

    pub fn print(&self, figures: &[Figure]) {
        print(self.title, table::table(figures));
    }
}

/// Writes `benches/results.md`: the limits, and a table for each benchmark.
pub fn write(figures: &[Figure]) {
    let mut text = format!("# Results\n\n{}\n", machine());
    text += "The ratio beside a figure is to the CAS pair, or else to the lowest of the fair peers. ";
    text += "[docs/performance.md](../docs/performance.md) explains the benchmarks.\n";
    text += &heading("Limits", limits::table(figures));
    for section in SECTIONS {
        let of_section: Vec<_> =
            figures.iter().filter(|figure| figure.benchmark == section.name).cloned().collect();
        if !of_section.is_empty() {
            text += &heading(section.title, table::table(&of_section));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/results.md");
    fs::write(path, text).expect("results.md can be written");
}

pub fn print_limits(figures: &[Figure]) {
    print("Limits", limits::table(figures));
}

fn print(title: &str, mut table: Table) {
    if !table.is_empty() {
        print_line(&format!("\n{title}\n{}", table.load_preset(presets::NOTHING)));
    }
}

/// Like `println!`, but ends the program quietly if the reader has closed the pipe.
pub fn print_line(text: &str) {
    if writeln!(io::stdout(), "{text}").is_err() {
        exit(0);
    }
}

fn heading(title: &str, mut table: Table) -> String {
    format!("\n## {title}\n\n{}\n", table.load_preset(presets::ASCII_MARKDOWN))
}

/// What the figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = model.map_or(std::env::consts::ARCH, |(_, name)| name);
    format!(
        "Measured on {}, {processor}, {cores} cores, {}, with {}.\n",
        output("date", &["+%F"]),
        output("rustc", &["--version"]),
        peers(),
    )
}

/// The peers with their versions, as cargo resolves them.
fn peers() -> String {
    let arguments = "tree -e dev --depth 1 --prefix none -p fairgate-benches";
    let tools = "fairgate allocation clap comfy critical fastrand gungraun hdrhistogram serde";
    let tree = output("cargo", &arguments.split(' ').collect::<Vec<_>>());
    let packages = tree.lines().filter_map(|line| line.split_once(" v"));
    let peers = packages.filter(|(name, _)| !tools.split(' ').any(|tool| name.starts_with(tool)));
    peers
        .map(|(name, version)| format!("{name} {}", version.split(' ').next().unwrap_or_default()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn output(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_string(),
        Err(_) => format!("{program} unknown"),
    }
}
