#![deny(unsafe_code)]
//! The semaphore: documentation and types for users, on top of [`RawSemaphore`].

#[allow(unsafe_code)]
mod acquire;
mod permit;
#[cfg(feature = "alloc")]
mod poll;

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::fmt;

pub use self::acquire::Acquire;
#[cfg(feature = "alloc")]
pub use self::acquire::AcquireOwned;
use self::acquire::assert_can_be_met;
#[cfg(feature = "alloc")]
pub use self::permit::OwnedSemaphorePermit;
pub use self::permit::{Permit, SemaphorePermit};
#[cfg(feature = "alloc")]
pub use self::poll::PollSemaphore;
#[cfg(feature = "std")]
use crate::error::AcquireError;
use crate::error::TryAcquireError;
use crate::handle::Handle;
use crate::raw::{self, AsRaw, RawSemaphore, Request};
use crate::sync::const_fn;

#[cold]
#[track_caller]
const fn too_many_permits() -> ! {
    panic!("a semaphore has at most MAX_PERMITS permits")
}

#[cold]
#[track_caller]
fn deficit_too_large() -> ! {
    panic!("a semaphore owes at most MAX_PERMITS permits")
}

/// An asynchronous counting semaphore that grants permits strictly in FIFO order.
///
/// A semaphore has a number of permits, its [`limit`](Self::limit). A request acquires one or more of them, and waits, as a
/// task or as a thread, until they are available. A permit is released when it is dropped. Acquiring an available permit is
/// one compare-and-swap, releasing it is one atomic addition. Nothing is allocated, however many requests wait.
///
/// # Examples
/// ## A limit on concurrency
/// ```
/// use fairgate::{AcquireError, Semaphore};
///
/// static DOWNLOADS: Semaphore = Semaphore::new(5);
///
/// async fn fetch(id: u32) -> Result<String, AcquireError> {
///     let _permit = DOWNLOADS.acquire().await?;
///     Ok(format!("post {id}")) // at most five tasks are here at once
/// }
///
/// fn main() {
///     assert_eq!(smol::block_on(fetch(1)).unwrap(), "post 1");
/// }
/// ```
#[cfg_attr(
    feature = "alloc",
    doc = "
