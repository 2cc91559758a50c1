#![deny(unsafe_code)]
//! The algorithm of the semaphore. [`Semaphore`](crate::Semaphore) and [`Mutex`](crate::Mutex) are thin layers on top of
//! [`RawSemaphore`]; nothing in this folder knows them.
//!
//! Why not an atomic counter and a list of wakers? A release would then wake a task, which has to compete for the
//! permit with all other tasks: the order is lost, and if the task that was woken is cancelled, the wake-up may be
//! lost, too. Here a release *grants* permits to the request at the front of the queue, and the request owns them
//! before its task runs. The price is a protocol between threads that edit the queue and threads that only change the
//! number of permits.
//!
//! The number of permits is in the state word, together with four flags (`state.rs`). The queue is a list of nodes
//! (`queue.rs`). The transitions are in `semaphore.rs`, and the future that makes them in `acquire.rs`. A request goes
//! through these phases:
//!
//! ```text
//!            must wait        at the front, enough permits      outcome stored
//!    new ───────────────▶ queued ──────────────▶ claimed ──────────────▶ granted
//!     │                     │  ▲ ◀─────────────────┘                       │
//!     │ permits available   │     put back: the permits were forgotten      ├─ polled ───▶ completed
//!     ▼                     ▼ cancelled                                     │
//!  completed             removed                                            └─ cancelled ▶ released
//! ```
//!
//! If the semaphore is closed, the request at the front is claimed as well, and its outcome is a failure instead of a grant.
//! A request that is cancelled while it is claimed waits for its outcome first.
//!
//! *Foreign code* is code outside the crate: that of wakers. The *lock holder* is the thread that has set LOCKED.
//!
//! * **F1** While QUEUED is set, only the request at the front gets permits. *Fairness.*
//! * **F2** While the queue is unlocked, QUEUED is set if and only if the queue is not empty. The lock holder sets QUEUED in
//!   the step that locks the queue, and clears it in the step that unlocks an empty one, in which the permits of the last
//!   grant leave the word (F5). So a request that finds QUEUED set is behind another request whose grant is not visible
//!   yet.
//! * **F3** When the queue is unlocked, either the front cannot complete with the permits in the word, or a thread is
//!   committed to examine it: (a) one that added permits, (b) one that granted the request before it and calls its waker first,
//!   or (c) one that lowered the limit. *No lost wake-up.*
//!   Only [`RawSemaphore::unlock`] and `serve` unlock a queue that is not empty, and both examine the front first.
//! * **F4** Wakers are cloned, called and dropped by a thread that does not hold the queue lock and has stored the outcome
//!   of the request that it has claimed. *No deadlock with foreign code.*
//! * **F5** The step that unlocks the queue takes the permits of the claimed request out of the word. From then on the
//!   request owns these permits, and its outcome is stored next. If the semaphore was closed before that step, the
//!   request fails, and the permits stay in the word. *Conservation.*
//! * **F6** No thread waits for the lock holder to add permits, to take permits away, or to close the semaphore: the lock
//!   holder's attempt to unlock fails, because the state has changed. The lock holder puts the request that it has claimed
//!   back, and examines the front again. *A release never waits.*
//! * **F7** At every moment, `limit` minus the permits in the word is at least the number of permits that are held: the limit
//!   is raised before the word, and lowered after it, or after the holder of the permits has given them up. So while the
//!   word holds as many permits as the limit, none is held, and [`Request::ALL`] is granted. *Exclusive.* The two words are
//!   read one after the other. That is enough under the lock: no request takes permits then, each permit that is added was
//!   in the limit before, and a thread that takes permits out of the word sets RECHECK, so the lock holder cannot unlock
//!   before it has examined the front again. After the limit was lowered, the front may be able to complete although the
//!   word has not changed. So the thread that has lowered it sets RECHECK, or serves the queue itself (F3).

mod acquire;
mod queue;
mod semaphore;
mod state;

pub(crate) use self::acquire::RawAcquire;
pub(crate) use self::queue::{MAX_LENGTH, Progress};
pub(crate) use self::semaphore::{AsRaw, RawHandle, RawSemaphore};
pub(crate) use self::state::{MAX_PERMITS, Refused, Request};
