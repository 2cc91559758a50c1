use std::pin::pin;
use std::sync::Arc;

use fairgate::{AcquireError, Semaphore};
use futures_util::stream::{Stream, StreamExt};
use tokio::task::{JoinError, JoinSet};

#[derive(Debug)]
pub enum Failed {
    Closed(AcquireError),
    Task(JoinError),
}

/// Spawns a task per item, at most as many at a time as there are slots, and returns when all of them are done. Dropping the
/// future aborts all of them, and so does a panic of one, or closing the semaphore.
pub async fn for_each<I, F>(
    slots: &Arc<Semaphore>,
    items: impl Stream<Item = I>,
    work: impl Fn(I) -> F,
) -> Result<(), Failed>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut items = pin!(items);
    let mut tasks = JoinSet::new();
    // The item first: a stream that has none for a while holds no slot.
    while let Some(item) = items.next().await {
        let slot = slots.clone().acquire_owned().await.map_err(Failed::Closed)?;
        let work = work(item);
        tasks.spawn(async move {
            let _slot = slot;
            work.await;
        });
        while let Some(done) = tasks.try_join_next() {
            done.map_err(Failed::Task)?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(Failed::Task)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures_util::stream;
    use smol::future::poll_once;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;

    use super::*;

    #[derive(Default)]
    struct Counts {
        taken: AtomicUsize,
        now: AtomicUsize,
        most: AtomicUsize,
        done: AtomicUsize,
    }

    struct Flight(Arc<Counts>);

    impl Drop for Flight {
        fn drop(&mut self) {
            self.0.now.fetch_sub(1, SeqCst);
        }
    }

    /// A task that is never done if its number is the stuck one.
    fn work(
        counts: &Arc<Counts>,
        stuck: usize,
    ) -> impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let counts = counts.clone();
        move |number| {
            let counts = counts.clone();
            Box::pin(async move {
                let now = counts.now.fetch_add(1, SeqCst) + 1;
                let _flight = Flight(counts.clone());
                counts.most.fetch_max(now, SeqCst);
                yield_now().await;
                if number == stuck {
                    std::future::pending::<()>().await;
                }
                counts.done.fetch_add(1, SeqCst);
            })
        }
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        Builder::new_current_thread().build().unwrap().block_on(test)
    }

    /// The bound: at most three at a time, and one item more than that is taken from the stream.
    #[test]
    fn the_limit_holds_and_slows_down_the_stream() {
        run(async {
            let (counts, slots) = (Arc::new(Counts::default()), Arc::new(Semaphore::new(3)));
            let items = stream::iter(0..20).inspect(|_| {
                let taken = counts.taken.fetch_add(1, SeqCst) + 1;
                assert!(taken - counts.done.load(SeqCst) <= 4, "an item was taken too early");
            });
            for_each(&slots, items, work(&counts, usize::MAX)).await.unwrap();
            assert_eq!((counts.done.load(SeqCst), counts.most.load(SeqCst)), (20, 3));
            assert_eq!(slots.available_permits(), 3);
        });
    }

    #[test]
    fn dropping_it_aborts_all_tasks_and_releases_their_slots() {
        run(async {
            for _ in 0..20 {
                let (counts, slots) = (Arc::new(Counts::default()), Arc::new(Semaphore::new(3)));
                let items = stream::iter(0..20);
                let mut all = Box::pin(for_each(&slots, items, work(&counts, 1)));
                for _ in 0..10 {
                    assert!(poll_once(&mut all).await.is_none());
                    yield_now().await;
                }
                drop(all);
                // The aborted tasks are dropped before this request is granted.
                drop(slots.acquire_all().await.unwrap());
                assert_eq!((counts.now.load(SeqCst), slots.waiters()), (0, 0));
            }
        });
    }

    #[test]
    fn a_quiet_stream_holds_no_slot() {
        run(async {
            let slots = Arc::new(Semaphore::new(1));
            let mut quiet = Box::pin(for_each(&slots, stream::pending::<()>(), |()| async {}));
            assert!(poll_once(&mut quiet).await.is_none());
            assert_eq!(slots.available_permits(), 1);
        });
    }

    #[test]
    fn a_panic_and_a_close_are_reported() {
        run(async {
            let slots = Arc::new(Semaphore::new(1));
            let panics = |_| async { std::panic::resume_unwind(Box::new("a task fails")) };
            assert!(matches!(for_each(&slots, stream::iter(0..2), panics).await, Err(Failed::Task(_))));
            drop(slots.acquire_all().await.unwrap());
            slots.close();
            let result = for_each(&slots, stream::iter(0..2), |_| async {}).await;
            assert!(matches!(result, Err(Failed::Closed(_))));
        });
    }
}
