//! Dropping a future at any moment gives up its place, and what it was granted goes to the next in line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;

use fairgate::{Mutex, Semaphore};

use crate::common::kind::{Counting, Shared, Start, each_kind, lasting};
use crate::common::rounds;
use crate::common::scene::Scene;
use crate::common::step::Answer;

/// P01: a large head was cancelled, and the rest was never woken.
fn a_large_front_that_leaves_lets_the_small_one_behind_it_in<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(1);
    let (large, small) = (scene.ask(2), scene.ask(1));
    scene.leave(large);
    assert_eq!(scene.woken(), [small]);
    assert_eq!(scene.poll(small), Answer::Got(1));
}

/// P01: all who fit now, not only the first of them.
fn a_large_front_that_leaves_lets_all_in_who_fit<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(2);
    let [large, second, third, fourth] = [3, 1, 1, 1].map(|n| scene.ask(n));
    scene.leave(large);
    assert_eq!(scene.woken(), [second, third]);
    assert_eq!(scene.poll(fourth), Answer::Waits);
}

/// P01: nobody is woken who does not fit.
fn who_leaves_in_the_middle_or_before_one_who_does_not_fit_wakes_nobody<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(1);
    let [front, middle, _back] = [3, 1, 2].map(|n| scene.ask(n));
    scene.leave(middle);
    scene.leave(front);
    assert_eq!(scene.woken(), []);
}

/// P01: in debt nothing lies free, whoever leaves.
fn a_front_that_leaves_while_permits_are_owed_lets_nobody_in<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(1);
    scene.kind.reduce_permits(2);
    let (front, next) = (scene.ask(2), scene.ask(1));
    scene.leave(front);
    assert_eq!(scene.woken(), []);
    scene.kind.add(2);
    assert_eq!(scene.woken(), [next]);
}

/// P02: a waiter was woken and cancelled before it ran, and its wake-up was lost.
fn one_who_was_granted_and_leaves_passes_it_on<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (a, b) = (scene.ask(1), scene.ask(1));
    scene.kind.add(1);
    assert_eq!(scene.woken(), [a]);
    scene.leave(a);
    assert_eq!(scene.woken(), [b]);
    assert!(!scene.kind.is_free());
    assert_eq!(scene.poll(b), Answer::Got(1));
}

/// P02: weights too.
fn a_large_grant_dropped_unseen_feeds_several<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let [large, one, two] = [3, 1, 2].map(|n| scene.ask(n));
    scene.kind.add(3);
    scene.leave(large);
    assert_eq!(scene.woken(), [large, one, two]);
    scene.everybody_leaves();
    assert_eq!(scene.word().free, 3);
}

/// P18: nodes freed while linked. Four waiters leave in every order, some of them granted.
fn whoever_leaves_in_whatever_order_nothing_is_lost<K: Counting + Start>() {
    for granted in 0..=4 {
        for order in orders(vec![0, 1, 2, 3]) {
            let mut scene = Scene::<K>::new(0);
            for _ in 0..4 {
                scene.ask(1);
            }
            scene.kind.add(granted);
            order.iter().for_each(|&who| scene.leave(who));
            assert_eq!((scene.word().free, scene.word().waiters), (granted, 0), "{granted} {order:?}");
        }
    }
}

fn orders(rest: Vec<usize>) -> Vec<Vec<usize>> {
    let with_first = |&first: &usize| {
        let rest = rest.iter().copied().filter(|&other| other != first).collect();
        orders(rest).into_iter().map(move |order| [vec![first], order].concat()).collect::<Vec<_>>()
    };
    if rest.is_empty() { vec![vec![]] } else { rest.iter().flat_map(with_first).collect() }
}

