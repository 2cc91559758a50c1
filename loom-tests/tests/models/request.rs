//! A future that is polled by hand, and the task that it wakes.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it was woken. Loom does not see this counter, so it orders nothing.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task that asks.
pub struct Task(Arc<Calls>);

thread_local! {
    /// All that wakers of this execution lead to, twice each: a waker that is dropped twice shows as one too few.
    /// (Loom's threads share one real thread, and so this.)
    static WOKEN: RefCell<Vec<[Arc<dyn Any>; 2]>> = const { RefCell::new(Vec::new()) };
}

/// A waker that must be gone by the end of the execution, dropped once.
pub fn waker<W: Wake + Send + Sync + 'static>(woken: &Arc<W>) -> Waker {
    WOKEN.with_borrow_mut(|all| {
        let known = all.iter().any(|[one, _]| Arc::as_ptr(one).addr() == Arc::as_ptr(woken).addr());
        if !known {
            all.push([woken.clone(), woken.clone()]);
        }
    });
    Waker::from(woken.clone())
}

impl Task {
    pub fn new() -> Self {
        Self(Arc::new(Calls::default()))
    }

    pub fn waker(&self) -> Waker {
        waker(&self.0)
    }

    fn woken(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }
}

/// Runs one execution of a model, and looks whether all wakers are gone at its end.
pub fn run_and_check_wakers(model: impl Fn()) {
    WOKEN.take();
    model();
    for [woken, _] in WOKEN.take() {
        assert_eq!(Arc::strong_count(&woken), 2, "a waker was leaked, or dropped twice");
    }
}

/// A future with the task that polled it last.
pub struct Request<F: Future> {
    future: Pin<Box<F>>,
    task: Task,
}

/// A request that was polled, and what it said.
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

    /// Polls a new future that has to wait.
    #[track_caller]
    pub fn pending(future: F) -> Self {
        match Self::poll_once(future) {
            Polled::Ready(_) => panic!("there was nothing to wait for"),
            Polled::Pending(request) => request,
        }
    }

    /// Polls once more.
    pub fn poll_again(mut self) -> Polled<F> {
        match self.poll() {
            Poll::Ready(output) => Polled::Ready(output),
            Poll::Pending => Polled::Pending(self),
        }
    }

    /// Polls once more, from another task. The one that it leaves is woken at most once, and holds nothing
    /// of it any longer.
    pub fn poll_from_new_task(mut self) -> Polled<F> {
        let left = mem::replace(&mut self.task, Task::new());
        let asked = self.poll_again();
        assert!(left.woken() <= 1);
        asked
    }

    /// Polls once more where it lies.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.future.as_mut().poll(&mut Context::from_waker(&self.task.waker()))
    }

    /// The future, to look at.
    pub fn future(&self) -> &F {
        &self.future
    }

    /// Looks at a request once the other threads are done. Was it served since it was last polled, then it
    /// was woken, once; was it not, then it was not.
    #[track_caller]
    pub fn check_wakes(mut self) -> Polled<F> {
        match self.poll() {
            Poll::Ready(output) => {
                assert_eq!(self.task.woken(), 1, "served, so woken once");
                Polled::Ready(output)
            }
            Poll::Pending => {
                assert_eq!(self.task.woken(), 0, "not served, so not woken");
                Polled::Pending(self)
            }
        }
    }

    /// Settles a request that must have been served by now.
    #[track_caller]
    pub fn expect_ready(self) -> F::Output {
        Polled::Pending(self).expect_ready()
    }

    /// Settles a request that must still be waiting.
    #[track_caller]
    pub fn expect_pending(self) -> Self {
        Polled::Pending(self).expect_pending()
    }
}

impl<F: Future> Polled<F> {
    /// What it was served, at its last poll or since.
    #[track_caller]
    pub fn expect_ready(self) -> F::Output {
        match self.check_wakes() {
            Polled::Ready(output) => output,
            Polled::Pending(_) => panic!("a request that could be served still waits"),
        }
    }

    /// The request, which must still be waiting.
    #[track_caller]
    pub fn expect_pending(self) -> Request<F> {
        match self.check_wakes() {
            Polled::Ready(_) => panic!("a request was served out of turn"),
            Polled::Pending(request) => request,
        }
    }

    /// What it was served, if it was ready at its last poll; else the request.
    pub fn into_ready(self) -> Result<F::Output, Request<F>> {
        match self {
            Polled::Ready(output) => Ok(output),
            Polled::Pending(request) => Err(request),
        }
    }

    /// As [`Request::check_wakes`].
    #[track_caller]
    pub fn check_wakes(self) -> Self {
        match self {
            Polled::Ready(_) => self,
            Polled::Pending(request) => request.check_wakes(),
        }
    }

    /// As [`Request::poll_from_new_task`], if it was pending at its last poll.
    pub fn poll_from_new_task(self) -> Self {
        match self {
            Polled::Ready(_) => self,
            Polled::Pending(request) => request.poll_from_new_task(),
        }
    }
}
