use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use fairgate::{OwnedSemaphorePermit, Semaphore};

/// The same limit for each host. A host in use is kept alive by its permits and its requests, not by the map.
pub struct Hosts {
    limit: usize,
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Hosts {
    pub fn new(limit: usize) -> Self {
        Self { limit, hosts: Mutex::default() }
    }

    fn host(&self, name: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap();
        if let Some(host) = hosts.get(name).and_then(Weak::upgrade) {
            return host;
        }
        // Looking for idle hosts only when the map is full costs constant time per host.
        if hosts.len() == hosts.capacity() {
            hosts.retain(|_, host| host.strong_count() > 0);
        }
        let host = Arc::new(Semaphore::new(self.limit));
        hosts.insert(name.to_owned(), Arc::downgrade(&host));
        host
    }

    pub async fn acquire(&self, name: &str) -> OwnedSemaphorePermit {
        self.host(name).acquire_owned().await.expect("never closed")
    }
}

#[cfg(test)]
mod tests {
    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: the map never has more than about twice as many entries as hosts were in use at the same time.
    #[test]
    fn idle_hosts_are_forgotten() {
        let hosts = Hosts::new(1);
        let mut in_use = Vec::new();
        for n in 0..10_000 {
            in_use.push(block_on(hosts.acquire(&format!("host-{n}.example"))));
            if in_use.len() > 10 {
                drop(in_use.remove(0));
            }
            let entries = hosts.hosts.lock().unwrap().len();
            assert!(entries <= 28, "{entries} entries with at most 11 hosts in use");
        }
    }

    #[test]
    fn a_host_with_a_permit_or_a_request_keeps_its_limit() {
        let hosts = Hosts::new(1);
        let permit = block_on(hosts.acquire("a"));
        let mut queued = Box::pin(hosts.acquire("a"));
        assert!(block_on(poll_once(&mut queued)).is_none());
        for n in 0..1000 {
            drop(block_on(hosts.acquire(&n.to_string())));
        }
        let mut later = Box::pin(hosts.acquire("a"));
        assert!(block_on(poll_once(&mut later)).is_none(), "the limit of the host was forgotten");
        drop(permit);
        let second = block_on(queued);
        assert!(block_on(poll_once(&mut later)).is_none());
        drop(second);
        assert!(block_on(poll_once(&mut later)).is_some());
    }
}
