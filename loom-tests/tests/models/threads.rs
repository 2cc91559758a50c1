//! The other threads of a model. The thread that spawns them takes part as well.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

/// Spawns a thread that runs `act` with a shared semaphore or mutex.
pub fn spawn_with<T: 'static>(shared: &Arc<T>, act: impl FnOnce(&T) + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || act(&shared))
}

/// Waits until all threads have ended.
pub fn join<const N: usize>(threads: [JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}
