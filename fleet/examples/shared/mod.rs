//! What the examples share: a server of their own, and output that ends quietly with a closed pipe.

use std::io::{self, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A server, started for one example or given by its URL.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    own: Option<(Child, TempDir)>,
}

impl Server {
    /// The server at `url`, or one that is started on a socket in a temporary directory.
    pub(crate) fn open(url: Option<String>) -> Result<Self, String> {
        let server = match url {
            Some(url) => Self { url, own: None },
            None => Self::start()?,
        };
        let client =
            redis::Client::open(server.url.as_str()).map_err(|error| format!("{}: {error}", server.url))?;
        let mut tries = if server.own.is_some() { 400 } else { 1 };
        loop {
            tries -= 1;
            match client.get_connection_with_timeout(Duration::from_secs(5)) {
                Ok(_) => return Ok(server),
                Err(error) if tries == 0 => return Err(format!("cannot reach {}: {error}", server.url)),
                Err(_) => thread::sleep(Duration::from_millis(25)),
            }
        }
    }

    fn start() -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let start = |program: &str| {
            Command::new(program)
                .args(["--port", "0", "--unixsocket", "socket", "--save", "", "--dir", "."])
                .current_dir(directory.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        let child = start("redis-server").or_else(|_| start("valkey-server")).map_err(|_| {
            "neither redis-server nor valkey-server is installed (Debian: apt-get install redis-server); \
             or give a running server with --url"
                .to_owned()
        })?;
        let url = format!("redis+unix://{}", directory.path().join("socket").display());
        Ok(Self { url, own: Some((child, directory)) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Writes `text` to standard output. False if nothing reads it any more.
pub(crate) fn print(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// The exit status: an error is printed.
pub(crate) fn exit(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
