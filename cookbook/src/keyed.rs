use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use fairgate::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The same limit for each key: a limit per host, or with a limit of 1 a lock per key.
pub struct Keyed<K> {
    limit: usize,
    /// The number of requests and permits of each key, and its semaphore.
    in_use: Mutex<HashMap<K, (usize, Arc<Semaphore>)>>,
}

/// A permit of a key. Fields are dropped in their order: the permit is released, then the key may be removed.
pub struct Slot<'a, K: Hash + Eq> {
    _permit: OwnedSemaphorePermit,
    _user: User<'a, K>,
}

/// A request or a permit, which keeps its key in the map.
struct User<'a, K: Hash + Eq>(&'a Keyed<K>, K);

impl<K: Hash + Eq + Clone> Keyed<K> {
    pub fn new(limit: usize) -> Self {
        assert!(limit > 0, "nothing would ever be granted");
        Self { limit, in_use: Mutex::default() }
    }

    fn enter(&self, key: K) -> (Arc<Semaphore>, User<'_, K>) {
        let mut in_use = self.in_use.lock().unwrap();
        let new = || (0, Arc::new(Semaphore::new(self.limit)));
        let (users, semaphore) = in_use.entry(key.clone()).or_insert_with(new);
        *users += 1;
        (semaphore.clone(), User(self, key))
    }

    pub async fn acquire(&self, key: K) -> Result<Slot<'_, K>, AcquireError> {
        let (semaphore, user) = self.enter(key);
        Ok(Slot { _permit: semaphore.acquire_owned().await?, _user: user })
    }
}

impl<K: Hash + Eq> Drop for User<'_, K> {
    fn drop(&mut self) {
        let mut in_use = self.0.in_use.lock().unwrap();
        let (users, _) = in_use.get_mut(&self.1).expect("it has a user");
        *users -= 1;
        if *users == 0 {
            in_use.remove(&self.1);
            if in_use.len() < in_use.capacity() / 4 {
                in_use.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use smol::future::{block_on, poll_once};

    use super::*;

    impl<K> Keyed<K> {
        fn keys(&self) -> (usize, usize) {
            let in_use = self.in_use.lock().unwrap();
            (in_use.len(), in_use.capacity())
        }
    }

    /// The bound: the map has exactly the keys in use, and its memory shrinks with them.
    #[test]
    fn idle_keys_are_forgotten_and_their_memory_is_freed() {
        let hosts = Keyed::new(1);
        let mut in_use: Vec<_> = (0..10_000).map(|n| block_on(hosts.acquire(n)).unwrap()).collect();
        assert_eq!(hosts.keys().0, 10_000);
        in_use.truncate(10);
        let (keys, capacity) = hosts.keys();
        assert!(keys == 10 && capacity < 100, "{capacity} places for {keys} keys");
        drop(in_use);
        let (keys, capacity) = hosts.keys();
        assert!(keys == 0 && capacity < 4, "{capacity} places for {keys} keys");
    }

    #[test]
    fn a_key_with_a_permit_or_a_request_keeps_its_limit() {
        let hosts = Keyed::new(1);
        let permit = block_on(hosts.acquire("a")).unwrap();
        let mut queued = Box::pin(hosts.acquire("a"));
        assert!(block_on(poll_once(&mut queued)).is_none());
        let other = block_on(hosts.acquire("b")).unwrap();
        drop(permit);
        let mut later = Box::pin(hosts.acquire("a"));
        assert!(block_on(poll_once(&mut later)).is_none(), "the limit of the host was forgotten");
        let second = block_on(queued).unwrap();
        assert!(block_on(poll_once(&mut later)).is_none());
        drop((second, other));
        assert_eq!(hosts.keys().0, 1, "a request keeps its key");
        drop(later);
        assert_eq!(hosts.keys().0, 0, "a cancelled request removes it");
    }

    #[test]
    fn threads_never_share_a_lock_of_a_key() {
        let locks = Keyed::new(1);
        let counts: [_; 3] = [(); 3].map(|()| std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (locks, counts) = (&locks, &counts);
                scope.spawn(move || {
                    for n in 0..2000 {
                        let key = (n + thread) % 3;
                        let _lock = block_on(locks.acquire(key)).unwrap();
                        assert_eq!(counts[key].fetch_add(1, std::sync::atomic::Ordering::Relaxed), 0);
                        counts[key].fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(locks.keys().0, 0);
    }
}