## Spawned tasks
A permit that holds an `Arc` moves into the task. The loop waits, so it spawns no more tasks than may run:
```
use fairgate::Semaphore;
use std::sync::Arc;

fn main() {
    smol::block_on(async {
        let workers = Arc::new(Semaphore::new(4));
        for job in 0..20 {
            let worker = workers.clone().acquire_owned().await.expect(\"nobody closes it\");
            smol::spawn(async move {
                let _result = job * job; // the work
                drop(worker);
            })
            .detach();
        }
        let _all = workers.acquire_all().await; // until the last task has ended
    });
}
```"
)]
/// ## A limit per route
/// ```
/// use fairgate::Semaphore;
/// use std::collections::HashMap;
///
/// fn main() {
///     let limits = HashMap::from([("/search", Semaphore::new(2)), ("/health", Semaphore::new(100))]);
///     let serve = async |route: &str| {
///         let Some(limit) = limits.get(route) else { return 404 };
///         match limit.acquire().await {
///             Ok(_slot) => 200, // the handler
///             Err(_closed) => 503,
///         }
///     };
///     assert_eq!(smol::block_on(serve("/search")), 200);
///     assert_eq!(smol::block_on(serve("/admin")), 404);
/// }
/// ```
/// ## Weights: memory in KiB
/// A large request is not starved by small ones: while it is at the front, released permits stay available for it.
/// ```
/// use fairgate::{AcquireError, Semaphore};
///
/// static MEMORY: Semaphore = Semaphore::new(64 * 1024); // 64 MiB
///
/// async fn resize(image_kib: usize) -> Result<usize, AcquireError> {
///     let memory = MEMORY.acquire_many(3 * image_kib).await?;
///     Ok(memory.num_permits())
/// }
///
/// fn main() {
///     assert_eq!(smol::block_on(resize(1000)).unwrap(), 3000);
/// }
/// ```
/// ## Load shedding with a bounded queue
/// ```
/// use fairgate::Semaphore;
///
/// async fn serve(workers: &Semaphore) -> u16 {
///     match workers.acquire().max_waiters(100).await {
///         Ok(_worker) => 200,
///         Err(error) if error.is_full() => 503, // 100 requests wait already
///         Err(_closed) => 410,
///     }
/// }
///
/// fn main() {
///     assert_eq!(smol::block_on(serve(&Semaphore::new(1))), 200);
/// }
/// ```
/// ## Shutdown
/// Wait until all work has ended, whatever the limit becomes meanwhile, then let new requests fail:
/// ```
/// use fairgate::{AcquireError, Semaphore};
///
/// async fn shut_down(workers: &Semaphore) -> Result<(), AcquireError> {
///     let _all = workers.acquire_all().await?;
///     workers.close();
///     Ok(())
/// }
///
/// fn main() {
///     let workers = Semaphore::new(8);
///     smol::block_on(shut_down(&workers)).unwrap();
///     assert!(workers.try_acquire().is_err());
/// }
/// ```
/// More are on the page [cookbook](crate::guide::cookbook): rate limits, metrics, priorities, readers and a writer, retries.
///
/// # Fairness
/// Requests that have to wait are granted in the order of their first poll that returned `Pending`. No request is
/// overtaken: not by a smaller one, not by [`try_acquire`](Self::try_acquire), and not by a task that polls at the right
/// moment. While requests are queued, only the request at the front can get permits. If it needs more than are available,
/// released permits stay available until there are enough for it.
///
/// # Cancel safety
/// Dropping a future cancels its request. That removes it from the queue in constant time. Permits that were granted to it
/// go to the next request at once, and if it was at the front, the new front is examined. Both may call wakers of other
/// requests.
///
/// A future that is neither polled nor dropped keeps its place, and all requests behind it wait. This is known as
/// *futurelock* ([Oxide's RFD 609](https://rfd.shared.oxide.computer/rfd/0609)). Do not keep a future that you no longer
/// poll: in `select!`, pass futures by value, or drop them when another branch has won.
///
/// # Memory ordering
/// What a thread wrote before it released a permit is visible to the request that acquires it, and so is everything
/// written before earlier releases. The same is visible to a thread that finds the permits available with
/// [`available_permits`](Self::available_permits), finds with [`owed`](Self::owed) that they have paid a deficit, takes them
/// away with [`forget_permits`](Self::forget_permits), [`reduce_permits`](Self::reduce_permits) or
/// [`set_limit`](Self::set_limit), or finds a request granted with [`is_granted`](crate::futures::Acquire::is_granted). A
/// request for all permits also sees what was written before permits were [forgotten](Permit::forget). What was written
/// before [`close`](Self::close) is visible to a request that fails because of it, and to a thread for which
/// [`is_closed`](Self::is_closed) returns `true`. There is no such guarantee
/// for a request that has to wait or fails with [`NoPermits`](TryAcquireError::NoPermits), and none for the values of
/// [`waiters`](Self::waiters), [`needed`](Self::needed) and [`held`](Self::held).
///
/// # Wakers
/// Wakers are cloned, called and dropped without a lock, so a waker may call any method of the same semaphore. The call that
/// runs it may have more requests to grant permits to, which wait until it returns: a waker should not block.
///
/// A release never waits for a thread that edits the queue: it leaves the grants to that thread, which then calls the wakers.
/// So these calls may run the wakers of other requests, of all that are queued and of those that are queued meanwhile:
/// * dropping or [forgetting](Permit::forget) a permit;
/// * [`add_permits`](Self::add_permits), [`add_permits_up_to`](Self::add_permits_up_to), [`set_limit`](Self::set_limit),
///   [`forget_permits`](Self::forget_permits), [`reduce_permits`](Self::reduce_permits) and [`close`](Self::close);
/// * a first poll that queues the request or finds the queue full
///   ([`max_waiters`](crate::futures::Acquire::max_waiters)), a later poll with another waker, and a thread that waits;
/// * dropping a request that is queued or granted, which a timeout and `PollSemaphore::cancel` do as well.
///
/// All other calls never do: [`try_acquire`](Self::try_acquire), [`try_wait`](crate::futures::Acquire::try_wait) and
/// their variants, a poll that acquires available permits, returns an outcome or brings the same waker again, the
/// counters, and formatting.
///
/// If a waker panics, the other wakers are called before the panic resumes in the call that ran them, and no permit is
/// lost. The call has had its effect; a future whose poll panics in this way may be polled again.
/// Without the feature `std` a second panic among the wakers aborts the process, because no panic can be caught there. As
/// everywhere in Rust, a panic out of a destructor that runs because of another panic aborts the process: so does a waker
/// that panics while it is called by a permit that is dropped during unwinding, and a waker whose own destructor panics
/// then.
///
/// A waker may drop a task that holds permits or waits for them, and that calls the next waker, and so on. Such a chain
/// recurses: a stack of 2 MiB is enough for a chain of 500 tasks.
///
/// # When not to use this
/// For work that does not await anything while it holds a permit, a blocking semaphore or a plain mutex is enough. Where
/// throughput under contention matters more than order, a semaphore that allows barging grants more permits per second.
///
/// # Interrupt and signal handlers
/// In an interrupt handler call only [`try_acquire`](Self::try_acquire) and its variants, the counters, the methods that
/// change the number of permits, and [`close`](Self::close), or drop a permit. All other operations may wait for the thread
/// that was interrupted. A release there calls the wakers of the requests that it grants, so the wakers of the executor must
/// permit that. In a signal handler call none of these methods.
///
/// # Fork
/// After `fork`, a semaphore that no thread was using at that moment works in the child.
///
#[doc(alias = "Sem")]
#[doc(alias = "RateLimiter")]
#[doc(alias = "throttle")]
#[doc(alias = "concurrency")]
#[doc(alias = "fair")]
#[doc(alias = "FIFO")]
pub struct Semaphore {
    raw: RawSemaphore,
}

