#![forbid(unsafe_code)]
//! The permits.

use core::fmt;

use crate::handle::{Leads, Handle};
use crate::semaphore::Semaphore;
use crate::state::MAX_PERMITS;

/// Permits of the semaphore that `O` leads to, given back when dropped.
///
/// # Examples
/// ```
/// let semaphore = fairgate::Semaphore::new(3);
/// let mut all = semaphore.try_acquire_many(3)?;
/// let one = all.split(1).expect("it has three");
/// drop(all);
/// assert_eq!(semaphore.available_permits(), 2);
/// one.forget(); // the semaphore has one less, for good
/// assert_eq!(semaphore.available_permits(), 2);
/// # Ok::<(), fairgate::TryAcquireError>(())
/// ```
#[must_use = "permits are given back when dropped"]
pub struct Permit<O: Handle<Target = Semaphore>> {
    owner: O,
    n: usize,
}

/// Permits of a borrowed semaphore, given back when dropped.
#[doc(alias = "SemaphoreGuard")]
pub type SemaphorePermit<'a> = Permit<&'a Semaphore>;

/// Permits of a shared semaphore, given back when dropped.
#[cfg(feature = "alloc")]
#[doc(alias = "SemaphoreGuardArc")]
pub type OwnedSemaphorePermit = Permit<alloc::sync::Arc<Semaphore>>;

impl<O: Handle<Target = Semaphore>> Permit<O> {
    #[inline]
    pub(crate) const fn new(owner: O, n: usize) -> Self {
        Self { owner, n }
    }

    /// How many permits these are.
    pub const fn num_permits(&self) -> usize {
        self.n
    }

    /// What leads to the semaphore: the reference, the `Arc`, or whatever the permit owns.
    pub const fn handle(&self) -> &O {
        &self.owner
    }

    /// Keeps the permits from ever being given back: the semaphore has so many less. `add_permits` makes up for it.
    ///
    /// # Examples
    /// A token bucket: whoever takes a token does not give it back, a timer does.
    /// ```
    /// let tokens = fairgate::Semaphore::new(1);
    /// tokens.try_acquire()?.forget();
    /// assert!(tokens.try_acquire().is_err());
    /// tokens.add_permits(1); // a tick
    /// assert!(tokens.try_acquire().is_ok());
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    pub fn forget(mut self) {
        self.n = 0;
    }

    /// Takes in the permits of another.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire()?;
    /// permits.merge(semaphore.try_acquire_many(2)?);
    /// assert_eq!(permits.num_permits(), 3);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    ///
    /// # Panics
    /// If they are of different semaphores, or together more than [`Semaphore::MAX_PERMITS`]. These are then as
    /// they were, and the others are given back.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            core::ptr::eq(self.owner.semaphore(), other.owner.semaphore()),
            "permits of different semaphores cannot be merged"
        );
        assert!(self.n <= MAX_PERMITS - other.n, "a permit holds at most MAX_PERMITS permits");
        self.n += core::mem::take(&mut other.n);
    }
}

impl<O: Handle<Target = Semaphore> + Clone> Permit<O> {
    /// Parts `n` permits from these, or none if there are fewer.
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
    pub fn split(&mut self, n: usize) -> Option<Self> {
        let left = self.n.checked_sub(n)?;
        let parted = Self { owner: self.owner.clone(), n };
        self.n = left;
        Some(parted)
    }
}

impl<'a> SemaphorePermit<'a> {
    /// The semaphore these permits are of.
    pub const fn semaphore(&self) -> &'a Semaphore {
        self.owner
    }
}

#[cfg(feature = "alloc")]
impl OwnedSemaphorePermit {
    /// The semaphore these permits are of.
    pub const fn semaphore(&self) -> &alloc::sync::Arc<Semaphore> {
        &self.owner
    }
}

impl<O: Handle<Target = Semaphore>> Drop for Permit<O> {
    #[inline]
    fn drop(&mut self) {
        if self.n > 0 {
            self.owner.semaphore().release(self.n);
        }
    }
}

impl<O: Handle<Target = Semaphore>> fmt::Debug for Permit<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("permits", &self.n)
            .field("semaphore", self.owner.semaphore())
            .finish()
    }
}
