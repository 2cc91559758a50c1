use std::sync::Mutex;

use fairgate::Semaphore;

/// A limit that `N` parts of a program set. The lowest one applies.
pub struct Limits<const N: usize> {
    pub slots: Semaphore,
    wanted: Mutex<[usize; N]>,
}

impl<const N: usize> Limits<N> {
    pub const fn new(limit: usize) -> Self {
        Self { slots: Semaphore::new(limit), wanted: Mutex::new([limit; N]) }
    }

    fn lowest(&self) -> usize {
        self.wanted.lock().unwrap().iter().copied().min().expect("a limit is set by at least one part")
    }

    /// Sets the limit that the part with this number wants. It takes effect at once, even while all permits are held.
    pub fn set(&self, part: usize, limit: usize) {
        self.wanted.lock().unwrap()[part] = limit;
        loop {
            let lowest = self.lowest();
            // Not under the lock, because it may call wakers. So another thread may have set an older limit after a newer
            // one: each looks again after it has set its limit.
            self.slots.set_limit(lowest);
            if self.lowest() == lowest {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn the_lowest_limit_applies_while_permits_are_held() {
        let limits = Limits::<2>::new(10);
        let held = limits.slots.try_acquire_many(8).unwrap();
        limits.set(0, 4);
        limits.set(1, 6);
        assert_eq!((limits.slots.limit(), limits.slots.owed()), (4, 4));
        limits.set(0, 12);
        assert_eq!((limits.slots.limit(), limits.slots.owed()), (6, 2));
        drop(held);
        assert_eq!(limits.slots.available_permits(), 6);
    }

    /// The bound: once all calls of `set` have returned, the limit is the lowest that any part wants.
    #[test]
    fn threads_that_set_limits_at_once_end_with_the_lowest() {
        for round in 0..200 {
            let limits = Limits::<3>::new(10);
            thread::scope(|scope| {
                for part in 0..3 {
                    let limits = &limits;
                    scope
                        .spawn(move || (0..20).for_each(|n| limits.set(part, (n * 7 + part + round) % 30)));
                }
            });
            assert_eq!(limits.slots.limit(), limits.lowest());
        }
    }

    #[test]
    fn a_waker_may_set_the_limit() {
        struct Set(Limits<1>);
        impl std::task::Wake for Set {
            fn wake(self: Arc<Self>) {
                self.0.set(0, 3);
            }
        }
        let set = Arc::new(Set(Limits::new(0)));
        let mut request = Box::pin(set.0.slots.acquire());
        let waker = set.clone().into();
        assert!(request.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        set.0.set(0, 1);
        assert_eq!(set.0.slots.limit(), 3);
    }
}
