//! A process of the fleet: this test program again, started as a test that obeys commands.

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, SystemTime};

use fairgate_fleet::{Fleet, Lease};
use rustix::process::{Pid, Signal, kill_process};
use smol::channel::{self, Receiver, Sender};
use smol::future::{or, pending};
use smol::{LocalExecutor, Timer};

use crate::LEASE;
use crate::fleet_server;
use fairgate_fleet_kit::Counter;

/// The environment variable with a worker's settings.
const SPEC: &str = "FAIRGATE_FLEET_WORKER";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Runtime {
    Smol,
    Tokio,
}

pub(crate) struct Worker {
    child: Child,
    commands: ChildStdin,
}

impl Worker {
    pub(crate) fn start(id: usize, runtime: Runtime, url: &str, counter: &Counter, permits: usize) -> Self {
        Self::start_with(id, runtime, url, counter, permits, &[])
    }

    /// A worker that `wrapper` starts, which is a program with its arguments.
    pub(crate) fn start_with(
        id: usize,
        runtime: Runtime,
        url: &str,
        counter: &Counter,
        permits: usize,
        wrapper: &[&str],
    ) -> Self {
        let program = env::current_exe().expect("this program");
        let words: Vec<_> =
            wrapper.iter().map(|&word| word.into()).chain([program.into_os_string()]).collect();
        let spec =
            format!("{id} {runtime:?} {url} {} {permits} {}", counter.path().display(), LEASE.as_millis());
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args(["--exact", "worker::run", "--nocapture"])
            .env(SPEC, spec)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker starts");
        let commands = child.stdin.take().expect("a pipe");
        Self { child, commands }
    }

    /// Sends a command: see `obey`.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("the worker reads");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the worker runs");
    }

    /// Waits until the worker has nothing left to do. Panics if the worker did.
    pub(crate) fn finish(mut self) {
        self.tell("end");
        assert!(self.child.wait().expect("the worker ends").success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the tasks of one worker share.
struct Process {
    id: String,
    fleet: Fleet,
    counter: RefCell<BufReader<UnixStream>>,
    /// Commands for the tasks that hold a permit.
    holding: RefCell<HashMap<usize, Sender<String>>>,
}

impl Process {
    /// Reports to the counter, and waits for its answer. This blocks the worker's only thread for a moment.
    fn report(&self, what: &str, task: usize, value: u64) {
        let mut counter = self.counter.borrow_mut();
        let line = format!("{} {what} {task} {value}\n", self.id);
        counter.get_mut().write_all(line.as_bytes()).expect("the counter reads");
        counter.read_line(&mut String::new()).expect("the counter answers");
    }

    async fn acquire(&self, task: usize) -> Lease {
        let lease = self.fleet.acquire().await.expect("the server accepts the terms");
        self.report("enter", task, lease.token());
        lease
    }

    async fn release(&self, task: usize, lease: Lease) {
        self.report("exit", task, 0);
        let in_time = lease.release().await.is_ok();
        self.report("released", task, u64::from(in_time));
    }

    /// A task that holds a permit for a given time.
    async fn visit(&self, task: usize, hold: Duration) {
        let lease = self.acquire(task).await;
        Timer::after(hold).await;
        self.release(task, lease).await;
    }

    /// A task that holds a permit until a command releases it, or until the lease is lost. A `blind` task does not
    /// watch for a loss.
    async fn hold(&self, task: usize, blind: bool, commands: Receiver<String>) {
        let lease = self.acquire(task).await;
        let lost = async {
            lease.lost().await;
            if blind {
                pending::<()>().await;
            }
        };
        let told = async {
            while commands.recv().await.expect("the worker lives") == "write" {
                self.report("write", task, lease.token());
            }
        };
        or(told, lost).await;
        if lease.is_lost() {
            self.report("lost", task, lease.token());
        }
        self.release(task, lease).await;
    }

    fn command(&self, task: usize, command: &str) {
        self.holding.borrow()[&task].try_send(command.to_owned()).expect("the task lives");
    }
}

/// Not a test by itself: what a worker does.
#[test]
fn run() {
    let Ok(spec) = env::var(SPEC) else { return };
    let words: Vec<_> = spec.split(' ').collect();
    let [id, runtime, url, counter, permits, lease] = words[..] else { panic!("not a worker: {spec}") };
    let client = redis::Client::open(url).expect("a URL");
    let lease = Duration::from_millis(lease.parse().expect("milliseconds"));
    let process = Process {
        id: id.to_owned(),
        fleet: Fleet::new(&fleet_server(client), "test", permits.parse().expect("permits"), lease),
        counter: RefCell::new(BufReader::new(UnixStream::connect(counter).expect("the counter"))),
        holding: RefCell::default(),
    };
    let executor = Rc::new(LocalExecutor::new());
    let tasks = executor.run(obey(Rc::new(process), Rc::clone(&executor)));
    match runtime {
        "Smol" => smol::block_on(tasks),
        "Tokio" => {
            let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
            tokio.expect("a runtime").block_on(tasks);
        }
        _ => panic!("not a runtime: {runtime}"),
    }
}

/// Obeys the commands on standard input:
/// `crowd COUNT MILLIS` starts tasks 0 to COUNT, each of which holds a permit for that long;
/// `hold TASK` or `blind TASK` starts one that holds until `release TASK`; `write TASK` makes it write;
/// `clock` reports the time;
/// `end`, or the end of the input, waits for all of them.
async fn obey(process: Rc<Process>, executor: Rc<LocalExecutor<'static>>) {
    let (sender, commands) = channel::unbounded();
    thread::spawn(move || {
        for line in std::io::stdin().lines() {
            sender.send_blocking(line.expect("a line")).expect("the worker lives");
        }
    });
    let mut tasks = Vec::new();
    while let Ok(command) = commands.recv().await {
        let words: Vec<_> = command.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().expect("a number");
        match words[0] {
            "crowd" => {
                let hold = Duration::from_millis(number(2) as u64);
                for task in 0..number(1) {
                    let process = Rc::clone(&process);
                    tasks.push(executor.spawn(async move { process.visit(task, hold).await }));
                }
            }
            "hold" | "blind" => {
                let (sender, receiver) = channel::unbounded();
                process.holding.borrow_mut().insert(number(1), sender);
                let (process, task, blind) = (Rc::clone(&process), number(1), words[0] == "blind");
                tasks.push(executor.spawn(async move { process.hold(task, blind, receiver).await }));
            }
            "release" | "write" => process.command(number(1), words[0]),
            "clock" => {
                #[expect(clippy::disallowed_methods, reason = "only shows that the dates differ")]
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
                process.report("clock", 0, now.as_secs());
            }
            "end" => break,
            _ => panic!("not a command: {command}"),
        }
    }
    for task in tasks {
        task.await;
    }
}
