use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Lost;
use crate::fleet::Inner;
use crate::grant::{Grant, Phase};

/// One permit of a [`Fleet`](crate::Fleet), held until it is dropped or its time is over.
///
/// The fleet renews the lease in the background. Watch [`lost`](Self::lost) beside long work, and stop when it
/// completes. Pass [`token`](Self::token) to what the limit protects where that can refuse an older token.
#[must_use = "dropping a lease releases its permit"]
pub struct Lease {
    grant: Arc<Grant>,
    inner: Arc<Inner>,
    done: bool,
}

impl Lease {
    pub(crate) fn new(grant: Arc<Grant>, inner: Arc<Inner>) -> Self {
        Self { grant, inner, done: false }
    }

    /// The fencing token: each grant of a key has a higher one than all grants before.
    ///
    /// A holder that was paused for longer than its lease cannot know it at every moment. A resource that remembers
    /// the highest token it has seen, and refuses lower ones, stops such a holder.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.grant.token
    }

    /// Completes when the lease can no longer be relied on: the server could not be reached in time, or it says that
    /// the lease ended.
    ///
    /// After a lost connection it completes when a quarter of the lease is left, so that the holder can stop before
    /// the server may grant the permit to another one. It never completes while renewals succeed. A lost lease stays
    /// lost.
    pub async fn lost(&self) {
        self.grant.wait_for(|phase| phase == Phase::Lost).await;
    }

    /// Whether [`lost`](Self::lost) would complete. This compares the time, so it is right also in a process that has
    /// just continued after a pause.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.grant.phase() == Phase::Lost
    }

    /// For how long the server certainly keeps the permit for this holder, even if no renewal succeeds any more.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.grant.until().saturating_duration_since(Instant::now())
    }

    /// Releases the permit, and waits until the server has confirmed it.
    ///
    /// Dropping a lease releases it, too, in the background. A program that ends at once should call this instead:
    /// otherwise the permit may be missing until the lease ends.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the lease ended before, or if the server could not be reached until it ended.
    pub async fn release(mut self) -> Result<(), Lost> {
        self.done = true;
        self.inner.shared.release(&self.grant);
        match self.grant.wait_for(|phase| matches!(phase, Phase::Released | Phase::Lost)).await {
            Phase::Released => Ok(()),
            _ => Err(Lost),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.done {
            self.inner.shared.release(&self.grant);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("token", &self.token())
            .field("is_lost", &self.is_lost())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
