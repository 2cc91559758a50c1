//! A timeout lets go: when the deadline fires, the future is dropped before anybody hears of it.

use std::cell::Cell;
use std::future::{Future, Pending, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use fairgate::{Elapsed, Mutex, Semaphore, TimeoutExt, WithTimeout, with_timeout};

use crate::common::hooked::{self, Touch};
use crate::common::kind::{Counting, Kind, Shared, Start, each_kind};
use crate::common::scene::Scene;
use crate::common::step::Answer;

/// A deadline that a test lets pass.
#[derive(Clone, Default)]
struct Bell(Rc<Cell<bool>>);

impl Bell {
    fn ring(&self) {
        self.0.set(true);
    }
}

impl Future for Bell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.get() { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn elapsed<T>(polled: Poll<Result<T, Elapsed>>) -> bool {
    matches!(polled, Poll::Ready(Err(_)))
}

fn panics<R>(what: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(what)).is_err()
}

type Limited<K, D> = WithTimeout<<K as Kind>::Request, D>;

/// An adapter that stands in line.
fn in_line<K: Kind>(kind: &K, n: usize) -> (Limited<K, Bell>, Bell) {
    let bell = Bell::default();
    let mut adapter = with_timeout(kind.request(n.into()), bell.clone());
    assert!(poll(&mut adapter).is_pending());
    (adapter, bell)
}

/// One who asks after all others is served at the next permit: nobody else stands in line.
fn assert_line_is_empty<K: Start>(scene: &mut Scene<K>) {
    let only = scene.ask(1);
    scene.kind.add(1);
    assert_eq!(scene.poll(only), Answer::Got(1), "somebody else stands in line");
    scene.leave(only);
    assert!(scene.kind.is_free());
}

/// P25: the expired adapter kept its place and swallowed the next permit for as long as it was kept.
fn an_expired_adapter_that_is_kept_stands_in_no_line<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (mut kept, bell) = in_line(&scene.kind, 1);
    bell.ring();
    assert!(elapsed(poll(&mut kept)));
    assert_line_is_empty(&mut scene);
    drop(kept);
    assert_eq!(scene.kind.tells(), (1, 0));
}

/// P25: nor does it come back into the line, whatever is done to it.
fn an_adapter_that_is_done_panics_when_polled_and_takes_nothing<K: Start>() {
    let scene = Scene::<K>::new(0);
    let (mut expired, bell) = in_line(&scene.kind, 1);
    bell.ring();
    assert!(elapsed(poll(&mut expired)));
    assert!(panics(|| poll(&mut expired)));
    scene.kind.add(1);
    assert!(panics(|| poll(&mut expired)));
    assert_eq!(scene.kind.tells(), (1, 0));
    let mut served = with_timeout(scene.kind.request(1.into()), pending::<()>());
    assert!(matches!(poll(&mut served), Poll::Ready(Ok(Some(_)))));
    assert!(panics(|| poll(&mut served)));
    assert_eq!(scene.kind.tells(), (1, 0));
}

/// P25: the permit and the deadline have come by the same poll.
fn a_permit_that_is_there_wins_over_a_deadline_that_has_passed<K: Start>() {
    let scene = Scene::<K>::new(0);
    let (mut adapter, bell) = in_line(&scene.kind, 1);
    scene.kind.add(1);
    bell.ring();
    let served = poll(&mut adapter);
    assert!(matches!(served, Poll::Ready(Ok(Some(_)))));
    assert!(!scene.kind.is_free());
    drop(served);
    assert_eq!(scene.kind.tells(), (1, 0));
}

/// P25: the permit is granted after the future was polled and before the deadline has spoken. It goes on to the
/// next, at once.
fn a_permit_granted_while_the_deadline_fires_is_passed_on<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (kind, fires) = (scene.kind.clone(), Cell::new(false));
    let deadline = poll_fn(|_| {
        if !fires.get() {
            return Poll::Pending;
        }
        kind.add(1);
        Poll::Ready(())
    });
    let mut adapter = pin!(with_timeout(scene.kind.request(1.into()), deadline));
    assert!(poll(&mut adapter).is_pending());
    let next = scene.ask(1);
    fires.set(true);
    assert!(elapsed(poll(&mut adapter)));
    assert_eq!(scene.woken(), [next]);
    assert_eq!(scene.poll(next), Answer::Got(1));
}

