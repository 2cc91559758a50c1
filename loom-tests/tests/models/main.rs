//! Models of the semaphore and the mutex, run by loom. A file is a subject, a test's name its claim.

mod check;
mod data;
mod request;
mod scenario;
mod threads;

mod blocking;
mod cancel;
mod close;
mod counting;
mod editing;
mod grant;
mod limits;
mod locked;
mod mutex;
mod observe;
mod points;
mod timeout;
mod visibility;
mod wakers;