/// P18: cancelled waiters were never freed, and the line grew.
#[test]
fn a_million_who_gave_up_leave_no_trace() {
    let semaphore = Semaphore::new(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut request = pin!(semaphore.acquire());
    for _ in 0..rounds(1_000_000) {
        assert!(request.as_mut().poll(&mut cx).is_pending());
        request.set(semaphore.acquire());
    }
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(request.as_mut().poll(&mut cx).is_ready());
}

/// P18: for whatever hands out a permit, with somebody in front who stays.
fn many_who_gave_up_leave_no_trace<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let patient = scene.ask(1);
    for _ in 0..rounds(20_000) {
        let mut request = scene.kind.request(1.into());
        assert!(pin!(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let next = scene.ask(1);
    scene.kind.add(1);
    scene.leave(patient);
    assert_eq!(scene.woken(), [patient, next]);
}

/// P19: polling again gave a second permit.
fn polling_again_after_completion_panics_and_takes_nothing<K: Start>() {
    for at_once in [true, false] {
        let kind = K::with(usize::from(at_once));
        let mut request = kind.request(1.into());
        let mut poll = || pin!(&mut request).poll(&mut Context::from_waker(Waker::noop()));
        if !at_once {
            assert!(poll().is_pending());
            kind.add(1);
        }
        let held = poll();
        assert!(held.is_ready());
        assert!(catch_unwind(AssertUnwindSafe(&mut poll)).is_err());
        assert!(!kind.is_free());
        drop(held);
        assert!(catch_unwind(AssertUnwindSafe(&mut poll)).is_err());
        assert!(kind.is_free());
    }
}

/// P19: refused counts as completed.
fn polling_again_after_a_refusal_panics<K: Counting + Start>() {
    let kind = K::with(1);
    kind.close();
    let mut request = kind.request(1.into());
    let mut poll = || pin!(&mut request).poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_ready());
    assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
    assert_eq!(kind.available_permits(), 1);
}

/// P21, P24: a cancel raced a grant, and both counted. (loom-tests goes through every interleaving.)
fn a_cancel_that_races_a_grant_counts_once<K: Counting + Shared>() {
    for _ in 0..rounds(500) {
        let mut scene = Scene::<K>::new(0);
        let requests = [(); 3].map(|()| {
            let who = scene.ask(1);
            scene.take_request(who)
        });
        let kind = &scene.kind;
        thread::scope(|scope| {
            scope.spawn(move || kind.add(2));
            for request in requests {
                scope.spawn(move || drop(request));
            }
        });
        assert_eq!((scene.word().free, scene.word().waiters), (2, 0));
    }
}

fn a_future_dropped_while_its_thread_unwinds_lets_go<K: Start>() {
    for granted in [false, true] {
        let mut scene = Scene::<K>::new(0);
        let (first, second) = (scene.ask(1), scene.ask(1));
        if granted {
            scene.kind.add(1);
        }
        let doomed = scene.take_request(first);
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _doomed = doomed;
            panic!("while it waits");
        }));
        assert!(unwound.is_err());
        if !granted {
            scene.kind.add(1);
        }
        assert_eq!(scene.poll(second), Answer::Got(1));
    }
}

/// A future leaked while it waits keeps its place for ever, and takes what it asked for. Nothing worse.
fn a_future_leaked_while_it_waits_takes_its_share_and_no_more<K: Start<Request: Sync>>() {
    let mut scene = Scene::<K>::new(1);
    let [holder, leaked, last] = [(); 3].map(|()| scene.ask(1));
    lasting(scene.take_request(leaked));
    scene.leave(holder);
    assert_eq!(scene.woken(), [leaked]);
    assert_eq!(scene.poll(last), Answer::Waits);
    assert_eq!(scene.try_take(1), Answer::Refused);
}

/// Two futures of one task, and the task goes on polling only the second: a futurelock. The one that was granted
/// says so, and dropping it is the cure.
#[test]
fn a_grant_that_nobody_looks_at_can_be_seen_and_let_go() {
    let semaphore = Semaphore::new(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut first = Box::pin(semaphore.acquire());
    let mut second = pin!(semaphore.acquire());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    semaphore.add_permits(1);
    assert!(second.as_mut().poll(&mut cx).is_pending());
    assert!(first.is_granted() && !second.is_granted());
    drop(first);
    assert!(second.is_granted());
    assert!(second.as_mut().poll(&mut cx).is_ready());
    assert!(!second.is_granted());
}

/// The same of a lock.
#[test]
fn a_lock_that_nobody_looks_at_can_be_seen_and_let_go() {
    let mutex = Arc::new(Mutex::new(()));
    let mut cx = Context::from_waker(Waker::noop());
    let guard = mutex.try_lock().unwrap();
    let mut first = Box::pin(mutex.clone().lock_owned());
    let mut second = pin!(mutex.lock());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    drop(guard);
    assert!(first.is_granted() && !second.is_granted());
    drop(first);
    assert!(second.is_granted());
    assert!(second.as_mut().poll(&mut cx).is_ready());
}

each_kind! {
    all:
        one_who_was_granted_and_leaves_passes_it_on,
        many_who_gave_up_leave_no_trace,
        polling_again_after_completion_panics_and_takes_nothing,
        a_future_dropped_while_its_thread_unwinds_lets_go,
        a_future_leaked_while_it_waits_takes_its_share_and_no_more;
    semaphores:
        a_large_front_that_leaves_lets_the_small_one_behind_it_in,
        a_large_front_that_leaves_lets_all_in_who_fit,
        who_leaves_in_the_middle_or_before_one_who_does_not_fit_wakes_nobody,
        a_front_that_leaves_while_permits_are_owed_lets_nobody_in,
        a_large_grant_dropped_unseen_feeds_several,
        whoever_leaves_in_whatever_order_nothing_is_lost,
        polling_again_after_a_refusal_panics,
        a_cancel_that_races_a_grant_counts_once,
}
