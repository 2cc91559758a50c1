//! A pool of connections behind a semaphore: a permit stands for a connection.

use std::sync::Mutex;

use fairgate::{Semaphore, SemaphorePermit};

use crate::client::{Connection, Problem, Site};

/// Its connections are idle or checked out. There are never more of them than permits.
pub struct Pool {
    site: Site,
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub fn new(site: Site, connections: usize) -> Self {
        Self { site, permits: Semaphore::new(connections), idle: Mutex::default() }
    }

    /// How many more connections can be checked out now.
    pub fn available(&self) -> usize {
        self.permits.available_permits()
    }

    /// Waits for a permit, then takes an idle connection or opens one.
    pub async fn check_out(&self) -> Result<Pooled<'_>, Problem> {
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let connection = match self.take_idle().await {
            Some(connection) => connection,
            None => self.site.connect().await?,
        };
        Ok(Pooled { connection: Some(connection), pool: self, _permit: permit })
    }

    /// An idle connection that the server has not closed.
    async fn take_idle(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle.lock().unwrap().pop()?;
            if connection.is_open().await {
                return Some(connection);
            }
        }
    }
}

/// A connection that is checked out. Dropping it returns the connection to the pool, and then releases the permit.
pub struct Pooled<'a> {
    connection: Option<Connection>,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Pooled<'_> {
    /// If this future is dropped before it completes, its connection is in an unknown state, and is closed.
    pub async fn title(&mut self, id: u32) -> Result<String, Problem> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.pool.site.connect().await?,
        };
        let title = connection.title(id).await;
        self.connection = Some(connection);
        title
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap().extend(self.connection.take());
    }
}
