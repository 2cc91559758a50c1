use std::sync::Arc;

use fairgate::Semaphore;
use futures_util::stream::{Stream, StreamExt};
use smol::LocalExecutor;

/// Spawns a task per item. The tasks run by themselves, and the permit is acquired before the next item is taken.
pub async fn spawned<I, F>(
    executor: &LocalExecutor<'_>,
    slots: &Arc<Semaphore>,
    items: impl Stream<Item = I>,
    work: impl Fn(I) -> F,
) where
    F: Future<Output = ()> + 'static,
{
    let mut items = std::pin::pin!(items);
    loop {
        let slot = slots.clone().acquire_owned().await.expect("never closed");
        let Some(item) = items.next().await else { break };
        let work = work(item);
        executor.spawn(async move { (work.await, drop(slot)) }).detach();
    }
}

/// Needs no task and no semaphore. The work runs only while the stream is polled.
pub fn buffered<I, F: Future>(
    limit: usize,
    items: impl Stream<Item = I>,
    work: impl Fn(I) -> F,
) -> impl Stream<Item = F::Output> {
    items.map(work).buffer_unordered(limit)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use futures_util::stream;
    use smol::future::{block_on, poll_once, yield_now};

    use super::*;
    use crate::simulation::{InFlight, run_until_idle};

    async fn work(in_flight: Rc<InFlight>, done: Rc<Cell<usize>>) {
        let _flight = in_flight.start();
        yield_now().await;
        done.set(done.get() + 1);
    }

    /// The bound: at most three at a time, and no more items are taken from the stream than are worked on.
    #[test]
    fn both_forms_keep_the_limit() {
        let (in_flight, done, taken) = (Rc::new(InFlight::default()), Rc::new(Cell::new(0)), Cell::new(0));
        let items = stream::iter(0..20).inspect(|_| taken.set(taken.get() + 1));
        let slots = Arc::new(Semaphore::new(3));
        let executor = LocalExecutor::new();
        let start = |_| {
            assert!(taken.get() - done.get() <= 3, "an item was taken too early");
            work(in_flight.clone(), done.clone())
        };
        block_on(executor.run(spawned(&executor, &slots, items, start)));
        run_until_idle(&executor);
        assert_eq!((done.get(), in_flight.peak()), (20, 3));

        let (in_flight, done) = (Rc::new(InFlight::default()), Rc::new(Cell::new(0)));
        let outputs = buffered(3, stream::iter(0..20), |_| work(in_flight.clone(), done.clone()));
        block_on(outputs.collect::<Vec<_>>());
        assert_eq!((done.get(), in_flight.peak()), (20, 3));
    }

    #[test]
    fn only_spawned_work_goes_on_while_the_consumer_is_busy() {
        let (in_flight, done) = (Rc::new(InFlight::default()), Rc::new(Cell::new(0)));
        let slots = Arc::new(Semaphore::new(3));
        let executor = LocalExecutor::new();
        let start = |_| work(in_flight.clone(), done.clone());
        let mut producer = Box::pin(spawned(&executor, &slots, stream::iter(0..20), start));
        assert!(block_on(poll_once(&mut producer)).is_none());
        run_until_idle(&executor);
        assert_eq!((done.get(), in_flight.now()), (3, 0));

        let (in_flight, done) = (Rc::new(InFlight::default()), Rc::new(Cell::new(0)));
        let mut outputs = buffered(3, stream::iter(0..20), |_| work(in_flight.clone(), done.clone()));
        assert!(block_on(poll_once(outputs.next())).is_none());
        run_until_idle(&executor);
        assert_eq!(done.get(), 0, "work in flight waits for the consumer");
        assert!(in_flight.now() > 0);
    }
}
