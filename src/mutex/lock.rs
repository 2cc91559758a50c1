//! The future that waits for the lock.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Guard, Mutex};
use crate::handle::Handle;
use crate::raw::{Progress, RawAcquire};

/// The future of [`Mutex::lock_from`]: waits for the lock of the mutex that the handle `M` leads to.
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
pub struct LockFrom<T: ?Sized, M: Handle<Target = Mutex<T>>> {
    raw: RawAcquire<M>,
    /// The future owns a handle, no `T`.
    _value: PhantomData<fn() -> *const T>,
}

/// The future of [`Mutex::lock`].
pub type Lock<'a, T> = LockFrom<T, &'a Mutex<T>>;

/// The future of [`Mutex::lock_owned`].
#[cfg(feature = "alloc")]
#[doc(alias = "LockArc")]
pub type LockOwned<T> = LockFrom<T, Arc<Mutex<T>>>;

impl<T: ?Sized, M: Handle<Target = Mutex<T>>> LockFrom<T, M> {
    #[inline]
    pub(super) const fn new(handle: M) -> Self {
        Self { raw: RawAcquire::new(handle, 1), _value: PhantomData }
    }

    /// Whether the lock was granted and no poll has returned it yet. If this stays `true`, the task no longer polls the
    /// future, and all requests behind it wait: a *futurelock*.
    pub fn is_granted(&self) -> bool {
        self.raw.progress() == Progress::Granted
    }
}

impl<T: ?Sized, M: Handle<Target = Mutex<T>>> Future for LockFrom<T, M> {
    type Output = Guard<T, M>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Guard<T, M>> {
        // SAFETY: the `RawAcquire` is pinned with this future, and never moved out.
        let raw = unsafe { self.map_unchecked_mut(|this| &mut this.raw) };
        match raw.poll(cx, 1, None) {
            // SAFETY: the guard holds the permit that was just acquired.
            Poll::Ready(Ok((handle, _))) => Poll::Ready(unsafe { Guard::new(handle) }),
            Poll::Ready(Err(_)) => unreachable!("a mutex is never closed"),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: ?Sized, M: Handle<Target = Mutex<T>>> fmt::Debug for LockFrom<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFrom").field("progress", &self.raw.progress()).finish()
    }
}
