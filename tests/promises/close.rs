//! Closing refuses all who wait and all who come, for ever; what was granted before stands, and every permit
//! still counts.

use fairgate::{AcquireError, BoundedAcquireError, Semaphore, TryAcquireError};
use futures_lite::future::block_on;

use crate::common::hooked::{self, Touch};
use crate::common::kind::{Counting, Shared, Start, each_kind};
use crate::common::scene::Scene;
use crate::common::step::{Answer, Ask};

/// P20: a grant was revoked by closing.
fn a_grant_stands_though_the_semaphore_is_closed<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let (granted, waiting) = (scene.ask(1), scene.ask(1));
    scene.kind.add(1);
    scene.kind.close();
    assert_eq!(scene.woken(), [granted, waiting]);
    assert_eq!(scene.poll(granted), Answer::Got(1));
    assert_eq!(scene.poll(waiting), Answer::Refused);
    scene.leave(granted);
    assert_eq!(scene.word().free, 1);
}

/// A grant that nobody looked at comes back, closed or not.
fn a_grant_dropped_unseen_after_closing_lies_free<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let granted = scene.ask(3);
    scene.kind.add(3);
    scene.kind.close();
    scene.leave(granted);
    assert_eq!(scene.word().free, 3);
}

/// P20: more of them than fit into one batch of wakers.
fn closing_wakes_a_hundred_in_order_and_refuses_them<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(1);
    let all: Vec<_> = (0..100).map(|_| scene.ask(2)).collect();
    scene.kind.close();
    assert_eq!(scene.woken(), all);
    assert_eq!(scene.word().waiters, 0);
    all.into_iter().for_each(|who| assert_eq!(scene.poll(who), Answer::Refused));
    assert_eq!(scene.word().free, 1);
}

/// P30: a request for none, too.
fn every_request_is_refused_after_closing<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(5);
    let made_before = scene.make(1);
    scene.kind.close();
    scene.kind.close();
    assert_eq!(scene.poll(made_before), Answer::Refused);
    for ask in [Ask::For(0), Ask::For(1), Ask::UpTo(0, 0), Ask::UpTo(1, 2), Ask::Behind(0, 1)] {
        let late = scene.make(ask);
        assert_eq!(scene.poll(late), Answer::Refused, "{ask:?}");
    }
    assert_eq!(scene.try_take(0), Answer::Refused);
    assert_eq!(scene.try_take(1), Answer::Refused);
    assert_eq!(scene.word().free, 5);
}

#[test]
fn each_form_of_asking_says_that_it_is_closed() {
    let semaphore = Semaphore::new(1);
    semaphore.close();
    let refused: AcquireError = block_on(semaphore.acquire()).unwrap_err();
    assert_eq!(semaphore.blocking_acquire().unwrap_err(), refused);
    assert_eq!(block_on(semaphore.acquire().up_to(2)).unwrap_err(), refused);
    assert_eq!(block_on(semaphore.acquire().bounded(1)).unwrap_err(), BoundedAcquireError::Closed);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(semaphore.try_acquire_many(0).unwrap_err(), TryAcquireError::Closed);
}

/// P06: the bit was lost in a later change.
fn whatever_is_done_to_a_closed_semaphore_it_stays_closed<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(4);
    let [held, parted, forgotten] = [2, 1, 1].map(|n| scene.ask(n));
    let (granted, waiting) = (scene.ask(1), scene.ask(9));
    scene.kind.add(1);
    scene.kind.close();
    let changes: &[fn(&mut Scene<K>, usize)] = &[
        |scene, _| scene.kind.add_permits(7),
        |scene, _| assert!(scene.kind.forget_permits(2) <= 2),
        |scene, _| scene.kind.reduce_permits(20),
        |scene, _| scene.kind.resize(2, 30),
        |scene, _| scene.kind.resize(30, 2),
        |scene, _| scene.kind.close(),
        |scene, who| scene.leave(who),
    ];
    for who in [held, parted, forgotten, granted, waiting] {
        for change in changes {
            change(&mut scene, who);
            assert!(scene.word().closed);
            assert_eq!(scene.try_take(0), Answer::Refused);
        }
    }
    assert_eq!(scene.word().waiters, 0);
}

/// P06: closed by a waker in the middle of a release of many. Who was granted keeps it, all others are refused,
/// and what was left lies free.
fn closing_from_a_waker_amid_a_release_of_many_loses_nothing<K: Counting + Shared>() {
    let mut scene = Scene::<K>::new(0);
    let kind = scene.kind.clone();
    let closer = hooked::on(Touch::Wake, move || kind.close());
    let closes = scene.ask_by(1, &closer);
    let others: Vec<_> = (0..99).map(|_| scene.ask(1)).collect();
    scene.kind.add(60);
    assert_eq!(scene.word().waiters, 0);
    // Those refused are called while a waker of those granted is still at work.
    let mut woken = scene.woken();
    woken.sort_unstable();
    assert_eq!(woken, others);
    assert_eq!(scene.poll(closes), Answer::Got(1));
    let got = others.iter().filter(|&&who| scene.poll(who) == Answer::Got(1)).count();
    assert_eq!(1 + got + scene.word().free, 60);
    assert!(scene.word().closed);
    scene.everybody_leaves();
    assert_eq!(scene.word().free, 60);
}

each_kind! {
    semaphores:
        a_grant_stands_though_the_semaphore_is_closed,
        a_grant_dropped_unseen_after_closing_lies_free,
        closing_wakes_a_hundred_in_order_and_refuses_them,
        every_request_is_refused_after_closing,
        whatever_is_done_to_a_closed_semaphore_it_stays_closed,
        closing_from_a_waker_amid_a_release_of_many_loses_nothing,
}
