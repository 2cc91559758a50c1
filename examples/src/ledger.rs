//! The server's own count: who is inside right now, and the most there ever were.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use smol::Async;

/// The other end of a connection.
pub type Caller = Arc<Async<TcpStream>>;

/// Everybody who is inside.
#[derive(Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Default)]
struct Book {
    inside: Vec<(usize, Caller)>,
    entered: usize,
    peak: usize,
}

impl Ledger {
    /// Lets a caller in. It is inside until the entry is dropped, or until it hangs up.
    pub fn enter(self: &Arc<Self>, caller: Caller) -> Entry {
        let mut book = self.0.lock().unwrap();
        book.inside.retain(|(_, caller)| is_there(caller));
        book.entered += 1;
        let number = book.entered;
        book.inside.push((number, caller));
        book.peak = book.peak.max(book.inside.len());
        Entry { crowd: book.inside.len(), number, ledger: self.clone() }
    }

    /// How many ever came.
    pub fn entered(&self) -> usize {
        self.0.lock().unwrap().entered
    }

    /// The most that were ever inside together.
    pub fn peak(&self) -> usize {
        self.0.lock().unwrap().peak
    }
}

/// One caller's stay.
pub struct Entry {
    /// How many were inside on entering, this caller included.
    pub crowd: usize,
    number: usize,
    ledger: Arc<Ledger>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut book = self.ledger.0.lock().unwrap();
        book.inside.retain(|(number, _)| *number != self.number);
    }
}

/// A caller that gave up has closed its end at once, while the server learns of it only when it
/// next looks. So the count looks, or it would show people who left long ago.
fn is_there(caller: &Caller) -> bool {
    match caller.get_ref().peek(&mut [0]) {
        Ok(bytes) => bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
