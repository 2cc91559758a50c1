use fairgate::{Semaphore, SemaphorePermit, TryAcquireError};

/// Spends `cost` of the permits held, and releases the rest. The permits are a budget that something refills.
pub fn spend(mut held: SemaphorePermit<'_>, cost: usize) {
    match held.split(cost) {
        Some(spent) => spent.forget(),
        None => {
            // It cost more. The budget owes the difference, and the next requests wait until it is paid.
            let budget: &Semaphore = held.semaphore();
            budget.reduce_permits(cost - held.num_permits());
            held.forget();
        }
    }
}

/// Grows a permit while it is held, without waiting: two requests that waited for each other's rest would deadlock.
pub fn grow(held: &mut SemaphorePermit<'_>, n: usize) -> Result<(), TryAcquireError> {
    held.merge(held.semaphore().try_acquire_many(n)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: what is available or owed afterwards is the budget minus all costs.
    #[test]
    fn exactly_the_cost_is_spent() {
        for (estimate, cost) in [(10, 10), (10, 3), (10, 0), (10, 25), (0, 5), (0, 0), (100, 250)] {
            let budget = Semaphore::new(100);
            spend(budget.try_acquire_many(estimate).unwrap(), cost);
            let left = budget.available_permits() as isize - budget.owed() as isize;
            assert_eq!(left, 100 - cost as isize, "{estimate} were estimated, {cost} were spent");
        }
    }

    #[test]
    fn an_overdraft_delays_the_next_request_until_it_is_paid() {
        let budget = Semaphore::new(10);
        spend(budget.try_acquire_many(10).unwrap(), 15);
        let mut next = pin!(budget.acquire_many(3));
        for refill in 1..=7 {
            budget.add_permits(1);
            assert!(block_on(poll_once(next.as_mut())).is_none(), "granted after a refill of {refill}");
        }
        budget.add_permits(1);
        assert!(block_on(poll_once(next)).is_some());
    }

    #[test]
    fn a_permit_grows_or_stays_as_it_is() {
        let budget = Semaphore::new(10);
        let mut held = budget.try_acquire_many(4).unwrap();
        assert_eq!(grow(&mut held, 3), Ok(()));
        assert_eq!(grow(&mut held, 4), Err(TryAcquireError::NoPermits));
        assert_eq!((held.num_permits(), budget.available_permits()), (7, 3));
    }
}