/// P25: a deadline of zero.
fn no_time_at_all_still_lets_through_what_need_not_wait<K: Start>() {
    let mut scene = Scene::<K>::new(1);
    let mut adapter = with_timeout(scene.kind.request(1.into()), ready(()));
    let served = poll(&mut adapter);
    assert!(matches!(served, Poll::Ready(Ok(Some(_)))));
    let mut adapter = with_timeout(scene.kind.request(1.into()), ready(()));
    assert!(elapsed(poll(&mut adapter)));
    drop(served);
    assert_eq!(scene.try_take(1), Answer::Got(1), "who was out of time does not stand in line");
}

/// P25: a deadline that never fires changes nothing about the order.
fn without_end_of_time_a_request_is_served_in_its_turn<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let first = scene.ask(1);
    let mut second = with_timeout(scene.kind.request(1.into()), pending::<()>());
    assert!(poll(&mut second).is_pending());
    let third = scene.ask(1);
    scene.kind.add(1);
    assert!(poll(&mut second).is_pending());
    assert_eq!(scene.poll(first), Answer::Got(1));
    scene.leave(first);
    let served = poll(&mut second);
    assert!(matches!(served, Poll::Ready(Ok(Some(_)))));
    assert_eq!(scene.poll(third), Answer::Waits);
    drop(served);
    assert_eq!(scene.woken(), [first, third]);
}

/// P25: neither side has fired when the caller loses interest.
fn an_adapter_dropped_half_way_gives_up_its_place_or_passes_its_grant_on<K: Start>() {
    for granted in [false, true] {
        let mut scene = Scene::<K>::new(0);
        let (adapter, _bell) = in_line(&scene.kind, 1);
        let next = scene.ask(1);
        if granted {
            scene.kind.add(1);
        }
        drop(adapter);
        if !granted {
            scene.kind.add(1);
        }
        assert_eq!(scene.woken(), [next]);
    }
}

/// P01, P25: the one that expires may be the large front.
fn a_large_front_out_of_time_lets_those_behind_it_in<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(2);
    let (mut front, bell) = in_line(&scene.kind, 3);
    let [second, third, _fourth] = [1, 1, 1].map(|n| scene.ask(n));
    bell.ring();
    assert!(elapsed(poll(&mut front)));
    assert_eq!(scene.woken(), [second, third]);
}

/// P25: what the future held goes back too, not its place alone.
fn a_permit_held_inside_the_limit_is_back_before_anybody_hears_of_it<K: Start>() {
    let scene = Scene::<K>::new(1);
    let bell = Bell::default();
    let request = scene.kind.request(1.into());
    let work = async {
        let _slot = request.await;
        pending::<()>().await;
    };
    let mut adapter = pin!(with_timeout(work, bell.clone()));
    assert!(poll(&mut adapter).is_pending());
    assert!(!scene.kind.is_free());
    bell.ring();
    assert!(elapsed(poll(&mut adapter)));
    assert!(scene.kind.is_free());
}

/// P25: the deadline panics, at the first poll or later.
fn a_deadline_that_panics_takes_the_waiter_out_of_the_line<K: Start>() {
    for at in 1..=2 {
        let mut scene = Scene::<K>::new(0);
        let mut polls = 0;
        let deadline = poll_fn(move |_| {
            polls += 1;
            assert!(polls < at, "the deadline's own");
            Poll::<()>::Pending
        });
        let mut adapter = with_timeout(scene.kind.request(1.into()), deadline);
        (1..at).for_each(|_| assert!(poll(&mut adapter).is_pending()));
        assert!(panics(|| poll(&mut adapter)));
        assert_line_is_empty(&mut scene);
        assert!(panics(|| poll(&mut adapter)));
        assert_eq!(scene.kind.tells(), (1, 0));
    }
}

/// P25: the future panics, with a permit in its hands and another request in line.
fn a_future_that_panics_gives_back_what_it_has<K: Start>() {
    let mut scene = Scene::<K>::new(1);
    let (first, mut second) = (scene.kind.request(1.into()), scene.kind.request(1.into()));
    let work = async move {
        let _slot = first.await;
        assert!(poll(&mut second).is_pending());
        panic!("the future's own");
    };
    let mut adapter = Box::pin(with_timeout(work, pending::<()>()));
    assert!(panics(|| poll(&mut adapter)));
    assert!(scene.kind.is_free());
    assert_eq!(scene.try_take(1), Answer::Got(1));
    assert!(panics(|| poll(&mut adapter)));
}

/// A deadline that does something when it is polled and when it is dropped.
struct Meddler<F: FnMut()>(F);

