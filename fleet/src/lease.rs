use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::error::Lost;
use crate::fleet::Fleet;
use crate::observe;

/// Permits of a [`Fleet`], held until this is dropped or their time is over.
///
/// The fleet renews the lease in the background. Watch [`lost`](Self::lost) beside long work, and stop when it
/// completes. Pass [`token`](Self::token) to what the limit protects where that can refuse an older token.
#[must_use = "dropping a lease releases its permits"]
pub struct Lease {
    grant: Arc<Grant>,
    fleet: Fleet,
    released: bool,
}

impl Lease {
    pub(crate) fn new(grant: Arc<Grant>, fleet: Fleet) -> Self {
        Self { grant, fleet, released: false }
    }

    /// The fencing token: each grant of a key has a higher one than all grants before.
    ///
    /// A holder that was paused for longer than its lease cannot know it at every moment. A resource that remembers
    /// the highest token it has seen, and refuses lower ones, stops such a holder.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.grant.token
    }

    /// The number of permits.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.grant.permits
    }

    /// Completes when the lease can no longer be relied on: the server could not be reached in time, or it says that
    /// the lease ended.
    ///
    /// After a lost connection it completes when a quarter of the lease is left, so that the holder can stop before
    /// the server may grant the permits again. It never completes while renewals succeed. A lost lease stays lost.
    pub async fn lost(&self) {
        self.grant.wait_for(|phase| phase == Phase::Lost).await;
    }

    /// Whether [`lost`](Self::lost) would complete. This compares the time, so it is right even in a process that has
    /// just continued after a pause.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.grant.phase() == Phase::Lost
    }

    /// How long the lease lasts at least if nothing renews it any more.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.grant.until().saturating_duration_since(Instant::now())
    }

    /// Releases the permits, and waits until the server has confirmed it.
    ///
    /// Dropping a lease releases it, too, in the background. A program that ends at once should call this instead:
    /// otherwise the permits may be missing until the lease ends.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the lease ended before, or if the server could not be reached until it ended.
    pub async fn release(mut self) -> Result<(), Lost> {
        self.released = true;
        self.fleet.release(&self.grant);
        match self.grant.wait_for(|phase| matches!(phase, Phase::Released | Phase::Lost)).await {
            Phase::Released => Ok(()),
            _ => Err(Lost),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.released {
            self.fleet.release(&self.grant);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("token", &self.token())
            .field("permits", &self.permits())
            .field("is_lost", &self.is_lost())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

/// One grant of the server. Shared by the driver, which renews it, and the lease, which shows it to the application.
#[derive(Debug)]
pub(crate) struct Grant {
    key: Arc<str>,
    pub(crate) token: u64,
    pub(crate) permits: usize,
    lease: Duration,
    state: Mutex<GrantState>,
    ended: Notify,
}

#[derive(Clone, Copy, Debug)]
struct GrantState {
    /// When the newest confirmed request was sent, which is before the server received it.
    confirmed: Instant,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Held,
    /// Released here; the server has not confirmed it.
    Releasing,
    Released,
    /// Final: a lost grant is never held again.
    Lost,
}

impl Grant {
    /// A grant of a request that was sent at `sent`, or later.
    pub(crate) fn new(key: Arc<str>, token: u64, permits: usize, sent: Instant, lease: Duration) -> Self {
        let state = Mutex::new(GrantState { confirmed: sent, phase: Phase::Held });
        Self { key, token, permits, lease, state, ended: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, GrantState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each permit has a token at the server.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u64> {
        self.token..self.token + self.permits as u64
    }

    /// The phase at this moment: a held grant becomes lost here if its time is over, even if the driver did not run.
    pub(crate) fn phase(&self) -> Phase {
        let now = Instant::now();
        self.end(|state| {
            let over = match state.phase {
                Phase::Held => state.confirmed + self.lease - margin(self.lease),
                _ => state.confirmed + self.lease,
            };
            (now >= over).then_some(Phase::Lost)
        })
    }

    /// Moves a grant that is held or being released to the phase that `change` returns. Returns the new phase.
    fn end(&self, change: impl FnOnce(&GrantState) -> Option<Phase>) -> Phase {
        let mut state = self.state();
        if matches!(state.phase, Phase::Released | Phase::Lost) {
            return state.phase;
        }
        let Some(phase) = change(&state) else { return state.phase };
        let was_held = state.phase == Phase::Held;
        state.phase = phase;
        // Wakers run unlocked.
        drop(state);
        if was_held && phase == Phase::Lost {
            observe::lost(&self.key, self.token);
        }
        self.ended.notify_waiters();
        phase
    }

    /// The server ends the lease no earlier.
    pub(crate) fn until(&self) -> Instant {
        self.state().confirmed + self.lease
    }

    /// When the grant counts as lost unless it is renewed.
    pub(crate) fn lost_at(&self) -> Instant {
        self.until() - margin(self.lease)
    }

    /// The server confirmed a renewal that was sent at `sent`.
    pub(crate) fn renewed(&self, sent: Instant) {
        let mut state = self.state();
        if state.phase != Phase::Lost {
            state.confirmed = state.confirmed.max(sent);
        }
    }

    /// The lease ended at the server, or nothing renews it any more.
    pub(crate) fn lose(&self) {
        self.end(|_| Some(Phase::Lost));
    }

    /// The application is done with the permits.
    pub(crate) fn start_release(&self) {
        if self.phase() == Phase::Held {
            self.state().phase = Phase::Releasing;
        }
    }

    /// The server confirmed the release. `in_time` is false if the lease had ended there.
    pub(crate) fn released(&self, in_time: bool) {
        self.end(|_| Some(if in_time { Phase::Released } else { Phase::Lost }));
    }

    /// Waits for a phase that `wanted` accepts.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(Phase) -> bool) -> Phase {
        loop {
            let ended = self.ended.notified();
            let phase = self.phase();
            if wanted(phase) {
                return phase;
            }
            ended.await;
        }
    }
}

/// A holder has a quarter of the lease to stop after `lost` completes.
fn margin(lease: Duration) -> Duration {
    lease / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(3600);

    #[test]
    fn a_grant_whose_time_is_over_is_lost_without_a_driver() {
        let now = Instant::now();
        let fresh = Grant::new("key".into(), 1, 1, now, LEASE);
        assert_eq!(fresh.phase(), Phase::Held);
        let old = Grant::new("key".into(), 1, 1, now - LEASE * 3 / 4, LEASE);
        assert!(old.until() > Instant::now(), "it is lost before the lease ends");
        assert_eq!(old.phase(), Phase::Lost);
    }

    #[test]
    fn a_lost_grant_cannot_be_renewed_or_released() {
        let now = Instant::now();
        let grant = Grant::new("key".into(), 1, 1, now - LEASE, LEASE);
        assert_eq!(grant.phase(), Phase::Lost);
        grant.renewed(now);
        assert_eq!(grant.phase(), Phase::Lost);
        grant.start_release();
        grant.released(true);
        assert_eq!(grant.phase(), Phase::Lost);
    }

    #[test]
    fn a_renewal_counts_from_the_moment_it_was_sent() {
        let sent = Instant::now();
        let grant = Grant::new("key".into(), 1, 1, sent - LEASE / 2, LEASE);
        grant.renewed(sent);
        assert_eq!(grant.until(), sent + LEASE);
        assert_eq!(grant.phase(), Phase::Held);
    }

    #[test]
    fn a_release_that_came_too_late_is_a_loss() {
        for (in_time, phase) in [(true, Phase::Released), (false, Phase::Lost)] {
            let grant = Grant::new("key".into(), 1, 1, Instant::now(), LEASE);
            grant.start_release();
            grant.released(in_time);
            assert_eq!(grant.phase(), phase);
        }
    }
}
