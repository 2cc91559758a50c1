#![forbid(unsafe_code)]
//! The permits: RAII guards that release permits when they are dropped.

#[cfg(feature = "alloc")]
use alloc::{rc::Rc, sync::Arc};
use core::fmt;

use super::Semaphore;
use crate::handle::Handle;
use crate::raw::AsRaw;

/// Permits of the semaphore to which the handle `H` points. Dropping it releases them, and may call wakers.
///
/// The number of permits is that of the request, and may be 0.
///
/// # Examples
/// ```
/// let semaphore = fairgate::Semaphore::new(3);
/// let mut all = semaphore.try_acquire_many(3)?;
/// let one = all.split(1).expect("it has three");
/// drop(all);
/// assert_eq!(semaphore.available_permits(), 2);
/// one.forget(); // the semaphore now has two permits in total
/// assert_eq!(semaphore.available_permits(), 2);
/// # Ok::<(), fairgate::TryAcquireError>(())
/// ```
#[must_use = "permits are released when dropped"]
#[doc(alias = "hold")]
pub struct Permit<H: Handle<Target = Semaphore>> {
    handle: H,
    n: usize,
}

/// Permits of a borrowed semaphore. Dropping it releases them.
#[doc(alias = "SemaphoreGuard")]
pub type SemaphorePermit<'a> = Permit<&'a Semaphore>;

/// Permits of a semaphore in an `Arc`. Dropping it releases them.
#[cfg(feature = "alloc")]
#[doc(alias = "SemaphoreGuardArc")]
pub type OwnedSemaphorePermit = Permit<Arc<Semaphore>>;

impl<H: Handle<Target = Semaphore>> Permit<H> {
    #[inline]
    pub(super) const fn new(handle: H, n: usize) -> Self {
        Self { handle, n }
    }

    /// Returns the number of permits.
    #[must_use]
    pub const fn num_permits(&self) -> usize {
        self.n
    }

    /// Drops the permits without releasing them. This lowers the [`limit`](Semaphore::limit) of the semaphore, until
    /// [`add_permits`](Semaphore::add_permits) adds new ones. May call the waker of a request for
    /// [all permits](Semaphore::acquire_all), which no longer waits for these.
    ///
    /// # Examples
    /// A token bucket: tokens are used up, and a timer adds new ones.
    /// ```
    /// let tokens = fairgate::Semaphore::new(1);
    /// tokens.try_acquire()?.forget();
    /// assert!(tokens.try_acquire().is_err());
    /// tokens.add_permits(1); // a tick
    /// assert!(tokens.try_acquire().is_ok());
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    pub fn forget(mut self) {
        match core::mem::take(&mut self.n) {
            0 => {}
            n => self.handle.as_raw().forget_held(n),
        }
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    /// Panics if the permits belong to different semaphores. Then this one is unchanged, and the permits of `other` are
    /// released.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire()?;
    /// permits.merge(semaphore.try_acquire_many(2)?);
    /// assert_eq!(permits.num_permits(), 3);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            core::ptr::eq::<Semaphore>(&*self.handle, &*other.handle),
            "permits of different semaphores cannot be merged"
        );
        self.n += core::mem::take(&mut other.n);
    }
}

impl<H: Handle<Target = Semaphore> + Clone> Permit<H> {
    /// Splits off `n` permits. Returns `None` and changes nothing if there are fewer.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(2);
    /// let mut two = semaphore.try_acquire_many(2)?;
    /// let one = two.split(1).expect("it has two");
    /// assert!(two.split(2).is_none());
    /// assert_eq!((one.num_permits(), two.num_permits()), (1, 1));
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[must_use = "the permits that are split off are released when dropped"]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let left = self.n.checked_sub(n)?;
        let split = Self { handle: self.handle.clone(), n };
        self.n = left;
        Some(split)
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Returns the semaphore that the permits belong to.
    #[must_use]
    pub const fn semaphore(&self) -> &'a Semaphore {
        self.handle
    }
}

#[cfg(feature = "alloc")]
impl OwnedSemaphorePermit {
    /// Returns the semaphore that the permits belong to.
    #[must_use]
    pub const fn semaphore(&self) -> &Arc<Semaphore> {
        &self.handle
    }
}

#[cfg(feature = "alloc")]
impl Permit<Rc<Semaphore>> {
    /// Returns the semaphore that the permits belong to.
    #[must_use]
    pub const fn semaphore(&self) -> &Rc<Semaphore> {
        &self.handle
    }
}

impl<H: Handle<Target = Semaphore>> Drop for Permit<H> {
    #[inline]
    fn drop(&mut self) {
        if self.n > 0 {
            self.handle.as_raw().release(self.n);
        }
    }
}

impl<H: Handle<Target = Semaphore>> fmt::Debug for Permit<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.n).field("semaphore", &*self.handle).finish()
    }
}
