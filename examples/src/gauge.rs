//! The server's own count: how many requests or connections are in flight now, and the most there were.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use smol::Async;

/// The server's end of a connection.
pub type Peer = Arc<Async<TcpStream>>;

/// Counts entries.
#[derive(Default)]
pub struct Gauge(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    open: Vec<(usize, Peer)>,
    total: usize,
    peak: usize,
}

impl Gauge {
    /// Adds an entry. It counts until it is dropped, or until the peer closes the connection.
    pub fn enter(self: &Arc<Self>, peer: Peer) -> Entry {
        let mut counts = self.0.lock().unwrap();
        counts.open.retain(|(_, peer)| is_open(peer));
        counts.total += 1;
        let number = counts.total;
        counts.open.push((number, peer));
        let in_flight = counts.open.len();
        counts.peak = counts.peak.max(in_flight);
        Entry { in_flight, number, gauge: self.clone() }
    }

    /// How many entries there were in all.
    pub fn total(&self) -> usize {
        self.0.lock().unwrap().total
    }

    /// The most entries at one time.
    pub fn peak(&self) -> usize {
        self.0.lock().unwrap().peak
    }
}

/// One request or connection.
pub struct Entry {
    /// How many were in flight when this one was added, itself included.
    pub in_flight: usize,
    number: usize,
    gauge: Arc<Gauge>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut counts = self.gauge.0.lock().unwrap();
        counts.open.retain(|(number, _)| *number != self.number);
    }
}

/// A client that cancels closes its end at once, but the server's task notices only when it next reads. So the gauge
/// looks at the socket itself, and does not count requests that no client waits for.
fn is_open(peer: &Peer) -> bool {
    match peer.get_ref().peek(&mut [0]) {
        Ok(bytes) => bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
