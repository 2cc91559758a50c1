use std::time::Duration;

use fairgate::{Semaphore, with_timeout};
use smol::future::{block_on, pending};
use smol::{LocalExecutor, Timer};

async fn title(post: u32) -> String {
    if post == 2 {
        pending::<()>().await; // this answer never comes
    }
    format!("title {post}")
}

fn main() {
    let slots = Semaphore::new(1);
    let fetch = async |post: u32| {
        let _slot = slots.acquire().await.unwrap();
        let limit = Timer::after(Duration::from_millis(50));
        match with_timeout(title(post), limit).await {
            Ok(title) => title,
            Err(_elapsed) => format!("Post {post} timed out"),
        }
    };
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=3).map(|post| executor.spawn(fetch(post))).collect();
    block_on(executor.run(async {
        for task in tasks {
            println!("{}", task.await);
        }
    }));
}
