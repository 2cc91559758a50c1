use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, exit};

use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use super::{chart, limits, table};
use crate::peers::Kind;

/// One number of one peer.
#[derive(Clone, Serialize, Deserialize)]
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
    /// The measures of the chart, if docs/performance.md shows one.
    charted: &'static [&'static str],
}

const fn section(name: &'static str, title: &'static str, charted: &'static [&'static str]) -> Section {
    Section { name, title, charted }
}

const SECTIONS: &[Section] = &[
    section("uncontended", "Uncontended acquire and release", &[""]),
    section("repoll", "Repeated poll of a pending acquire", &[]),
    section("handoff", "Enqueue and hand-off, per waiter", &[""]),
    section("cancel", "Enqueue and cancel, per waiter", &[]),
    section("threads", "Threads that acquire and release, per acquire", &[]),
    section("blocking", "Threads that block on a mutex, per lock", &[""]),
    section("latency", "Latency of one call beside threads that enqueue and cancel", &["p99"]),
    section("tasks", "Tasks on two threads, per acquire", &[]),
    section(
        "fairness",
        "Throughput and waiting times",
        &["per acquire", "p50 wait", "p99 wait", "longest wait"],
    ),
    section("adapter", "A timeout around an acquire", &[]),
    section("timeouts", "Tasks whose acquires time out", &[]),
    section("footprint", "Memory", &[]),
    section("instructions", "Instructions, counted by callgrind", &[]),
];

impl Section {
    pub fn of(name: &str) -> Option<&'static Self> {
        SECTIONS.iter().find(|section| section.name == name)
    }

    pub fn print(&self, figures: &[Figure]) {
        print(self.title, table::table(figures));
    }
}

const BEGIN: &str = "<!-- begin: limits -->";
const END: &str = "<!-- end: limits -->";

/// The committed results: `results.csv` holds the figures, and everything else is made from it.
pub struct Results {
    folder: PathBuf,
    figures: Vec<Figure>,
}

impl Results {
    /// Replaces the figures of the benchmark, or of the measured cases alone, and writes everything anew.
    pub fn renew(benchmark: &str, measured: &[Figure], only_measured: bool) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/results"));
        fs::create_dir_all(&folder).expect("the folder of the results can be created");
        let mut figures: Vec<Figure> = match csv::Reader::from_path(folder.join("results.csv")) {
            Ok(mut reader) => reader.deserialize().collect::<Result<_, _>>().expect("results.csv is valid"),
            Err(_) => Vec::new(),
        };
        figures.retain(|old| {
            let measured = !only_measured || measured.iter().any(|new| new.case == old.case);
            old.benchmark != benchmark || !measured
        });
        figures.extend(measured.iter().cloned());
        figures.sort_by_key(|figure| SECTIONS.iter().position(|section| section.name == figure.benchmark));
        Self { folder, figures }.write();
    }

    fn write(&self) {
        let mut csv =
            csv::Writer::from_path(self.folder.join("results.csv")).expect("results.csv can be written");
        for figure in &self.figures {
            let value = (figure.value * 100.0).round() / 100.0;
            csv.serialize(Figure { value, ..figure.clone() }).expect("a row can be written");
        }
        let mut text = format!("# Results\n\n{}\n", machine());
        text += "The ratio beside a figure is to the CAS pair, or else to the lowest of the fair peers. ";
        text += "[docs/performance.md](../../docs/performance.md) explains the benchmarks.\n";
        for section in SECTIONS {
            let of_section = |figure: &&Figure| figure.benchmark == section.name;
            let figures: Vec<_> = self.figures.iter().filter(of_section).cloned().collect();
            if figures.is_empty() {
                continue;
            }
            text += &heading(section.title, table::table(&figures));
            if !section.charted.is_empty() {
                let charted = figures.into_iter().filter(|f| section.charted.contains(&f.measure.as_str()));
                let path = self.folder.join(section.name).with_extension("svg");
                fs::write(path, chart::svg(section.title, &charted.collect::<Vec<_>>()))
                    .expect("a chart can be written");
            }
        }
        fs::write(self.folder.join("results.md"), text).expect("results.md can be written");
        self.write_limits();
    }

    /// Renews the table between the two marks in docs/performance.md.
    fn write_limits(&self) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
        let page = fs::read_to_string(path).expect("docs/performance.md can be read");
        let (before, rest) = page.split_once(BEGIN).expect("docs/performance.md marks the limits");
        let (_, after) = rest.split_once(END).expect("docs/performance.md marks the end of the limits");
        let mut table = limits::table(&self.figures);
        let table = table.load_preset(presets::ASCII_MARKDOWN);
        fs::write(path, format!("{before}{BEGIN}\n{table}\n{END}{after}"))
            .expect("docs/performance.md can be written");
    }
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
    let tools = "fairgate allocation clap comfy critical csv fastrand gungraun hdrhistogram plotters serde";
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
