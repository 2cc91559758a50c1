//! A server of our own for each test: on a Unix socket in a temporary directory, without access from outside.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Client, Commands, Connection, Value};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{HANGS, LEASE};

/// The program that is tested. Another version of the server can be named by its path.
fn program() -> String {
    env::var("FAIRGATE_FLEET_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

pub(crate) struct Server {
    directory: TempDir,
    arguments: Vec<String>,
    child: Child,
}

/// Whether a program is installed. If it is not, says so past the test harness, which hides what tests print.
pub(crate) fn installed(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let line = format!("skipped: {test} needs {program} (Debian: apt-get install {package})\n");
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
    found.is_ok()
}

impl Server {
    /// A server that forgets everything when it ends. `None` if none is installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// A server that writes each change to its disk.
    pub(crate) fn start_persistent() -> Option<Self> {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Option<Self> {
        installed(&program(), "redis-server").then(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            let child = launch(&directory, &arguments);
            let mut server = Self { directory, arguments, child };
            server.wait_until_ready();
            server
        })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub(crate) fn directory(&self) -> &TempDir {
        &self.directory
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.url()).expect("the URL is valid")
    }

    pub(crate) fn connection(&self) -> Connection {
        self.client().get_connection().expect("the server is up")
    }

    fn wait_until_ready(&mut self) {
        let client = self.client();
        let ready = || client.get_connection()?.ping::<String>();
        while ready().is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// As a crash: the server has no time to save anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
    }

    pub(crate) fn restart(&mut self) {
        self.child = launch(&self.directory, &self.arguments);
        self.wait_until_ready();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the server runs");
    }

    /// Sends a command of an operator.
    pub(crate) fn command(&self, words: &[&str]) -> Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut self.connection()).expect("the server obeys")
    }

    /// How many processes wait in the server's queue.
    pub(crate) fn queued(&self, key: &str) -> usize {
        self.connection().zcard(redis_key("queue", key)).expect("a sorted set")
    }

    /// How many permits the server counts as held.
    pub(crate) fn held(&self, key: &str) -> usize {
        self.connection().zcard(redis_key("holders", key)).expect("a sorted set")
    }

    /// Waits until the server's queue has this number of processes.
    pub(crate) fn wait_until_queued(&self, key: &str, processes: usize) {
        let start = Instant::now();
        while self.queued(key) != processes {
            assert!(start.elapsed() < HANGS, "{} processes are queued", self.queued(key));
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The name of one of a key's parts at the server.
pub(crate) fn redis_key(part: &str, key: &str) -> String {
    format!("{{fairgate:{}}}{part}:{key}", LEASE.as_millis())
}

fn launch(directory: &TempDir, arguments: &[String]) -> Child {
    let mut command = Command::new(program());
    command.args(["--port", "0", "--unixsocket", "socket", "--save", "", "--dir", "."]);
    command.args(arguments);
    command.current_dir(directory.path()).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
