//! The future that waits for the lock.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Guard, Mutex, MutexHandle};
#[cfg(feature = "std")]
use crate::blocking::block_on;
use crate::raw::{Progress, RawAcquire, RawHandle, RawSemaphore};

/// The future of [`Mutex::lock_from`]: waits for the lock of the mutex to which the handle `M` points.
///
/// # Panics
/// Panics if it is polled after completion.
///
/// # Examples
/// ```
/// use fairgate::{Lock, Mutex};
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
pub struct LockFrom<M: MutexHandle> {
    raw: RawAcquire<ToRaw<M>>,
}

/// A handle to a mutex, used as a handle to the semaphore of the mutex.
struct ToRaw<M>(M);

// SAFETY: `Handle` and `MutexHandle` promise the same of the mutex that contains the `RawSemaphore`.
unsafe impl<M: MutexHandle> RawHandle for ToRaw<M> {
    #[inline]
    fn as_raw(&self) -> &RawSemaphore {
        &self.0.as_mutex().raw
    }
}

/// The future of [`Mutex::lock`].
pub type Lock<'a, T> = LockFrom<&'a Mutex<T>>;

/// The future of [`Mutex::lock_owned`].
#[cfg(feature = "alloc")]
#[doc(alias = "LockArc")]
pub type LockOwned<T> = LockFrom<Arc<Mutex<T>>>;

impl<M: MutexHandle> LockFrom<M> {
    #[inline]
    pub(super) const fn new(handle: M) -> Self {
        Self { raw: RawAcquire::new(ToRaw(handle), 1) }
    }

    /// Blocks the current thread until the lock is granted.
    #[cfg(feature = "std")]
    pub(super) fn block(self) -> Guard<M> {
        match self.raw.try_acquire_briefly() {
            // SAFETY: the permit was just acquired, and is passed on to the guard.
            Ok((ToRaw(handle), _)) => unsafe { Guard::new(handle) },
            Err(raw) => block_on(Self { raw }),
        }
    }

    /// Returns `true` if the lock was granted to the request, and no poll has returned the guard yet.
    ///
    /// If this stays `true`, the task no longer polls the future, and so holds a lock that all requests behind it wait
    /// for: a *futurelock*.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.raw.progress() == Progress::Granted
    }
}

impl<M: MutexHandle> Future for LockFrom<M> {
    type Output = Guard<M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Guard<M>> {
        // SAFETY: the `RawAcquire` is pinned with this future, and not moved out once it was polled.
        let raw = unsafe { self.map_unchecked_mut(|this| &mut this.raw) };
        match raw.poll(cx, 1, None) {
            // SAFETY: the permit was just acquired, and is passed on to the guard.
            Poll::Ready(Ok((ToRaw(handle), _))) => Poll::Ready(unsafe { Guard::new(handle) }),
            Poll::Ready(Err(_)) => unreachable!("a mutex is never closed"),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<M: MutexHandle> fmt::Debug for LockFrom<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFrom").field("progress", &self.raw.progress()).finish()
    }
}
