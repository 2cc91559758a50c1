use fairgate::{AcquireError, Semaphore, SemaphorePermit};

use crate::keyed::Keyed;

/// Permits that tenants share in turns.
pub struct Tenants {
    pub shared: Semaphore,
    turnstiles: Keyed<String>,
}

impl Tenants {
    pub fn new(permits: usize) -> Self {
        Self { shared: Semaphore::new(permits), turnstiles: Keyed::new(1) }
    }

    /// Each tenant has at most one request in the shared queue. Its other requests wait at its turnstile.
    pub async fn acquire(&self, tenant: &str) -> Result<SemaphorePermit<'_>, AcquireError> {
        let _turn = self.turnstiles.acquire(tenant.to_owned()).await?;
        self.shared.acquire().await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use smol::LocalExecutor;
    use smol::future::yield_now;

    use super::*;
    use crate::simulation::run_until_idle;

    /// The tenants in the order of their grants. Each has its number of requests, queued before those of the next tenant.
    fn grants(requests: &[(&'static str, usize)]) -> Vec<&'static str> {
        let tenants = Tenants::new(1);
        let order = RefCell::new(Vec::new());
        let (tenants, order) = (&tenants, &order);
        let executor = LocalExecutor::new();
        let busy = tenants.shared.try_acquire().unwrap();
        for &(tenant, count) in requests {
            for _ in 0..count {
                let request = async move {
                    let _permit = tenants.acquire(tenant).await.unwrap();
                    order.borrow_mut().push(tenant);
                    // During the work, the tenant's next request passes the turnstile.
                    for _ in 0..10 {
                        yield_now().await;
                    }
                };
                executor.spawn(request).detach();
            }
            run_until_idle(&executor);
        }
        drop(busy);
        run_until_idle(&executor);
        order.take()
    }

    /// The bound: a request that is the first of its tenant is granted after at most one request of each other tenant.
    #[test]
    fn a_request_waits_for_at_most_as_many_grants_as_there_are_tenants() {
        let order = grants(&[("large", 100), ("small", 1), ("smaller", 1)]);
        assert_eq!(order.len(), 102);
        for tenant in ["large", "small", "smaller"] {
            assert!(
                order[..3].contains(&tenant),
                "{tenant} is not among the first three: {:?}",
                &order[..5]
            );
        }
    }

    #[test]
    fn tenants_take_turns() {
        let order = grants(&[("a", 5), ("b", 5), ("c", 5)]);
        for (turn, tenants) in order.chunks(3).enumerate() {
            assert_eq!(tenants, ["a", "b", "c"], "turn {turn}");
        }
    }

    #[test]
    fn a_cancelled_request_does_not_hold_up_its_tenant() {
        use smol::future::{block_on, poll_once};
        let tenants = Tenants::new(1);
        let busy = block_on(tenants.acquire("a")).unwrap();
        let mut first = Box::pin(tenants.acquire("a"));
        let mut second = Box::pin(tenants.acquire("a"));
        assert!(block_on(poll_once(&mut first)).is_none());
        assert!(block_on(poll_once(&mut second)).is_none());
        drop(first);
        drop(busy);
        assert!(block_on(poll_once(&mut second)).is_some());
    }

    #[test]
    fn after_a_close_every_request_fails() {
        use smol::future::{block_on, poll_once};
        let tenants = Tenants::new(1);
        let _busy = block_on(tenants.acquire("a")).unwrap();
        let mut queued = ["a", "a", "b"].map(|tenant| Box::pin(tenants.acquire(tenant)));
        for request in &mut queued {
            assert!(block_on(poll_once(request)).is_none());
        }
        tenants.shared.close();
        for request in queued {
            assert!(block_on(request).unwrap_err().is_closed());
        }
    }
}
