//! The other threads of a model; the one that starts them takes part in it, too.

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

/// Starts a thread that works on what is shared.
pub fn spawn_with<T: 'static>(shared: &Arc<T>, act: impl FnOnce(&T) + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || act(&shared))
}

/// Waits until all of them are done.
pub fn join<const N: usize>(threads: [JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}
