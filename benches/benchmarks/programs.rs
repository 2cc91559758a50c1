//! Benchmarks that are separate programs: `footprint`, because its allocator counts, and `instructions`, because it
//! runs under callgrind. Both count, so the load of the machine makes no difference.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio, exit};
use std::time::Duration;

use crate::harness::{Benchmark, Runner, Statistic, print_line};
use crate::peers::*;

pub const FOOTPRINT: Benchmark =
    Benchmark { name: "footprint", statistic: Statistic::Last, budget: Duration::ZERO, run: footprint };

pub const INSTRUCTIONS: Benchmark = Benchmark {
    name: "instructions",
    statistic: Statistic::Last,
    budget: Duration::ZERO,
    run: instructions,
};

/// The peers in the order of the tables.
const PEERS: &[(&str, Kind)] = &[
    (Fairgate::NAME, Fairgate::KIND),
    (CasPair::NAME, CasPair::KIND),
    (Tokio::NAME, Tokio::KIND),
    (Asyncband::NAME, Asyncband::KIND),
    (Maitake::NAME, Maitake::KIND),
    (FuturesIntrusive::NAME, FuturesIntrusive::KIND),
    (Saa::NAME, Saa::KIND),
    (FlagBearer::NAME, FlagBearer::KIND),
    (Embassy::NAME, Embassy::KIND),
    (AsyncLock::NAME, AsyncLock::KIND),
    (FuturesUtilMutex::NAME, FuturesUtilMutex::KIND),
];

fn footprint(runner: &mut Runner) {
    for line in output("footprint", &[]).lines() {
        let [case, peer, bytes] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("footprint printed {line:?}");
        };
        runner.figure(case, "", peer, kind(peer), bytes.parse().expect("a number of bytes"), "B");
    }
}

/// Each row of the table: its title, the function in instructions.rs, the suffix of the id, and the operations that
/// one call performs.
const CASES: &[(&str, &str, &str, f64)] = &[
    ("acquire and drop", "acquire", "", 100.0),
    ("acquire_many and drop", "acquire_many", "", 100.0),
    ("owned acquire and drop", "owned_acquire", "", 100.0),
    ("lock and unlock", "lock", "", 100.0),
    ("lock, map the guard, unlock", "map_guard", "", 100.0),
    ("acquire within a timeout, and drop", "with_timeout_around_acquire", "", 100.0),
    ("hand-off, 1 waiter", "hand_off", "_0", 100.0),
    ("hand-off, 10 waiters", "hand_off", "_1", 100.0),
    ("hand-off, 1,000 waiters", "hand_off", "_2", 1_000.0),
    ("enqueue and cancel", "enqueue_and_cancel", "", 100.0),
    ("repeated poll", "repoll", "", 100.0),
];

fn instructions(runner: &mut Runner) {
    for (tool, install) in [
        ("valgrind", "install it with the package manager of the system"),
        ("gungraun-runner", "cargo install --locked gungraun-runner --version 0.20.0"),
    ] {
        let version =
            Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if version.is_err() {
            print_line(&format!("\nskipped: instructions: no {tool} ({install})"));
            return;
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gungraun");
    _ = fs::remove_dir_all(&folder);
    output("instructions", &["--save-summary=json", "--home", &folder.to_string_lossy()]);
    let counts = counts(&folder.join("fairgate-benches/instructions/work"));
    for (case, function, suffix, operations) in CASES {
        for (peer, kind) in PEERS {
            let id = peer.to_lowercase().replace(['-', ' '], "_") + suffix;
            if let Some(count) = counts.get(&format!("{function}.{id}")) {
                runner.figure(case, "", peer, *kind, count / operations, "");
            }
        }
    }
}

/// The instructions of each benchmark, by function and id.
fn counts(folder: &Path) -> BTreeMap<String, f64> {
    let summaries = fs::read_dir(folder).expect("gungraun saves its summaries");
    let count = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path().join("summary.json")).expect("a summary");
        let summary: serde_json::Value = serde_json::from_str(&text).expect("a summary in JSON");
        let count = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        let name = |key: &str| summary[key].as_str().expect("a name").to_string();
        (format!("{}.{}", name("function_name"), name("id")), count.as_f64().expect("a count"))
    };
    summaries.map(|entry| count(entry.expect("an entry of the folder"))).collect()
}

fn kind(peer: &str) -> Kind {
    PEERS.iter().find(|(name, _)| *name == peer).expect("a known peer").1
}

/// Runs one of the programs and returns what it prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let command =
        ["bench", "--quiet", "-p", "fairgate-benches", "--features", "programs", "--bench", program, "--"];
    let run = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_INCREMENTAL", "0")
        .args(command)
        .args(arguments)
        .output()
        .expect("cargo can be run");
    if !run.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        exit(1);
    }
    String::from_utf8_lossy(&run.stdout).into_owned()
}