impl AsRaw for Semaphore {
    #[expect(private_interfaces, reason = "the trait is sealed")]
    #[inline]
    fn as_raw(&self) -> &RawSemaphore {
        &self.raw
    }
}

/// Creating and inspecting.
impl Semaphore {
    /// The maximum number of permits that can exist, and the maximum that can be owed: `usize::MAX >> 6`, which is
    /// 2<sup>58</sup> - 1 on 64-bit targets, and 2<sup>26</sup> - 1 on 32-bit targets.
    ///
    /// A semaphore with this many permits has no limit in practice. It can still be closed, and counts what is held.
    ///
    /// # Examples
    /// ```
    /// use fairgate::Semaphore;
    ///
    /// let limit: Option<usize> = None; // from a configuration
    /// let workers = Semaphore::new(limit.unwrap_or(Semaphore::MAX_PERMITS));
    /// let _worker = workers.try_acquire()?;
    /// assert_eq!(workers.held(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "unlimited")]
    pub const MAX_PERMITS: usize = raw::MAX_PERMITS;

    const_fn! {
        /// Creates a semaphore with `permits` permits.
        ///
        /// # Panics
        /// Panics if `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        ///
        /// # Examples
        /// ```
        /// use fairgate::Semaphore;
        /// static POOL: Semaphore = Semaphore::new(3);
        /// assert_eq!(POOL.available_permits(), 3);
        /// ```
        #[must_use]
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            if permits > Self::MAX_PERMITS {
            too_many_permits();
        }
            Self { raw: RawSemaphore::new(permits) }
        }
    }

    const_fn! {
        /// Like [`new`](Self::new). This is the name of the `const` constructor in tokio.
        #[doc(hidden)]
        #[must_use]
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Self::new(permits)
        }
    }

    /// Returns the number of permits that no task or thread holds.
    ///
    /// A new request cannot always acquire them: the front of the queue may be waiting until there are more. While
    /// permits are [owed](Self::owed) the number is 0.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2)?;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.raw.state().available()
    }

    /// Returns the number of permits that exist: those available and those held, less those owed. 0 if more are owed than
    /// exist.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!((semaphore.limit(), semaphore.held()), (3, 1));
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "capacity")]
    #[must_use]
    pub fn limit(&self) -> usize {
        self.raw.limit().max(0) as usize
    }

    /// Returns the number of permits that are held.
    ///
    /// Computed from two numbers that are read one after the other. While another thread acquires, releases or changes the
    /// limit, the result may be too large or too small. It is exact when no such operation is in progress.
    #[doc(alias = "in_flight")]
    #[doc(alias = "metrics")]
    #[must_use]
    pub fn held(&self) -> usize {
        let permits = self.raw.state().permits();
        self.raw.limit().saturating_sub(permits).max(0) as usize
    }

    /// Returns the number of owed permits: the deficit that released permits pay before one becomes available again.
    ///
    /// Permits are owed after [`set_limit`](Self::set_limit) or [`reduce_permits`](Self::reduce_permits) has removed more
    /// permits than were available.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let all = semaphore.try_acquire_many(3)?;
    /// semaphore.set_limit(1);
    /// assert_eq!(semaphore.owed(), 2);
    /// drop(all);
    /// assert_eq!((semaphore.owed(), semaphore.available_permits()), (0, 1));
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[must_use]
    pub fn owed(&self) -> usize {
        self.raw.state().owed()
    }

    /// Returns the number of queued requests.
    ///
    /// The call never waits. The thread that edits the queue updates the number, so it may miss a change that another thread
    /// is making, and it does not count a request that is being granted. When no operation is in progress it is exact.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_once;
    ///
    /// let semaphore = fairgate::Semaphore::new(0);
    /// let mut request = std::pin::pin!(semaphore.acquire());
    /// assert!(poll_once(&mut request).await.is_none());
    /// assert_eq!(semaphore.waiters(), 1);
    /// # });
    /// ```
    #[doc(alias = "metrics")]
    #[doc(alias = "queue length")]
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.raw.waiters()
    }

    /// Returns the number of permits that the request at the front of the queue needs, or `None` if no request is queued.
    ///
    /// That request is granted once so many are available. Of a request with a maximum ([`up_to`](crate::futures::Acquire::up_to))
    /// this is the minimum, and of a request for all permits the [`limit`](Self::limit). Like [`waiters`](Self::waiters),
    /// it may miss a change that another thread is making. A number above `i32::MAX - 2` is returned as `i32::MAX - 2`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_once;
    ///
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let mut large = std::pin::pin!(semaphore.acquire_many(5));
    /// assert!(poll_once(&mut large).await.is_none());
    /// assert_eq!((semaphore.available_permits(), semaphore.needed()), (3, Some(5)));
    /// # });
    /// ```
    #[must_use]
    pub fn needed(&self) -> Option<usize> {
        self.raw.needed()
    }
}

