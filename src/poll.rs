#![forbid(unsafe_code)]
//! A semaphore for those who write `poll_ready` by hand.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use crate::acquire::AcquireOwned;
use crate::error::AcquireError;
use crate::permit::OwnedSemaphorePermit;
use crate::semaphore::Semaphore;

/// A [`Semaphore`] with one request in the making, for services and streams that are polled by hand.
///
/// The request's memory is allocated once and used again. Unlike a future it can be kept while it is idle,
/// and [`cancel`](Self::cancel) lets go of its place when the caller loses interest.
///
/// # Examples
/// ```
/// use fairgate::{OwnedSemaphorePermit, PollSemaphore};
/// use std::task::{Context, Poll};
///
/// struct Limited {
///     slots: PollSemaphore,
///     slot: Option<OwnedSemaphorePermit>,
/// }
///
/// impl Limited {
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
///         self.slots.poll_acquire(cx).map(|slot| self.slot = slot.ok())
///     }
/// }
/// ```
pub struct PollSemaphore {
    semaphore: Arc<Semaphore>,
    request: Pin<Box<Option<AcquireOwned>>>,
}

impl PollSemaphore {
    /// Makes one with no request.
    #[must_use]
    pub fn new(semaphore: Arc<Semaphore>) -> Self {
        Self { semaphore, request: Box::pin(None) }
    }

    /// Polls for one permit: asks for it if no request is in the making.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed.
    pub fn poll_acquire(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<OwnedSemaphorePermit, AcquireError>> {
        self.poll_acquire_many(cx, 1)
    }

    /// Polls for `n` permits. A request for another number is given up first, with its place.
    ///
    /// # Errors
    /// [`AcquireError`] if the semaphore is closed.
    ///
    /// # Panics
    /// If `n` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn poll_acquire_many(
        &mut self,
        cx: &mut Context<'_>,
        n: usize,
    ) -> Poll<Result<OwnedSemaphorePermit, AcquireError>> {
        let asked = self.request.as_ref().as_pin_ref().map(|request| request.num_permits());
        if asked != Some(n) {
            let request = self.semaphore.clone().acquire_many_owned(n);
            self.request.set(Some(request));
        }
        let request = self.request.as_mut().as_pin_mut().expect("a request is in the making");
        let served = ready!(request.poll(cx));
        self.request.set(None);
        Poll::Ready(served)
    }

    /// Lets go of the place in line, and passes on what was granted there. The next poll asks anew.
    pub fn cancel(&mut self) {
        self.request.set(None);
    }

    /// The semaphore.
    #[doc(alias = "clone_inner")]
    #[must_use]
    pub const fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Gives up the request and returns the semaphore.
    #[must_use]
    pub fn into_inner(self) -> Arc<Semaphore> {
        self.semaphore
    }
}

impl Clone for PollSemaphore {
    /// The clone has no request yet, whatever the original waits for.
    fn clone(&self) -> Self {
        Self::new(self.semaphore.clone())
    }
}

impl AsRef<Semaphore> for PollSemaphore {
    fn as_ref(&self) -> &Semaphore {
        &self.semaphore
    }
}

impl fmt::Debug for PollSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSemaphore")
            .field("semaphore", &self.semaphore)
            .field("request", &*self.request)
            .finish()
    }
}
