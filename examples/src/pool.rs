//! A pool of connections behind a semaphore: whoever has a permit has a connection.

use std::sync::Mutex;

use fairgate::{Semaphore, SemaphorePermit};

use crate::client::{Problem, Site, Wire};

/// Connections lie idle or are out; never more than the permits that were created.
pub struct Pool {
    site: Site,
    permits: Semaphore,
    idle: Mutex<Vec<Wire>>,
}

impl Pool {
    pub fn new(site: Site, connections: usize) -> Self {
        Self { site, permits: Semaphore::new(connections), idle: Mutex::default() }
    }

    /// How many more could be checked out now.
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Waits for a permit, and finds or opens the connection that comes with it.
    pub async fn check_out(&self) -> Result<Pooled<'_>, Problem> {
        let permit = self.permits.acquire().await.expect("nobody closes it");
        let wire = match self.take_idle().await {
            Some(wire) => wire,
            None => self.site.connect().await?,
        };
        Ok(Pooled { wire: Some(wire), pool: self, _permit: permit })
    }

    /// An idle connection that the server has not closed meanwhile.
    async fn take_idle(&self) -> Option<Wire> {
        loop {
            let mut wire = self.idle.lock().unwrap().pop()?;
            if wire.is_open().await {
                return Some(wire);
            }
        }
    }
}

/// A connection that is out. Dropped, it goes back to the pool, and only then does its permit.
pub struct Pooled<'a> {
    wire: Option<Wire>,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Pooled<'_> {
    /// If a request is given up half-way, its connection is of no more use: it is closed.
    pub async fn title(&mut self, id: u32) -> Result<String, Problem> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => self.pool.site.connect().await?,
        };
        let title = wire.title(id).await;
        self.wire = Some(wire);
        title
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap().extend(self.wire.take());
    }
}
