use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use fairgate::{AcquireError, OwnedSemaphorePermit, Semaphore};
use futures_util::future::{Either, select};
use tokio::sync::oneshot::{self, Sender};

/// Grants each permit to the request with the highest priority, and in the order of arrival among equals.
pub struct Priority {
    pub slots: Arc<Semaphore>,
    waiting: Mutex<(u64, BTreeMap<Key, Sender<OwnedSemaphorePermit>>)>,
}

type Key = (Reverse<u32>, u64);

/// A request, which is removed when it is dropped.
struct Waiting<'a>(&'a Priority, Key);

impl Priority {
    pub fn new(permits: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(permits)), waiting: Mutex::default() }
    }

    pub async fn acquire(&self, priority: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        let (sender, mut receiver) = oneshot::channel();
        let request = {
            let (arrivals, waiting) = &mut *self.waiting.lock().unwrap();
            *arrivals += 1;
            let key = (Reverse(priority), *arrivals);
            waiting.insert(key, sender);
            Waiting(self, key)
        };
        loop {
            // Every request waits for a permit. The one that gets it passes it on to the best one.
            let slot = match select(&mut receiver, pin!(self.slots.clone().acquire_owned())).await {
                Either::Left((slot, _)) => return Ok(slot.expect("only a request itself drops its sender")),
                Either::Right((slot, _)) => slot?,
            };
            let best = self.waiting.lock().unwrap().1.pop_first();
            match best {
                // If that request has just been cancelled, `send` returns the slot in its error, which releases it.
                Some((key, best)) if key != request.1 => drop(best.send(slot)),
                // It is the best itself, or another task is about to send it a slot, which is then released.
                _ => return Ok(slot),
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.lock().unwrap().1.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use smol::LocalExecutor;
    use smol::future::{block_on, poll_once, yield_now};

    use super::*;
    use crate::simulation::run_until_idle;

    /// The bound: the next permit goes to the request with the highest priority; equals keep their order.
    #[test]
    fn permits_go_to_the_highest_priority_first() {
        for permits in [1, 3] {
            let (queue, order) = (Priority::new(permits), RefCell::new(Vec::new()));
            let (queue, order) = (&queue, &order);
            let executor = LocalExecutor::new();
            let busy: Vec<_> = (0..permits).map(|_| block_on(queue.acquire(0)).unwrap()).collect();
            for (number, priority) in [1, 3, 2, 3, 1, 2].into_iter().enumerate() {
                let work = async move {
                    let _slot = queue.acquire(priority).await.unwrap();
                    order.borrow_mut().push((priority, number));
                    yield_now().await;
                };
                executor.spawn(work).detach();
            }
            run_until_idle(&executor);
            drop(busy);
            run_until_idle(&executor);
            let order = order.take();
            if permits == 1 {
                assert_eq!(order, [(3, 1), (3, 3), (2, 2), (2, 5), (1, 0), (1, 4)]);
            } else {
                // What is granted at the same time runs in any order.
                let mut first: Vec<_> = order[..3].iter().map(|&(priority, _)| priority).collect();
                first.sort_unstable();
                assert_eq!((first, order.len()), (vec![2, 3, 3], 6));
            }
            assert_eq!((queue.slots.available_permits(), queue.slots.waiters()), (permits, 0));
        }
    }

    #[test]
    fn a_cancelled_request_loses_no_permit() {
        let queue = Priority::new(1);
        let busy = block_on(queue.acquire(0)).unwrap();
        let mut low = Box::pin(queue.acquire(1));
        let mut high = Box::pin(queue.acquire(2));
        assert!(block_on(poll_once(&mut low)).is_none());
        assert!(block_on(poll_once(&mut high)).is_none());
        drop(busy);
        // The low one gets the permit, passes it on, and the high one is cancelled before it runs.
        assert!(block_on(poll_once(&mut low)).is_none());
        drop(high);
        assert!(block_on(poll_once(&mut low)).is_some());
        assert!(queue.waiting.lock().unwrap().1.is_empty());
    }

    #[test]
    fn threads_lose_no_permit_and_all_requests_complete() {
        let queue = Priority::new(2);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for n in 0..1000 {
                        let mut request = Box::pin(queue.acquire((n * 7 + thread) % 5));
                        if n % 3 == 0 {
                            drop(block_on(poll_once(&mut request)));
                        } else {
                            drop(block_on(request).unwrap());
                        }
                    }
                });
            }
        });
        assert_eq!((queue.slots.available_permits(), queue.slots.waiters()), (2, 0));
        assert!(queue.waiting.lock().unwrap().1.is_empty());
    }

    #[test]
    fn after_a_close_every_request_fails() {
        let queue = Priority::new(1);
        let _busy = block_on(queue.acquire(0)).unwrap();
        let mut queued = Box::pin(queue.acquire(1));
        assert!(block_on(poll_once(&mut queued)).is_none());
        queue.slots.close();
        assert!(block_on(queued).unwrap_err().is_closed());
        assert!(block_on(queue.acquire(1)).unwrap_err().is_closed());
    }
}
