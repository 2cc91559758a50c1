//! What the figures were taken on.

use std::fs;
use std::process::Command;

const PEERS: [&str; 10] = [
    "async-lock",
    "asyncband",
    "embassy-sync",
    "flag-bearer",
    "futures-intrusive",
    "futures-util",
    "maitake-sync",
    "parking_lot",
    "saa",
    "tokio",
];

pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let peers: Vec<_> = PEERS.iter().map(|name| format!("{name} {}", version(name))).collect();
    format!(
        "Taken on {}, {} ({cores} cores), {}, with {}.\n",
        said("date", &["+%F"]),
        processor(),
        said("rustc", &["--version"]),
        peers.join(", "),
    )
}

fn said(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_string(),
        Err(_) => format!("{program} unknown"),
    }
}

fn processor() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or(std::env::consts::ARCH, |(_, name)| name).to_string()
}

fn version(name: &str) -> String {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
    let lock = lock.unwrap_or_default();
    let entry = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    entry.and_then(|(_, rest)| rest.split_once('"')).map_or("?", |(version, _)| version).to_string()
}
