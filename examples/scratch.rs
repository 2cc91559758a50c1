//! A file for experiments with the blocks of docs/lesson.md: replace the body of `main` with one of them.

fn main() {
    use fairgate::Semaphore;
    use smol::LocalExecutor;
    use smol::future::{block_on, yield_now};

    let slots = Semaphore::new(5);
    let fetch = async |id: u32| {
        let _slot = slots.acquire().await.unwrap();
        println!("post {id} has one of 5 permits, and {} tasks wait", slots.waiters());
        yield_now().await;
    };
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=20).map(|id| executor.spawn(fetch(id))).collect();
    block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
}
