//! The future that waits for the lock.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(feature = "std")]
use core::time::Duration;

use super::{Guard, Mutex};
#[cfg(feature = "std")]
use crate::blocking;
#[cfg(feature = "std")]
use crate::error::Elapsed;
use crate::error::TryLockError;
use crate::handle::Handle;
use crate::raw::{Progress, RawAcquire, Request};

/// A request for the lock of a mutex: await it, or block a thread with [`wait`](Self::wait).
///
/// `H` is the handle to the mutex: `&Mutex<T>`, `Arc<Mutex<T>>` or `Rc<Mutex<T>>`. The request is created by [`Mutex::lock`]
/// and its variants. The type can be named, so a request can be stored in a field, and its memory can be reused.
///
/// # Panics
/// Panics if it is polled after completion.
///
/// # Examples
/// ```
/// use fairgate::Mutex;
/// use futures_lite::future::{block_on, poll_once};
///
/// let mutex = Mutex::new(1);
/// let guard = mutex.try_lock().unwrap();
/// let mut waiting: Box<[_]> = [mutex.lock(), mutex.lock()].into_iter().map(Box::pin).collect();
/// for request in &mut waiting {
///     assert!(block_on(poll_once(request)).is_none());
/// }
/// drop(guard);
/// assert!(waiting[0].is_granted() && !waiting[1].is_granted());
/// ```
#[must_use = "futures do nothing unless polled or awaited"]
pub struct Lock<H: Handle> {
    raw: RawAcquire<H>,
}

// SAFETY: A3.
unsafe impl<H: Handle + Send> Send for Lock<H> {}
// SAFETY: A3.
unsafe impl<H: Handle + Sync> Sync for Lock<H> {}

/// A request whose guard holds an `Arc` to the mutex.
#[cfg(feature = "alloc")]
#[doc(alias = "LockArc")]
pub type LockOwned<T> = Lock<Arc<Mutex<T>>>;

impl<T: ?Sized, H: Handle<Target = Mutex<T>>> Lock<H> {
    #[inline]
    pub(super) fn new(handle: H) -> Self {
        Self { raw: RawAcquire::new(handle, Request::exactly(1)) }
    }

    /// Locks the mutex if that is possible without waiting, like [`Mutex::try_lock`].
    ///
    /// # Errors
    /// Returns [`TryLockError`] if the mutex is locked or another request is queued.
    pub fn try_wait(mut self) -> Result<Guard<H>, TryLockError> {
        match self.raw.try_acquire() {
            // SAFETY: the permit was just acquired, and is passed on to the guard.
            Ok((handle, _)) => Ok(unsafe { Guard::new(handle) }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Blocks the current thread until the lock is granted. Threads and tasks wait in the same queue.
    ///
    /// In a task, this blocks the executor's thread, and deadlocks if the guard is held by a task that runs only on that
    /// thread.
    ///
    /// # Panics
    /// Panics on targets whose threads cannot block, such as the main thread of a web page.
    #[cfg(feature = "std")]
    #[doc(alias = "lock_blocking")]
    pub fn wait(mut self) -> Guard<H> {
        match self.raw.try_acquire() {
            // SAFETY: the permit was just acquired, and is passed on to the guard.
            Ok((handle, _)) => unsafe { Guard::new(handle) },
            Err(_) => blocking::block_on(self, |request| request.raw.is_front()),
        }
    }

    /// Blocks the current thread like [`wait`](Self::wait), but for at most `limit`. The request is no longer queued when
    /// this returns.
    ///
    /// # Errors
    /// Returns [`Elapsed`] if the lock was not granted within `limit`.
    ///
    /// # Panics
    /// Like [`wait`](Self::wait).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = fairgate::Mutex::new(7);
    /// let guard = mutex.lock().wait_timeout(Duration::from_secs(1))?;
    /// assert!(mutex.lock().wait_timeout(Duration::from_millis(1)).is_err());
    /// # Ok::<(), fairgate::Elapsed>(())
    /// ```
    #[cfg(feature = "std")]
    #[doc(alias = "try_lock_for")]
    pub fn wait_timeout(mut self, limit: Duration) -> Result<Guard<H>, Elapsed> {
        match self.raw.try_acquire() {
            // SAFETY: the permit was just acquired, and is passed on to the guard.
            Ok((handle, _)) => Ok(unsafe { Guard::new(handle) }),
            Err(_) => {
                blocking::block_on_timeout(self, |request| request.raw.is_front(), limit).ok_or(Elapsed(()))
            }
        }
    }
}

impl<H: Handle> Lock<H> {
    /// Returns `true` if the lock was granted to the request, and no poll has returned the guard yet.
    ///
    /// If this stays `true`, the task no longer polls the future, and so holds a lock that all requests behind it wait
    /// for: a *futurelock*.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self.raw.progress(), Progress::Granted(_))
    }
}

impl<T: ?Sized, H: Handle<Target = Mutex<T>>> Future for Lock<H> {
    type Output = Guard<H>;

    #[cfg_attr(feature = "std", inline)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Guard<H>> {
        // SAFETY: the `RawAcquire` is pinned with this future, and not moved out once it was polled.
        let raw = unsafe { Pin::new_unchecked(&mut self.get_unchecked_mut().raw) };
        match raw.poll(cx) {
            // SAFETY: the permit was just acquired, and is passed on to the guard.
            Poll::Ready(Ok((handle, _))) => Poll::Ready(unsafe { Guard::new(handle) }),
            // Never an error: a mutex is never closed.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<H: Handle> fmt::Debug for Lock<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("progress", &self.raw.progress()).finish()
    }
}
