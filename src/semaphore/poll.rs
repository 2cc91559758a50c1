#![forbid(unsafe_code)]
//! A semaphore for `poll` methods that are written by hand.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::{AcquireOwned, OwnedSemaphorePermit, Semaphore};
use crate::error::{AcquireError, TryAcquireError};

/// A [`Semaphore`] with a slot for one pending request, for services and streams that implement `poll` methods.
///
/// The memory of the request is allocated when one has to wait for the first time, and then reused.
///
/// # Cancel safety
/// A pending request keeps its place in the queue until it completes, is [cancelled](Self::cancel), or the value is
/// dropped. Call `cancel` when the caller no longer waits for the permit: a granted request that is not polled holds its
/// permits, and all requests behind it wait.
///
/// # Examples
/// A service that limits its calls. `poll_ready` may be called again after it was ready, and keeps the slot that it has:
/// ```
/// use fairgate::{AcquireError, OwnedSemaphorePermit, PollSemaphore};
/// use std::task::{Context, Poll, ready};
///
/// struct Limited {
///     slots: PollSemaphore,
///     slot: Option<OwnedSemaphorePermit>,
/// }
///
/// impl Limited {
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
///         if self.slot.is_none() {
///             self.slot = Some(ready!(self.slots.poll_acquire(cx))?);
///         }
///         Poll::Ready(Ok(()))
///     }
///
///     async fn call(&mut self) -> u32 {
///         let _slot = self.slot.take().expect("`poll_ready` was ready");
///         42
///     }
/// }
/// ```
///
/// A stream whose items have a permit each. It takes the item first, so that it holds no permit while it has none, and
/// ends when the semaphore is closed:
/// ```
/// use fairgate::{OwnedSemaphorePermit, PollSemaphore, Semaphore};
/// use smol::stream::{self, Stream, StreamExt};
/// use std::pin::Pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, ready};
///
/// struct Limited<S: Stream> {
///     items: S,
///     next: Option<S::Item>,
///     slots: PollSemaphore,
/// }
///
/// impl<S: Stream<Item: Unpin> + Unpin> Stream for Limited<S> {
///     type Item = (S::Item, OwnedSemaphorePermit);
///
///     fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
///         if self.next.is_none() {
///             self.next = ready!(self.items.poll_next(cx));
///         }
///         let Some(item) = self.next.take() else { return Poll::Ready(None) };
///         match self.slots.poll_acquire(cx) {
///             Poll::Ready(slot) => Poll::Ready(slot.ok().map(|slot| (item, slot))),
///             Poll::Pending => {
///                 self.next = Some(item);
///                 Poll::Pending
///             }
///         }
///     }
/// }
///
/// let slots = PollSemaphore::new(Arc::new(Semaphore::new(1)));
/// let mut limited = Limited { items: stream::iter(1..=3), next: None, slots };
/// for expected in 1..=3 {
///     let (item, _slot) = smol::block_on(limited.next()).unwrap(); // the next item waits until `_slot` is dropped
///     assert_eq!(item, expected);
/// }
/// ```
pub struct PollSemaphore {
    semaphore: Arc<Semaphore>,
    /// Allocated by the first request that has to wait.
    request: Option<Pin<Box<Option<AcquireOwned>>>>,
}

impl PollSemaphore {
    /// Creates a `PollSemaphore` without a pending request.
    #[must_use]
    pub const fn new(semaphore: Arc<Semaphore>) -> Self {
        Self { semaphore, request: None }
    }

    /// Polls for one permit. Starts a request if none is pending. After a poll that was ready, the next one starts a new
    /// request.
    ///
    /// # Errors
    /// Returns [`AcquireError`] if the semaphore is closed before the permit is granted.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::{PollSemaphore, Semaphore};
    /// use std::{future::poll_fn, sync::Arc};
    ///
    /// let mut slots = PollSemaphore::new(Arc::new(Semaphore::new(2)));
    /// let first = poll_fn(|cx| slots.poll_acquire(cx)).await?;
    /// let second = poll_fn(|cx| slots.poll_acquire(cx)).await?;
    /// assert_eq!(slots.semaphore().available_permits(), 0);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    pub fn poll_acquire(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<OwnedSemaphorePermit, AcquireError>> {
        self.poll_acquire_many(cx, 1)
    }

    /// Polls for `n` permits. A pending request for another number is cancelled, and loses its place in the queue.
    ///
    /// # Errors
    /// Like [`poll_acquire`](Self::poll_acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS). A pending request is then unchanged.
    #[track_caller]
    pub fn poll_acquire_many(
        &mut self,
        cx: &mut Context<'_>,
        n: usize,
    ) -> Poll<Result<OwnedSemaphorePermit, AcquireError>> {
        let pending = self.request.as_ref().and_then(|request| request.as_ref().as_pin_ref());
        if pending.is_none_or(|request| request.num_permits() != n) {
            let request = self.semaphore.clone().acquire_many_owned(n);
            self.cancel();
            match request.try_wait() {
                Err(TryAcquireError::NoPermits) => {}
                result => return Poll::Ready(result.map_err(AcquireError::from)),
            }
            let request = self.semaphore.clone().acquire_many_owned(n);
            self.request.get_or_insert_with(|| Box::pin(None)).set(Some(request));
        }
        let slot = self.request.as_mut().expect("a request is pending");
        let request = slot.as_mut().as_pin_mut().expect("a request is pending");
        let result = ready!(request.poll(cx));
        slot.set(None);
        Poll::Ready(result)
    }

    /// Cancels the pending request, if there is one. Permits that were granted to it go to the next request. The next poll
    /// starts a new one.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::{PollSemaphore, Semaphore};
    /// use futures_lite::future::poll_once;
    /// use std::{future::poll_fn, sync::Arc};
    ///
    /// let mut slots = PollSemaphore::new(Arc::new(Semaphore::new(0)));
    /// assert!(poll_once(poll_fn(|cx| slots.poll_acquire(cx))).await.is_none());
    /// assert_eq!(slots.semaphore().waiters(), 1);
    /// slots.cancel();
    /// assert_eq!(slots.semaphore().waiters(), 0);
    /// # });
    /// ```
    pub fn cancel(&mut self) {
        if let Some(request) = &mut self.request {
            request.set(None);
        }
    }

    /// Returns the semaphore.
    #[doc(alias = "clone_inner")]
    #[must_use]
    pub const fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// Cancels the pending request and returns the semaphore.
    #[must_use]
    pub fn into_inner(self) -> Arc<Semaphore> {
        self.semaphore
    }
}

impl Clone for PollSemaphore {
    /// Returns a `PollSemaphore` for the same semaphore, without a pending request.
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
            .field("request", &self.request.as_deref().and_then(Option::as_ref))
            .finish()
    }
}
