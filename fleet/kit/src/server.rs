//! Our own server for each test: on a Unix socket in a temporary directory, without access from outside.

use std::env;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use redis::{Client, Commands, Connection, Value};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program that is tested. Another version of the server can be named by its path.
fn program() -> String {
    env::var("FAIRGATE_FLEET_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

#[derive(Debug)]
pub struct Server {
    directory: TempDir,
    arguments: Vec<String>,
    child: Child,
}

/// Whether a program is installed, by the package that has it. If it is not, says so past the test harness, which hides what tests print.
pub fn installed(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        skip(&format!("{program} (Debian: apt-get install {package})"));
    }
    found.is_ok()
}

/// Says what a test that is skipped needs.
fn skip(needs: &str) {
    let test = thread::current().name().unwrap_or("this program").to_owned();
    let _ = io::stderr().lock().write_all(format!("skipped: {test} needs {needs}\n").as_bytes());
}

impl Server {
    /// A server that forgets everything when it ends. `None` if none is installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// A server that writes each change to its disk.
    pub fn start_persistent() -> Option<Self> {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub fn start_with(arguments: &[&str]) -> Option<Self> {
        let server = installed(&program(), "redis-server").then(|| Self::launch(arguments))?;
        Some(server.expect("the server ended"))
    }

    /// A server that ends if its version does not know the arguments: then says what the test needs.
    pub fn start_if_able(arguments: &[&str], needs: &str) -> Option<Self> {
        let server = installed(&program(), "redis-server").then(|| Self::launch(arguments))?;
        if server.is_none() {
            skip(needs);
        }
        server
    }

    /// `None` if the server ends at once.
    fn launch(arguments: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let child = launch(&directory, &arguments);
        let mut server = Self { directory, arguments, child };
        server.is_ready().then_some(server)
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    pub fn client(&self) -> Client {
        Client::open(self.url()).expect("the URL is valid")
    }

    pub fn connection(&self) -> Connection {
        self.client().get_connection().expect("the server is up")
    }

    /// Waits until the server answers. Returns `false` if it ended.
    fn is_ready(&mut self) -> bool {
        let client = self.client();
        let ready = || client.get_connection()?.ping::<String>();
        while ready().is_err() {
            if let Ok(Some(_)) = self.child.try_wait() {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Starts a server on a TCP port, which a replica can reach, beside the socket.
    pub fn start_on_port(port: u16, arguments: &[&str]) -> Option<Self> {
        let port = port.to_string();
        Self::start_with(&[&["--port", &port, "--repl-diskless-sync-delay", "0"], arguments].concat())
    }

    /// As a crash: the server has no time to save anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("the server ends");
    }

    pub fn restart(&mut self) {
        self.child = launch(&self.directory, &self.arguments);
        assert!(self.is_ready(), "the server ended");
    }

    pub fn signal(&self, to_send: Signal) {
        signal(&self.child, to_send);
    }

    /// Sends a command of an operator.
    pub fn command(&self, words: &[&str]) -> Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut self.connection()).expect("the server obeys")
    }
}

fn launch(directory: &TempDir, arguments: &[String]) -> Child {
    let mut command = Command::new(program());
    command.args(["--port", "0", "--unixsocket", "socket", "--save", "", "--dir", "."]);
    command.args(arguments);
    command.current_dir(directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the server starts")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process runs");
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Address {
    /// A free port of this machine.
    pub fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    }

    pub fn url(&self) -> String {
        match self {
            Self::Unix(path) => format!("redis+unix://{}", path.display()),
            Self::Tcp(address) => format!("redis://{address}"),
        }
    }

    /// Connects. Returns what can be written to and what can be read; dropping the first closes the connection.
    pub(crate) fn connect(&self) -> io::Result<(Upstream, Box<dyn Read + Send>)> {
        Ok(match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                (Upstream::Unix(stream.try_clone()?), Box::new(stream))
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                (Upstream::Tcp(stream.try_clone()?), Box::new(stream))
            }
        })
    }
}

/// What a relay writes to. Closed when dropped.
pub(crate) enum Upstream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Write for Upstream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}