/// Acquiring permits.
impl Semaphore {
    /// Waits for one permit.
    ///
    /// # Fairness
    /// The request is queued by the first poll that has to wait. A future that was never polled has no place in the queue.
    ///
    /// # Cancel safety
    /// Dropping the future removes the request from the queue. A permit that was granted to it goes to the next request.
    ///
    /// # Errors
    /// Completes with [`AcquireError`] if the semaphore is closed before the permit is granted. A permit that was granted
    /// before stays granted.
    ///
    /// # Panics
    /// The future panics if it is polled after completion.
    ///
    /// # Forgetting to await
    /// `let _slot = semaphore.acquire();` without `.await` acquires nothing, and neither the compiler nor clippy warns. Without
    /// the underscore the compiler warns of an unused variable, and clippy's `let_underscore_future`, which is on by
    /// default, sees `let _ = semaphore.acquire();`. With a type annotation no form compiles: `let _slot: SemaphorePermit = ...`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = fairgate::Semaphore::new(2);
    /// let permit = semaphore.acquire().await?;
    /// assert_eq!(semaphore.available_permits(), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn acquire(&self) -> Acquire<&Self> {
        Acquire::new(self, 1)
    }

    /// Waits until `n` permits are available, and acquires them in one step.
    ///
    /// A request for 0 permits never waits. It fails if the semaphore is closed. A request for more than the
    /// [`limit`](Self::limit) waits until the limit is raised, and all requests behind it wait, too. To fail instead, compare
    /// with the limit first.
    ///
    /// # Fairness
    /// Like [`acquire`](Self::acquire). Small requests do not starve a large one: while it is at the front, released permits
    /// stay available until there are enough for it, and no request behind it is granted before it.
    ///
    /// # Cancel safety
    /// Like [`acquire`](Self::acquire). The permits that are available then go to the requests behind it.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS). The future panics like that of
    /// [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let memory = fairgate::Semaphore::new(1 << 20); // one permit per KiB
    /// let page = memory.acquire_many(4).await?;
    /// assert_eq!(page.num_permits(), 4);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    /// A budget in bytes fits where [`MAX_PERMITS`](Self::MAX_PERMITS) is larger than it. On 32-bit targets, where that is
    /// 64 Mi, count larger units as above.
    #[doc(alias = "bytes")]
    #[doc(alias = "weighted")]
    #[doc(alias = "weights")]
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> Acquire<&Self> {
        Acquire::new(self, n)
    }

    /// Waits until every permit that exists is available, and acquires them all: until no permit is held, whatever the
    /// [`limit`](Self::limit) becomes meanwhile.
    ///
    /// For exclusive access, maintenance or a shutdown. The permit holds all permits that exist when it is granted. Permits
    /// that are added later are available to others. At limit 0 the permit holds none. A task that holds a permit of the same
    /// semaphore waits for itself.
    ///
    /// # Fairness
    /// Like [`acquire_many`](Self::acquire_many): requests behind it wait until it is granted. It waits for the requests
    /// before it, even for one that needs more permits than exist.
    ///
    /// A request that finds no permit held locks the queue for a moment. A concurrent try may then fail as if this request had
    /// been queued. While another thread adds or removes permits, the form [`try_wait`](crate::futures::Acquire::try_wait)
    /// may fail although no permit is held.
    ///
    /// # Cancel safety
    /// Like [`acquire_many`](Self::acquire_many).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// A graceful shutdown: wait until all work has ended, then let all new work fail.
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let workers = fairgate::Semaphore::new(8);
    /// drop(workers.acquire().await?); // work
    /// let _all = workers.acquire_all().await?;
    /// workers.close();
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[doc(alias = "write")]
    #[doc(alias = "drain")]
    #[doc(alias = "shutdown")]
    pub fn acquire_all(&self) -> Acquire<&Self> {
        Acquire::all(self)
    }

    /// Like [`acquire_many`](Self::acquire_many), with permits that hold any [`Handle`] to the semaphore: an `Rc` for tasks
    /// that stay on one thread.
    ///
    /// # Panics
    /// Like [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use fairgate::Semaphore;
    /// use std::rc::Rc;
    ///
    /// let local = Rc::new(Semaphore::new(1));
    /// let permit = Semaphore::acquire_from(local.clone(), 1).await?;
    /// assert!(Semaphore::acquire_from(local, 1).try_wait().is_err());
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_from<H: Handle<Target = Self>>(handle: H, n: usize) -> Acquire<H> {
        Acquire::new(handle, n)
    }

    /// Like [`acquire_all`](Self::acquire_all), with permits that hold any [`Handle`] to the semaphore.
    pub fn acquire_all_from<H: Handle<Target = Self>>(handle: H) -> Acquire<H> {
        Acquire::all(handle)
    }

    /// Acquires one permit if that is possible without waiting.
    ///
    /// It never fails spuriously, and never waits for another thread, so it may be called in an interrupt handler.
    ///
    /// # Fairness
    /// No queued request is overtaken: while requests are queued this fails, however many permits are available.
    ///
    /// # Errors
    /// * [`TryAcquireError::Closed`] if the semaphore is closed.
    /// * [`TryAcquireError::NoPermits`] if too few permits are available, or another request is queued.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # Ok::<(), TryAcquireError>(())
    /// ```
    #[doc(alias = "locked")]
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `n` permits if that is possible without waiting, like [`try_acquire`](Self::try_acquire). A request for 0
    /// permits fails only if the semaphore is closed.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2)?;
    /// assert!(semaphore.try_acquire_many(2).is_err());
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        try_acquire(self, n)
    }
}

