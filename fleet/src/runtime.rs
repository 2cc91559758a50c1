//! The two things the driver needs of an executor: a task and a timer. Chosen as the `redis` crate chooses: tokio
//! inside a tokio runtime, otherwise smol.

use std::time::Instant;

#[cfg(not(any(feature = "smol", feature = "tokio")))]
compile_error!("fairgate-fleet needs the feature `smol` or the feature `tokio`");

#[cfg(feature = "tokio")]
fn in_tokio() -> bool {
    cfg!(not(feature = "smol")) || tokio::runtime::Handle::try_current().is_ok()
}

/// Spawns a task that nothing waits for.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[cfg(feature = "tokio")]
    if in_tokio() {
        tokio::spawn(task);
        return;
    }
    #[cfg(feature = "smol")]
    smol::spawn(task).detach();
}

/// Completes at `at`.
pub(crate) async fn sleep_until(at: Instant) {
    #[cfg(feature = "tokio")]
    if in_tokio() {
        return tokio::time::sleep_until(at.into()).await;
    }
    #[cfg(feature = "smol")]
    {
        smol::Timer::at(at).await;
    }
}
