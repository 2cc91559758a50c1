//! A server of our own for each test: on a Unix socket in a temporary directory, without access from outside.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Client, Commands, Connection};
use tempfile::TempDir;

use crate::HANGS;

pub(crate) struct Server {
    directory: TempDir,
    persistent: bool,
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
        Self::start_with(false)
    }

    /// A server that writes each change to its disk.
    pub(crate) fn start_persistent() -> Option<Self> {
        Self::start_with(true)
    }

    fn start_with(persistent: bool) -> Option<Self> {
        installed("redis-server", "redis-server").then(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let child = launch(&directory, persistent);
            let mut server = Self { directory, persistent, child };
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
        self.child = launch(&self.directory, self.persistent);
        self.wait_until_ready();
    }

    /// How many processes wait in the server's queue.
    pub(crate) fn queued(&self, key: &str) -> usize {
        self.connection().zcard(format!("{{{key}}}:queue")).expect("a sorted set")
    }

    /// How many permits the server counts as held.
    pub(crate) fn held(&self, key: &str) -> usize {
        self.connection().zcard(format!("{{{key}}}:holders")).expect("a sorted set")
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

fn launch(directory: &TempDir, persistent: bool) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--unixsocket", "socket", "--save", "", "--dir", "."]);
    if persistent {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    command.current_dir(directory.path()).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
