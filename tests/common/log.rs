//! Wakers that write down who was woken.

use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// Who was woken, and through which of his wakers.
pub type Ring = (usize, usize);

/// The wake-ups so far, in their order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Ring>>>);

impl Log {
    pub fn waker(&self, who: usize, voice: usize) -> Waker {
        Arc::new(Bell { log: self.clone(), ring: (who, voice) }).into()
    }

    /// The wake-ups since the last call.
    pub fn take(&self) -> Vec<Ring> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Bell {
    log: Log,
    ring: Ring,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.log.0.lock().unwrap().push(self.ring);
    }
}
