//! A network between one process and the server, which can fall silent.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use crate::server::Server;

pub(crate) struct Relay {
    path: PathBuf,
    silent: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn start(server: &Server) -> Self {
        let path = server.directory().path().join("relay");
        let listener = UnixListener::bind(&path).expect("a socket");
        let silent = Arc::new(AtomicBool::new(false));
        let (target, shared) = (server.socket(), Arc::clone(&silent));
        thread::spawn(move || {
            for client in listener.incoming() {
                connect(&client.expect("a client"), &target, &shared);
            }
        });
        Self { path, silent }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.path.display())
    }

    /// From now on nothing passes, and no connection is closed.
    pub(crate) fn cut(&self) {
        self.silent.store(true, SeqCst);
    }
}

fn connect(client: &UnixStream, target: &Path, silent: &Arc<AtomicBool>) {
    let server = UnixStream::connect(target).expect("the server is up");
    for (from, to) in [(client, &server), (&server, client)] {
        let (mut from, mut to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
        let silent = Arc::clone(silent);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                if !silent.load(SeqCst) && to.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
        });
    }
}
