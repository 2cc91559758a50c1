//! What a process knows of one grant: its token, until when it certainly lasts, and how it ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::Event;

/// One grant of the server. Shared by the driver, which renews it, and the lease, which shows it to the application.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Names the grant at the server, together with the process.
    pub(crate) request: u64,
    pub(crate) token: u64,
    /// How long before its end a lease counts as lost.
    margin: Duration,
    state: Mutex<State>,
    ended: Event,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the newest confirmed request was sent, which is before the server received it.
    confirmed: Instant,
    /// One lease after `confirmed`. The server ends the lease no earlier.
    until: Instant,
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
    /// A grant of a request that was sent at `sent`.
    pub(crate) fn new(request: u64, token: u64, sent: Instant, lease: Duration) -> Self {
        let state = State { confirmed: sent, until: sent + lease, phase: Phase::Held };
        Self { request, token, margin: margin(lease), state: Mutex::new(state), ended: Event::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phase at this moment: a held grant becomes lost here if its time is over, even if the driver did not run.
    pub(crate) fn phase(&self) -> Phase {
        let now = Instant::now();
        self.end(|state| {
            let over = match state.phase {
                Phase::Held => state.until - self.margin,
                _ => state.until,
            };
            (now >= over).then_some(Phase::Lost)
        })
    }

    /// Moves a grant that is held or being released to the phase that `change` returns. Returns the new phase.
    fn end(&self, change: impl FnOnce(&State) -> Option<Phase>) -> Phase {
        let mut state = self.state();
        if matches!(state.phase, Phase::Released | Phase::Lost) {
            return state.phase;
        }
        let Some(phase) = change(&state) else { return state.phase };
        state.phase = phase;
        // Wakers run unlocked.
        drop(state);
        self.ended.notify(usize::MAX);
        phase
    }

    pub(crate) fn until(&self) -> Instant {
        self.state().until
    }

    /// When the grant counts as lost unless it is renewed.
    pub(crate) fn lost_at(&self) -> Instant {
        self.state().until - self.margin
    }

    pub(crate) fn renew_at(&self, lease: Duration) -> Instant {
        self.state().confirmed + lease / 3
    }

    /// The server confirmed a renewal that was sent at `sent`.
    pub(crate) fn renewed(&self, sent: Instant, lease: Duration) {
        let mut state = self.state();
        if state.phase != Phase::Lost {
            state.confirmed = sent;
            state.until = sent + lease;
        }
    }

    /// The lease ended at the server, or nothing renews it any more.
    pub(crate) fn lose(&self) {
        self.end(|_| Some(Phase::Lost));
    }

    /// The application is done with the permit.
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
            let ended = self.ended.listen();
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
        let fresh = Grant::new(1, 1, now, LEASE);
        assert_eq!(fresh.phase(), Phase::Held);
        let old = Grant::new(1, 1, now - LEASE * 3 / 4, LEASE);
        assert!(old.until() > Instant::now(), "it is lost before the lease ends");
        assert_eq!(old.phase(), Phase::Lost);
    }

    #[test]
    fn a_lost_grant_cannot_be_renewed_or_released() {
        let now = Instant::now();
        let grant = Grant::new(1, 1, now - LEASE, LEASE);
        assert_eq!(grant.phase(), Phase::Lost);
        grant.renewed(now, LEASE);
        assert_eq!(grant.phase(), Phase::Lost);
        grant.start_release();
        grant.released(true);
        assert_eq!(grant.phase(), Phase::Lost);
    }

    #[test]
    fn a_renewal_counts_from_the_moment_it_was_sent() {
        let sent = Instant::now();
        let grant = Grant::new(1, 1, sent - LEASE / 2, LEASE);
        grant.renewed(sent, LEASE);
        assert_eq!(grant.until(), sent + LEASE);
        assert_eq!(grant.phase(), Phase::Held);
    }

    #[test]
    fn a_release_that_came_too_late_is_a_loss() {
        for (in_time, phase) in [(true, Phase::Released), (false, Phase::Lost)] {
            let grant = Grant::new(1, 1, Instant::now(), LEASE);
            grant.start_release();
            grant.released(in_time);
            assert_eq!(grant.phase(), phase);
        }
    }
}