#[inline]
#[track_caller]
fn try_acquire<H: Handle<Target = Semaphore>>(handle: H, n: usize) -> Result<Permit<H>, TryAcquireError> {
    assert_can_be_met(n);
    if !handle.as_raw().try_acquire_fast(n) {
        handle.as_raw().try_acquire(Request::exactly(n))?;
    }
    Ok(Permit::new(handle, n))
}

/// Acquiring permits that hold an `Arc` to their semaphore, for tasks that outlive the function that spawns them.
#[cfg(feature = "alloc")]
impl Semaphore {
    /// Like [`acquire`](Self::acquire), with a permit that holds the `Arc`.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(fairgate::Semaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[doc(alias = "acquire_arc")]
    #[inline]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        Acquire::new(self, 1)
    }

    /// Like [`acquire_many`](Self::acquire_many), with permits that hold the `Arc`.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Like [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    ///
    /// let memory = Arc::new(fairgate::Semaphore::new(1024));
    /// let buffer = memory.clone().acquire_many_owned(512).await?;
    /// assert_eq!((buffer.num_permits(), memory.available_permits()), (512, 512));
    /// # Ok::<(), fairgate::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, n: usize) -> AcquireOwned {
        Acquire::new(self, n)
    }

    /// Like [`acquire_all`](Self::acquire_all), with a permit that holds the `Arc`.
    pub fn acquire_all_owned(self: Arc<Self>) -> AcquireOwned {
        Acquire::all(self)
    }

    /// Like [`try_acquire`](Self::try_acquire), with a permit that holds the `Arc`.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(fairgate::Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "try_acquire_arc")]
    #[inline]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Like [`try_acquire_many`](Self::try_acquire_many), with permits that hold the `Arc`.
    ///
    /// # Errors
    /// Like [`try_acquire`](Self::try_acquire).
    ///
    /// # Panics
    /// Like [`try_acquire_many`](Self::try_acquire_many).
    #[inline]
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        try_acquire(self, n)
    }
}

