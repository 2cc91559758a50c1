//! What asyncio's semaphores are made of: a future that another task resolves, a queue of them, and `finally`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// An `asyncio.Future` without a value.
#[derive(Clone, Default)]
pub(crate) struct Promise(Rc<Inner>);

#[derive(Default)]
struct Inner {
    state: Cell<State>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Pending,
    Resolved,
    Cancelled,
}

impl Promise {
    /// Resolved or cancelled.
    pub(super) fn is_done(&self) -> bool {
        self.0.state.get() != State::Pending
    }

    pub(super) fn is_resolved(&self) -> bool {
        self.0.state.get() == State::Resolved
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.state.get() == State::Cancelled
    }

    pub(super) fn resolve(&self) {
        self.finish(State::Resolved);
    }

    /// Has no effect on a promise that is done.
    pub(super) fn cancel(&self) {
        if !self.is_done() {
            self.finish(State::Cancelled);
        }
    }

    fn finish(&self, state: State) {
        self.0.state.set(state);
        let waker = self.0.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            if self.is_done() {
                return Poll::Ready(());
            }
            *self.0.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// `collections.deque` of futures.
#[derive(Default)]
pub(super) struct Waiters(RefCell<VecDeque<Promise>>);

impl Waiters {
    pub(super) fn push(&self, promise: &Promise) {
        self.0.borrow_mut().push_back(promise.clone());
    }

    pub(super) fn pop(&self) -> Option<Promise> {
        self.0.borrow_mut().pop_front()
    }

    pub(super) fn remove(&self, promise: &Promise) {
        self.0.borrow_mut().retain(|other| !other.is(promise));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The first that is pending.
    pub(super) fn first_pending(&self) -> Option<Promise> {
        self.0.borrow().iter().find(|promise| !promise.is_done()).cloned()
    }

    pub(super) fn all_cancelled(&self) -> bool {
        self.0.borrow().iter().all(Promise::is_cancelled)
    }

    /// For a person to read.
    pub(super) fn describe(&self) -> String {
        let states = self
            .0
            .borrow()
            .iter()
            .map(|promise| match promise.0.state.get() {
                State::Pending => "pending",
                State::Resolved => "resolved",
                State::Cancelled => "cancelled",
            })
            .collect::<Vec<_>>();
        format!("[{}]", states.join(", "))
    }
}

/// Runs the closure when it is dropped, as `finally` does.
pub(super) fn finally(run: impl FnOnce()) -> impl Drop {
    OnDrop(Some(run))
}

/// Runs the closure when the future that waits is dropped, as `except CancelledError` does.
/// [`completed`](OnCancel::completed) prevents it.
pub(super) fn on_cancel<F: FnOnce()>(run: F) -> OnCancel<F> {
    OnCancel(OnDrop(Some(run)))
}

pub(super) struct OnCancel<F: FnOnce()>(OnDrop<F>);

impl<F: FnOnce()> OnCancel<F> {
    pub(super) fn completed(mut self) {
        self.0.0 = None;
    }
}

struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}
