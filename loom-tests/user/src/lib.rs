//! A pool of connections: a permit for each connection, and a list of those that are not lent.

#[cfg(not(loom))]
use std::sync::Mutex;

use fairgate::{Semaphore, SemaphorePermit};
#[cfg(loom)]
use loom::sync::Mutex;

/// What the pool lends.
pub struct Connection(pub usize);

/// A pool of connections.
pub struct Pool {
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

/// A connection that goes back to its pool when it is dropped.
pub struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    /// A pool of some connections.
    pub fn new(connections: Vec<Connection>) -> Self {
        Self { permits: Semaphore::new(connections.len()), idle: Mutex::new(connections) }
    }

    /// Waits for a connection.
    pub async fn get(&self) -> Lease<'_> {
        let permit = self.permits.acquire().await.expect("the pool is never closed");
        let connection = self.idle.lock().unwrap().pop();
        Lease { pool: self, connection, _permit: permit }
    }
}

impl Lease<'_> {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("a permit stands for an idle connection")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Before the permit is released, which is a field and dropped after this.
        self.pool.idle.lock().unwrap().extend(self.connection.take());
    }
}
