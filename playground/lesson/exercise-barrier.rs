use fairgate::Semaphore;
use smol::LocalExecutor;
use smol::future::{block_on, yield_now};

fn main() {
    let arrivals = Semaphore::new(0);
    let arrive_after = async |steps: usize| {
        for _ in 0..steps {
            yield_now().await;
        }
        println!("one arrives");
        arrivals.add_permits(1); // by a task that never acquired one
    };
    let executor = LocalExecutor::new();
    for steps in [4, 0, 2, 3, 1] {
        executor.spawn(arrive_after(steps)).detach();
    }
    block_on(executor.run(arrivals.acquire_many(5))).unwrap().forget();
    println!("all five are there");
}
