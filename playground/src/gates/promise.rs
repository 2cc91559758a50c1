//! What asyncio's semaphores are made of: a future that another task resolves, a queue of them, and `finally`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Poll, Waker};

use event_listener::{Event, EventListener, IntoNotification};

use super::trace::{report, report_at};

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
    #[track_caller]
    pub(super) fn is_done(&self) -> bool {
        report("promise", false, format!("the promise is {}", self.word()));
        self.is_finished()
    }

    fn is_finished(&self) -> bool {
        self.0.state.get() != State::Pending
    }

    fn word(&self) -> &'static str {
        match self.0.state.get() {
            State::Pending => "pending",
            State::Resolved => "resolved",
            State::Cancelled => "cancelled",
        }
    }

    /// Without a report, for the picture.
    pub(super) fn peek_resolved(&self) -> bool {
        self.0.state.get() == State::Resolved
    }

    #[track_caller]
    pub(super) fn is_resolved(&self) -> bool {
        report("promise", false, format!("the promise is {}", self.word()));
        self.0.state.get() == State::Resolved
    }

    #[track_caller]
    pub(super) fn is_cancelled(&self) -> bool {
        report("promise", false, format!("the promise is {}", self.word()));
        self.0.state.get() == State::Cancelled
    }

    #[track_caller]
    pub(super) fn resolve(&self) {
        report("waiters", true, "a waiter is woken".to_owned());
        self.finish(State::Resolved);
    }

    /// Has no effect on a promise that is done.
    #[track_caller]
    pub(super) fn cancel(&self) {
        let changes = !self.is_finished();
        let text = if changes { "the promise is cancelled" } else { "the promise is done already" };
        report("promise", changes, text.to_owned());
        if changes {
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

    #[track_caller]
    pub(super) fn wait(&self) -> impl Future<Output = ()> {
        let at = Location::caller();
        poll_fn(move |cx| {
            if self.is_finished() {
                report_at(at, "promise", false, "goes on after this await".to_owned());
                return Poll::Ready(());
            }
            *self.0.waker.borrow_mut() = Some(cx.waker().clone());
            report_at(at, "promise", false, "waits".to_owned());
            Poll::Pending
        })
    }

    fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// `collections.deque` of futures.
#[derive(Default)]
pub(super) struct Waiters(RefCell<VecDeque<Promise>>);

impl Waiters {
    #[track_caller]
    pub(super) fn push(&self, promise: &Promise) {
        report("waiters", true, "joins the queue".to_owned());
        self.0.borrow_mut().push_back(promise.clone());
    }

    #[track_caller]
    pub(super) fn pop(&self) -> Option<Promise> {
        let first = self.0.borrow_mut().pop_front();
        let text = if first.is_some() { "takes the first of the queue" } else { "the queue is empty" };
        report("waiters", first.is_some(), text.to_owned());
        first
    }

    #[track_caller]
    pub(super) fn remove(&self, promise: &Promise) {
        report("waiters", true, "leaves the queue".to_owned());
        self.0.borrow_mut().retain(|other| !other.is(promise));
    }

    #[track_caller]
    pub(super) fn is_empty(&self) -> bool {
        let empty = self.0.borrow().is_empty();
        report("waiters", false, format!("the queue is {}", if empty { "empty" } else { "not empty" }));
        empty
    }

    /// The first that is pending.
    #[track_caller]
    pub(super) fn first_pending(&self) -> Option<Promise> {
        let first = self.0.borrow().iter().find(|promise| !promise.is_finished()).cloned();
        let text = if first.is_some() { "a waiter is pending" } else { "no waiter is pending" };
        report("waiters", false, text.to_owned());
        first
    }

    #[track_caller]
    pub(super) fn all_cancelled(&self) -> bool {
        let all = self.0.borrow().iter().all(|promise| promise.0.state.get() == State::Cancelled);
        report("waiters", false, format!("all waiters are cancelled, or there are none: {all}"));
        all
    }

    /// For a person to read.
    pub(super) fn describe(&self) -> String {
        let states = self.0.borrow().iter().map(Promise::word).collect::<Vec<_>>();
        format!("[{}]", states.join(", "))
    }
}

/// An event of the crate `event-listener`.
#[derive(Default)]
pub(super) struct Signal(Event);

impl Signal {
    #[track_caller]
    pub(super) fn listen(&self) -> EventListener {
        report("released", true, "listens".to_owned());
        self.0.listen()
    }

    #[track_caller]
    pub(super) fn notify(&self, most: usize) {
        report("released", true, "all listeners are notified".to_owned());
        self.0.notify(most);
    }

    #[track_caller]
    pub(super) fn notify_additional(&self, n: usize) {
        report("released", true, format!("{n} more is notified, if one listens"));
        self.0.notify(n.additional());
    }

    pub(super) fn total_listeners(&self) -> usize {
        self.0.total_listeners()
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
