//! A network between processes and a server: it delays, falls silent, breaks, and leads to another server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Address, Upstream};

/// Listens on its own port. Ends with the process.
#[derive(Clone, Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    target: Address,
    delay: Duration,
    is_silent: bool,
    /// What to put in the place of what, in the answers.
    rewrite: Option<(String, String)>,
    open: Vec<TcpStream>,
}

impl Relay {
    /// A relay that adds `delay` to each direction.
    pub fn start(target: Address, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            target,
            delay,
            is_silent: false,
            rewrite: None,
            open: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down refuses the client, too.
                let _ = connect(client, &shared);
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> Address {
        Address::Tcp(self.address)
    }

    pub fn url(&self) -> String {
        self.address().url()
    }

    /// From now on nothing passes, and no connection is closed.
    pub fn set_silent(&self, is_silent: bool) {
        self.state.lock().unwrap().is_silent = is_silent;
    }

    /// Closes all connections.
    pub fn cut(&self) {
        for stream in self.state.lock().unwrap().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Closes all connections, and leads to another server from now on, as a virtual address does.
    pub fn lead_to(&self, target: Address) {
        self.state.lock().unwrap().target = target;
        self.cut();
    }

    /// Replaces a text of the server's answers by another one of the same length.
    pub fn rewrite(&self, from: &str, to: &str) {
        self.state.lock().unwrap().rewrite = Some((from.to_owned(), to.to_owned()));
    }
}

fn connect(client: TcpStream, state: &Arc<Mutex<State>>) -> io::Result<()> {
    let target = state.lock().unwrap().target.clone();
    client.set_nodelay(true)?;
    let (up, down) = target.connect()?;
    state.lock().unwrap().open.push(client.try_clone()?);
    pump(client.try_clone()?, up, state, false);
    pump(down, Upstream::Tcp(client), state, true);
    Ok(())
}

/// Reads on one thread and writes on another, so that a chunk does not wait for the one before.
fn pump(mut from: impl Read + Send + 'static, mut to: Upstream, state: &Arc<Mutex<State>>, answers: bool) {
    let (sender, chunks) = mpsc::channel::<(Instant, Vec<u8>)>();
    let shared = Arc::clone(state);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let state = shared.lock().unwrap();
            if state.is_silent {
                continue;
            }
            let mut chunk = buffer[..n].to_vec();
            if let (true, Some((old, new))) = (answers, &state.rewrite) {
                while let Some(at) = chunk.windows(old.len()).position(|part| part == old.as_bytes()) {
                    chunk[at..at + old.len()].copy_from_slice(new.as_bytes());
                }
            }
            let at = Instant::now() + state.delay;
            drop(state);
            if sender.send((at, chunk)).is_err() {
                break;
            }
        }
    });
    let shared = Arc::clone(state);
    thread::spawn(move || {
        for (at, chunk) in chunks {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if !shared.lock().unwrap().is_silent && to.write_all(&chunk).is_err() {
                break;
            }
        }
        // Dropping `to` closes it, so the end of one direction ends the other.
    });
}
