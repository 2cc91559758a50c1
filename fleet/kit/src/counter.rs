//! The independent counter: knows nothing of leases, only which tasks of which processes are inside.
//!
//! A task reports that it is inside after it was granted a permit, and waits for the answer; it reports that it is
//! outside, and waits, before it releases. So the counter never counts more tasks than hold permits.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use crate::HANGS;

/// What a worker reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub worker: usize,
    pub what: String,
    pub task: usize,
    pub value: u64,
}

#[derive(Default, Debug)]
struct Inside {
    /// The tasks inside, and whether each counts.
    tasks: BTreeMap<(usize, usize), bool>,
    /// The workers that are paused: what they hold does not count, because a paused process does nothing.
    paused: BTreeSet<usize>,
    most: usize,
    /// The highest token that wrote, as a fenced resource remembers it.
    highest: u64,
}

#[derive(Debug)]
pub struct Counter {
    directory: TempDir,
    inside: Arc<Mutex<Inside>>,
    reports: Receiver<Report>,
    log: Vec<Report>,
}

impl Counter {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(directory.path().join("counter")).expect("a socket");
        let inside = Arc::new(Mutex::new(Inside::default()));
        let (sender, reports) = mpsc::channel();
        let shared = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (inside, sender) = (Arc::clone(&shared), sender.clone());
                thread::spawn(move || serve(stream.expect("a worker"), &inside, &sender));
            }
        });
        Self { directory, inside, reports, log: Vec::new() }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("counter")
    }

    /// The most tasks that were inside at once.
    pub fn most(&self) -> usize {
        self.inside.lock().unwrap().most
    }

    /// Whether a worker is paused. Call this before the process continues, and after it was stopped.
    pub fn set_paused(&self, worker: usize, is_paused: bool) {
        let mut inside = self.inside.lock().unwrap();
        for (_, counts) in inside.tasks.iter_mut().filter(|((of, _), _)| *of == worker) {
            *counts = false;
        }
        if is_paused {
            inside.paused.insert(worker);
        } else {
            inside.paused.remove(&worker);
        }
    }

    /// The reports that no call has returned yet.
    pub fn reports(&mut self) -> Vec<Report> {
        self.log.drain(..).chain(self.reports.try_iter()).collect()
    }

    /// Waits for a report that `wanted` accepts and that no earlier call has returned.
    pub fn wait_for(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        if let Some(at) = self.log.iter().position(&wanted) {
            return self.log.remove(at);
        }
        loop {
            let report = self.reports.recv_timeout(HANGS).expect("the workers report");
            if wanted(&report) {
                return report;
            }
            self.log.push(report);
        }
    }

    /// Waits for what `worker` reports of `task`, and returns its value.
    pub fn wait_for_task(&mut self, worker: usize, what: &str, task: usize) -> u64 {
        self.wait_for(|report| report.worker == worker && report.what == what && report.task == task).value
    }
}

/// One worker's connection: `WORKER WHAT TASK VALUE` a line, each answered with a line.
fn serve(stream: UnixStream, inside: &Mutex<Inside>, reports: &Sender<Report>) {
    let mut answers = stream.try_clone().expect("a second handle");
    let mut worker = None;
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        let words: Vec<_> = line.split(' ').collect();
        let [from, what, task, value] = words[..] else { panic!("not a report: {line}") };
        let mut report = Report {
            worker: from.parse().expect("a worker"),
            what: what.to_owned(),
            task: task.parse().expect("a task"),
            value: value.parse().expect("a value"),
        };
        worker = Some(report.worker);
        let mut state = inside.lock().unwrap();
        match what {
            "enter" => {
                let counts = !state.paused.contains(&report.worker);
                let before = state.tasks.insert((report.worker, report.task), counts);
                assert!(before.is_none(), "a task enters once");
                let inside = state.tasks.values().filter(|counts| **counts).count();
                state.most = state.most.max(inside);
            }
            "exit" => {
                assert!(state.tasks.remove(&(report.worker, report.task)).is_some(), "a task exits once")
            }
            "write" => {
                let stale = report.value < state.highest;
                state.highest = state.highest.max(report.value);
                report.what = if stale { "refused" } else { "written" }.to_owned();
            }
            _ => {}
        }
        // Under the lock, so that the reports have the order of the counts.
        let _ = reports.send(report);
        drop(state);
        if answers.write_all(b"counted\n").is_err() {
            break;
        }
    }
    // A process that died is not inside any more.
    inside.lock().unwrap().tasks.retain(|(of, _), _| Some(*of) != worker);
}
