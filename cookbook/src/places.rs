use std::sync::OnceLock;

use fairgate::{Semaphore, SemaphorePermit};

/// The limit is known when the program is compiled.
pub static UPLOADS: Semaphore = Semaphore::new(4);

static DOWNLOADS: OnceLock<Semaphore> = OnceLock::new();

/// The limit is known when the program starts, for example from a setting.
pub fn downloads(limit: impl FnOnce() -> usize) -> &'static Semaphore {
    DOWNLOADS.get_or_init(|| Semaphore::new(limit()))
}

/// The semaphore belongs to the caller. The lifetime instead of an `Arc` costs no reference count.
pub struct Job<'a> {
    pub name: String,
    pub slots: &'a Semaphore,
}

/// A job and its permit, which can be kept in a field and moved.
pub struct RunningJob<'a> {
    pub job: Job<'a>,
    pub slot: SemaphorePermit<'a>,
}

impl<'a> Job<'a> {
    pub async fn start(self) -> RunningJob<'a> {
        let slot = self.slots.acquire().await.expect("never closed");
        RunningJob { job: self, slot }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: each of the three admits as many at a time as its limit says.
    #[test]
    fn each_place_keeps_its_limit() {
        let uploads: Vec<_> = (0..4).map(|_| UPLOADS.try_acquire().unwrap()).collect();
        assert!(UPLOADS.try_acquire().is_err());
        // A permit of a static semaphore can be moved into a thread.
        thread::spawn(move || drop(uploads)).join().unwrap();
        assert_eq!(UPLOADS.available_permits(), 4);

        let slot = downloads(|| 1).try_acquire().unwrap();
        assert!(downloads(|| unreachable!("it is set once")).try_acquire().is_err());
        drop(slot);

        let slots = Semaphore::new(1);
        let job = |name: &str| Job { name: name.to_owned(), slots: &slots };
        let running = block_on(job("first").start());
        let mut second = Box::pin(job("second").start());
        assert!(block_on(poll_once(&mut second)).is_none());
        let moved = vec![running];
        assert_eq!(moved[0].job.name, "first");
        drop(moved);
        assert!(block_on(poll_once(&mut second)).is_some());
    }
}
