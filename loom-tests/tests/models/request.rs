//! A future that is polled by hand, and the task that it wakes.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::bridge;

/// Counts wake-ups. Loom does not know this counter, so it orders nothing.
#[derive(Default)]
struct WakeCount(AtomicUsize);

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        bridge::waker_is_called();
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task that does nothing but count how often it was woken.
pub struct Task(Arc<WakeCount>);

thread_local! {
    /// The targets of all wakers of this execution, two handles each: a waker that is dropped twice leaves a count
    /// of one. All threads of a model run on one real thread, so they share this list.
    static WAKE_TARGETS: RefCell<Vec<[Arc<dyn Any>; 2]>> = const { RefCell::new(Vec::new()) };
}

/// A waker that must have been dropped exactly once when the execution ends.
pub fn waker<W: Wake + Send + Sync + 'static>(target: &Arc<W>) -> Waker {
    WAKE_TARGETS.with_borrow_mut(|all| {
        let known = all.iter().any(|[one, _]| Arc::as_ptr(one).addr() == Arc::as_ptr(target).addr());
        if !known {
            all.push([target.clone(), target.clone()]);
        }
    });
    Waker::from(target.clone())
}

impl Task {
    pub fn new() -> Self {
        Self(Arc::new(WakeCount::default()))
    }

    pub fn waker(&self) -> Waker {
        waker(&self.0)
    }

    fn wakes(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }
}

/// Runs one execution of a model, then asserts that each waker was dropped exactly once.
pub fn run_and_check_wakers(model: impl Fn()) {
    WAKE_TARGETS.take();
    model();
    for [target, _] in WAKE_TARGETS.take() {
        assert_eq!(Arc::strong_count(&target), 2, "a waker was leaked, or dropped twice");
    }
}

/// A pending future with the task that polled it last.
pub struct Request<F: Future> {
    future: Pin<Box<F>>,
    task: Task,
}

/// A request after a poll.
pub enum Polled<F: Future> {
    Ready(F::Output),
    Pending(Request<F>),
}

impl<F: Future> Request<F> {
    /// Polls a new future once.
    pub fn poll_once(future: F) -> Polled<F> {
        let mut request = Self { future: Box::pin(future), task: Task::new() };
        match request.poll() {
            Poll::Ready(output) => Polled::Ready(output),
            Poll::Pending => Polled::Pending(request),
        }
    }

    /// Polls a new future once, and asserts that it is pending.
    #[track_caller]
    pub fn pending(future: F) -> Self {
        match Self::poll_once(future) {
            Polled::Ready(_) => panic!("the future completed at its first poll"),
            Polled::Pending(request) => request,
        }
    }

    /// Polls again, with a waker of the same task.
    pub fn poll_again(mut self) -> Polled<F> {
        match self.poll() {
            Poll::Ready(output) => Polled::Ready(output),
            Poll::Pending => Polled::Pending(self),
        }
    }

    /// Polls again, with a waker of a new task. The old task has been woken at most once by then.
    pub fn poll_from_new_task(mut self) -> Polled<F> {
        let old = mem::replace(&mut self.task, Task::new());
        let polled = self.poll_again();
        assert!(old.wakes() <= 1);
        polled
    }

    /// Polls again in place.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.future.as_mut().poll(&mut Context::from_waker(&self.task.waker()))
    }

    /// The future, for its accessors.
    pub fn future(&self) -> &F {
        &self.future
    }

    /// Polls again after the other threads have ended, and asserts that the task was woken exactly once if the
    /// future completed after its last poll, and not at all if it is still pending.
    #[track_caller]
    pub fn check_wakes(mut self) -> Polled<F> {
        match self.poll() {
            Poll::Ready(output) => {
                assert_eq!(self.task.wakes(), 1, "completed, so woken once");
                Polled::Ready(output)
            }
            Poll::Pending => {
                assert_eq!(self.task.wakes(), 0, "pending, so not woken");
                Polled::Pending(self)
            }
        }
    }

    /// Like [`check_wakes`](Self::check_wakes), for a request that must have completed.
    #[track_caller]
    pub fn expect_ready(self) -> F::Output {
        Polled::Pending(self).expect_ready()
    }

    /// Like [`check_wakes`](Self::check_wakes), for a request that must still be pending.
    #[track_caller]
    pub fn expect_pending(self) -> Self {
        Polled::Pending(self).expect_pending()
    }
}

impl<F: Future> Polled<F> {
    /// The output of a request that completed at its last poll or must have completed since.
    #[track_caller]
    pub fn expect_ready(self) -> F::Output {
        match self.check_wakes() {
            Polled::Ready(output) => output,
            Polled::Pending(_) => panic!("a request that can be granted is still pending"),
        }
    }

    /// The request, which must still be pending.
    #[track_caller]
    pub fn expect_pending(self) -> Request<F> {
        match self.check_wakes() {
            Polled::Ready(_) => panic!("a request completed before its turn"),
            Polled::Pending(request) => request,
        }
    }

    /// The output if the last poll returned one, and the request otherwise.
    pub fn into_ready(self) -> Result<F::Output, Request<F>> {
        match self {
            Polled::Ready(output) => Ok(output),
            Polled::Pending(request) => Err(request),
        }
    }

    /// Like [`Request::check_wakes`], unless the last poll completed it.
    #[track_caller]
    pub fn check_wakes(self) -> Self {
        match self {
            Polled::Ready(_) => self,
            Polled::Pending(request) => request.check_wakes(),
        }
    }

    /// Like [`Request::poll_from_new_task`], unless the last poll completed it.
    pub fn poll_from_new_task(self) -> Self {
        match self {
            Polled::Ready(_) => self,
            Polled::Pending(request) => request.poll_from_new_task(),
        }
    }
}
