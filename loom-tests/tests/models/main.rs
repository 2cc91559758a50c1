//! Models of the semaphore and the mutex, run by loom. A file is a subject, a test's name its claim.

mod check;
mod data;
mod request;
mod threads;

mod cancel;
mod close;
mod editing;
mod grant;
mod wakers;