/// Acquiring permits on a thread without an executor. Threads and tasks wait in the same queue.
#[cfg(feature = "std")]
impl Semaphore {
    /// `acquire().wait()`: blocks the current thread until the permit is granted. With a time limit, and for every other
    /// request: [`wait_timeout`](crate::futures::Acquire::wait_timeout) and [`wait`](crate::futures::Acquire::wait).
    ///
    /// # Fairness
    /// Unless the permit is available, the thread is queued at once, like a task.
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| drop(semaphore.blocking_acquire()));
    ///     scope.spawn(|| drop(semaphore.blocking_acquire()));
    /// });
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    #[doc(alias = "acquire_blocking")]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire().wait()
    }

    /// Like [`acquire_many`](Self::acquire_many), blocking the current thread like
    /// [`blocking_acquire`](Self::blocking_acquire).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: usize) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(n).wait()
    }

    /// Like [`acquire_owned`](Self::acquire_owned), blocking the current thread like
    /// [`blocking_acquire`](Self::blocking_acquire).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    #[doc(alias = "acquire_arc_blocking")]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_owned().wait()
    }

    /// Like [`acquire_many_owned`](Self::acquire_many_owned), blocking the current thread like
    /// [`blocking_acquire`](Self::blocking_acquire).
    ///
    /// # Errors
    /// Like [`acquire`](Self::acquire).
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(n).wait()
    }
}

/// Changing the number of permits, and closing.
impl Semaphore {
    /// Sets the number of permits that exist, while any number of them is held.
    ///
    /// Raising the limit adds permits, as [`add_permits`](Self::add_permits) does. Lowering it takes available permits away; if
    /// too few are available, the rest is [owed](Self::owed): permits that are released pay it before any request gets one.
    /// Lowering never waits, and revokes nothing.
    ///
    /// Several threads may call this at once. The limit of the call that takes effect last holds exactly. While such calls
    /// run, too many permits may be taken away for a moment: then a try can fail, and [`owed`](Self::owed) is too large.
    ///
    /// # Panics
    /// Panics if `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS), or if several calls at once lower the limit by more
    /// than twice that in total. The semaphore is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(10);
    /// let busy = semaphore.try_acquire_many(7)?;
    /// semaphore.set_limit(4); // three permits are owed
    /// drop(busy);
    /// assert_eq!(semaphore.available_permits(), 4);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "resize")]
    #[doc(alias = "set_capacity")]
    #[track_caller]
    pub fn set_limit(&self, n: usize) {
        if n > Self::MAX_PERMITS {
            too_many_permits();
        }
        if !self.raw.set_limit(n) {
            deficit_too_large();
        }
    }

