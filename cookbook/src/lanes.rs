use fairgate::{AcquireError, Semaphore, SemaphorePermit};

/// Permits with an urgent lane. A normal request at the front of its lane waits for at most `overtaking`
/// urgent ones.
pub struct Lanes {
    pub shared: Semaphore,
    urgent: Semaphore,
    normal: Semaphore,
}

impl Lanes {
    pub const fn new(permits: usize, overtaking: usize) -> Self {
        assert!(overtaking > 0, "no urgent request would ever be granted");
        Self {
            shared: Semaphore::new(permits),
            urgent: Semaphore::new(overtaking),
            normal: Semaphore::new(1),
        }
    }

    /// At most one normal request and `overtaking` urgent ones are in the shared queue. The others wait in their lane.
    async fn acquire(&self, lane: &Semaphore) -> Result<SemaphorePermit<'_>, AcquireError> {
        let _turn = lane.acquire().await?;
        self.shared.acquire().await
    }

    pub async fn acquire_urgent(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire(&self.urgent).await
    }

    pub async fn acquire_normal(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire(&self.normal).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use smol::LocalExecutor;
    use smol::future::yield_now;

    use super::*;
    use crate::simulation::run_until_idle;

    /// The order of the grants, after 30 normal requests are queued and then 30 urgent ones.
    fn grants(overtaking: usize) -> String {
        let (lanes, order) = (Lanes::new(1, overtaking), RefCell::new(String::new()));
        let work = async |permit: SemaphorePermit<'_>, lane| {
            order.borrow_mut().push(lane);
            for _ in 0..10 {
                yield_now().await;
            }
            drop(permit);
        };
        let executor = LocalExecutor::new();
        let busy = lanes.shared.try_acquire().unwrap();
        for _ in 0..30 {
            executor.spawn(async { work(lanes.acquire_normal().await.unwrap(), 'n').await }).detach();
        }
        run_until_idle(&executor);
        for _ in 0..30 {
            executor.spawn(async { work(lanes.acquire_urgent().await.unwrap(), 'U').await }).detach();
        }
        run_until_idle(&executor);
        drop(busy);
        run_until_idle(&executor);
        drop(executor);
        order.into_inner()
    }

    /// The bounds: an urgent request waits for at most one normal request; a normal request at the front of its lane waits
    /// for at most as many urgent ones as may overtake.
    #[test]
    fn overtaking_is_bounded() {
        for overtaking in [1, 2, 5] {
            let order = grants(overtaking);
            assert_eq!(order.len(), 60);
            assert!(
                order.starts_with("nU"),
                "an urgent request overtakes all normal ones but one: {order}"
            );
            let contended = order.trim_end_matches(['n']);
            assert!(!contended.contains("nn"), "an urgent request waits for one normal request: {order}");
            let longest = order.split('n').map(str::len).max().unwrap();
            assert_eq!(longest, overtaking, "urgent requests between two normal ones: {order}");
        }
    }
}
