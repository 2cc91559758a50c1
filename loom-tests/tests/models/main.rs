//! Models of the semaphore and the mutex, run by loom: a file per subject, and the name of a test is its claim.

mod bridge;
mod check;
mod data;
mod request;
mod scenario;
mod threads;

mod blocking;
mod cancel;
mod close;
mod combinations;
mod counting;
mod grant;
mod limit;
mod limits;
mod mutex;
mod observe;
mod queue_lock;
mod scenarios;
mod timeout;
mod try_acquire;
mod visibility;
mod visibility_matrix;
mod wakers;