    /// Adds `n` permits. They pay owed permits first, then go to the queued requests, and the rest becomes available.
    ///
    /// The queued requests are granted one after another, and the waker of each is called before the next one is granted. No
    /// new request is granted in between. But a [`close`](Self::close), [`set_limit`](Self::set_limit),
    /// [`forget_permits`](Self::forget_permits) or [`reduce_permits`](Self::reduce_permits) in between takes effect before
    /// the requests that are still queued are granted.
    ///
    /// # Panics
    /// Panics if more than [`MAX_PERMITS`](Self::MAX_PERMITS) would exist. The semaphore is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(1);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    #[doc(alias = "release")]
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        if !self.raw.add(n) {
            too_many_permits();
        }
    }

    /// Adds up to `n` permits, but only so many that at most `most` are available; returns how many were added.
    ///
    /// The available permits are counted before waiters are served, and owed permits are paid on top: with two permits owed,
    /// at most `most + 2` are added. The check and the addition are one atomic step, so two threads that refill a bucket at the
    /// same time do not fill it above `most`. While requests wait, no permit is normally available, so each refill adds up to
    /// `most`, and the requests get them. If the request at the front needs more than `most`, the bucket never holds enough
    /// for it, and it waits until it is cancelled or the permits come from elsewhere.
    ///
    /// # Panics
    /// Panics if `most` is more than [`MAX_PERMITS`](Self::MAX_PERMITS), or if more would exist. The semaphore is then
    /// unchanged. Close to this maximum, two additions at the same time may panic although both fit one after the other.
    ///
    /// # Examples
    /// A token bucket with a burst of 5, and a signal that is set at most once:
    /// ```
    /// let bucket = fairgate::Semaphore::new(3);
    /// assert_eq!(bucket.add_permits_up_to(10, 5), 2);
    ///
    /// let signal = fairgate::Semaphore::new(0);
    /// signal.add_permits_up_to(1, 1);
    /// signal.add_permits_up_to(1, 1);
    /// assert_eq!(signal.available_permits(), 1);
    /// ```
    #[doc(alias = "BoundedSemaphore")]
    #[doc(alias = "refill")]
    #[doc(alias = "rate")]
    #[track_caller]
    pub fn add_permits_up_to(&self, n: usize, most: usize) -> usize {
        if most > Self::MAX_PERMITS {
            too_many_permits();
        }
        let added = self.raw.add_up_to(n, most);
        added.unwrap_or_else(|| too_many_permits())
    }

    /// Removes up to `n` available permits for good, and returns how many were removed. Never waits.
    ///
    /// # Examples
    /// To lower the rate of a token bucket, take tokens away with this method. After [`set_limit`](Self::set_limit) an empty
    /// bucket would owe tokens.
    /// ```
    /// let semaphore = fairgate::Semaphore::new(3);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!(semaphore.forget_permits(10), 2);
    /// assert_eq!(semaphore.limit(), 1);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.raw.forget(n)
    }

    /// Removes `n` permits. If fewer are available, the rest is [owed](Self::owed): released permits pay the deficit before
    /// any request gets one. Never waits.
    ///
    /// # Panics
    /// Panics if more than [`MAX_PERMITS`](Self::MAX_PERMITS) would be owed, with none held. The semaphore is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(2);
    /// let permit = semaphore.try_acquire()?;
    /// semaphore.reduce_permits(2); // one was available, one is owed
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # Ok::<(), fairgate::TryAcquireError>(())
    /// ```
    #[doc(alias = "reducePermits")]
    #[track_caller]
    pub fn reduce_permits(&self, n: usize) {
        if !self.raw.reduce(n) {
            deficit_too_large();
        }
    }

    /// Closes the semaphore: all queued and all future requests fail. Permits that were granted before stay granted. Calls
    /// the wakers of the queued requests, one after another like [`add_permits`](Self::add_permits).
    ///
    /// A closed semaphore cannot be opened again. Permits can still be released, added and removed. Closing it again changes
    /// nothing.
    ///
    /// # Examples
    /// ```
    /// use fairgate::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    pub fn close(&self) {
        self.raw.close();
    }

    /// Returns `true` if the semaphore is closed.
    ///
    /// # Examples
    /// ```
    /// let semaphore = fairgate::Semaphore::new(1);
    /// assert!(!semaphore.is_closed());
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.raw.state().is_closed()
    }
}

/// Shows the available permits (negative if some are owed), the limit, the number of waiters, how many permits the front of
/// the queue needs, and whether the semaphore is closed. The values are not one snapshot: they may be from different moments.
impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.raw.state();
        let mut debug = f.debug_struct("Semaphore");
        debug.field("permits", &state.permits()).field("limit", &self.limit());
        debug.field("waiters", &self.waiters());
        if let Some(needed) = self.needed() {
            debug.field("needed", &needed);
        }
        debug.field("closed", &state.is_closed()).finish()
    }
}