impl<F: FnMut() + Unpin> Future for Meddler<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        (self.0)();
        Poll::Pending
    }
}

impl<F: FnMut()> Drop for Meddler<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// P25: the timer itself comes back to the semaphore: as it is polled, the adapter in line, and as it is dropped.
fn a_deadline_may_ask_and_leave_as_it_is_polled_and_dropped<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (kind, mut visits) = (scene.kind.clone(), 0);
    let meddle = || {
        visits += 1;
        assert!(kind.try_take(1).is_none());
        let mut newcomer = kind.request(1.into());
        assert!(poll(&mut newcomer).is_pending());
    };
    let mut adapter = with_timeout(scene.kind.request(1.into()), Meddler(meddle));
    assert!(poll(&mut adapter).is_pending());
    assert!(poll(&mut adapter).is_pending());
    drop(adapter);
    assert_eq!(visits, 3);
    assert_line_is_empty(&mut scene);
}

/// P25: the timer wakes its task while it is polled, and that waker comes back to the semaphore.
fn a_deadline_whose_waker_comes_back_grants_in_turn<K: Shared>() {
    let scene = Scene::<K>::new(0);
    let kind = scene.kind.clone();
    let giver = hooked::on(Touch::Wake, move || {
        if kind.tells() == (0, 1) {
            kind.add(1);
        }
    });
    let deadline = poll_fn(|cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let mut adapter = with_timeout(scene.kind.request(1.into()), deadline);
    let mut cx = Context::from_waker(&giver);
    assert!(Pin::new(&mut adapter).poll(&mut cx).is_pending());
    assert!(matches!(Pin::new(&mut adapter).poll(&mut cx), Poll::Ready(Ok(Some(_)))));
    assert_eq!(scene.kind.tells(), (1, 0));
}

/// As above, of the futures themselves, pinned in place and not in a box of their own.
#[test]
fn adapters_pinned_on_the_stack_let_go_where_they_lie() {
    let (semaphore, mutex, bell) = (Semaphore::new(0), Mutex::new(()), Bell::default());
    let guard = mutex.try_lock().unwrap();
    let mut acquire = pin!(semaphore.acquire_many(2).with_timeout(bell.clone()));
    let mut lock = pin!(with_timeout(mutex.lock(), bell.clone()));
    let mut either = pin!(with_timeout(semaphore.acquire().bounded(5), bell.clone()));
    assert!(poll(&mut acquire).is_pending() && poll(&mut lock).is_pending());
    assert!(poll(&mut either).is_pending());
    assert_eq!(semaphore.waiters(), 2);
    bell.ring();
    assert!(elapsed(poll(&mut acquire)) && elapsed(poll(&mut lock)) && elapsed(poll(&mut either)));
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(semaphore.try_acquire().is_ok());
    drop(guard);
    assert!(mutex.try_lock().is_ok());
}

/// A result and the deadline, of any futures at all.
#[test]
fn a_result_that_is_ready_wins_and_the_deadline_is_not_even_asked() {
    let never: Pending<()> = pending();
    assert_eq!(poll(&mut with_timeout(ready(7), never)), Poll::Ready(Ok(7)));
    let unasked = poll_fn(|_| -> Poll<()> { panic!("asked") });
    assert_eq!(poll(&mut with_timeout(ready(7), unasked)), Poll::Ready(Ok(7)));
    assert!(elapsed(poll(&mut pending::<()>().with_timeout(ready("whatever it says")))));
}

each_kind! {
    all:
        an_expired_adapter_that_is_kept_stands_in_no_line,
        an_adapter_that_is_done_panics_when_polled_and_takes_nothing,
        a_permit_that_is_there_wins_over_a_deadline_that_has_passed,
        a_permit_granted_while_the_deadline_fires_is_passed_on,
        no_time_at_all_still_lets_through_what_need_not_wait,
        without_end_of_time_a_request_is_served_in_its_turn,
        an_adapter_dropped_half_way_gives_up_its_place_or_passes_its_grant_on,
        a_permit_held_inside_the_limit_is_back_before_anybody_hears_of_it,
        a_deadline_that_panics_takes_the_waiter_out_of_the_line,
        a_future_that_panics_gives_back_what_it_has,
        a_deadline_may_ask_and_leave_as_it_is_polled_and_dropped;
    semaphores:
        a_large_front_out_of_time_lets_those_behind_it_in,
        a_deadline_whose_waker_comes_back_grants_in_turn,
}
