//! Requests are served in the order of their first poll that had to wait. Nobody overtakes.

use crate::common::kind::{Counting, Start, each_kind};
use crate::common::scene::Scene;
use crate::common::step::{Answer, Ask};

/// A row: the claim, the permits free at the start, the script, who was woken in which order, what lies free.
///
/// `3` a newcomer asks for 3 and is polled once · `+2` two permits come back · `-2` two are taken away ·
/// `p0` newcomer 0 is polled again, `n0` with another waker · `x0` newcomer 0 drops what he has, request or
/// permits · `t2` somebody tries for two at once and leaves with them if he gets them · `c` close
type Row = (&'static str, usize, &'static str, &'static [usize], usize);

const TABLE: &[Row] = &[
    // claim                                          free  script                     woken        left
    ("who need not wait is not woken", 2, "1 1", &[], 0),
    ("enough for the second is not enough", 1, "2 1", &[], 1),
    ("the large one is served first", 1, "2 1 +1 +1", &[0, 1], 0),
    ("a large one gathers while small ones wait", 0, "3 1 1 +1 +1", &[], 2),
    ("and those behind it follow in order", 0, "3 1 1 +5", &[0, 1, 2], 0),
    ("one permit wakes one", 0, "1 1 1 +1", &[0], 0),
    ("the order is that of asking", 0, "1 1 1 +1 +1 +1", &[0, 1, 2], 0),
    ("the order is not that of polling again", 0, "1 1 p1 p1 p0 +1", &[0], 0),
    ("nor that of changing wakers", 0, "1 1 n0 n0 +1", &[0], 0),
    ("what suffices for three of four serves three", 0, "1 1 2 1 +4", &[0, 1, 2], 0),
    ("nobody is served past one who needs more", 0, "1 3 1 +3", &[0], 2),
    ("permits in excess lie free", 0, "1 +3", &[0], 2),
    ("a try does not overtake", 1, "2 t1 +1", &[0], 0),
    ("a try does not overtake, though it would fit", 3, "4 t1 t1 +1", &[0], 0),
    ("a newcomer does not overtake one just granted", 0, "1 +1 1 t1", &[0], 0),
    ("a request for none never waits", 0, "1 0", &[], 0),
    ("a cancelled front lets the next in", 1, "2 1 x0", &[1], 0),
    ("a cancelled front lets all in who fit", 2, "3 1 1 1 x0", &[1, 2], 0),
    ("a cancelled front lets nobody in who does not", 1, "3 2 1 x0", &[], 1),
    ("a cancelled middle changes nothing", 1, "2 1 1 x1", &[], 1),
    ("a cancelled middle closes the gap", 0, "1 1 1 x1 +1 +1", &[0, 2], 0),
    ("a cancelled back leaves no trace", 0, "1 1 x1 +1 1 +1", &[0, 2], 0),
    ("granted, dropped unseen: passed on", 0, "1 1 +1 x0", &[0, 1], 0),
    ("a large grant dropped unseen feeds several", 0, "3 1 2 +3 x0", &[0, 1, 2], 0),
    ("a grant dropped with nobody behind lies free", 0, "3 +3 x0", &[0], 3),
    ("a neighbour's leaving does not cost the place", 0, "1 1 1 x0 +1 1 +1 +1", &[1, 2, 3], 0),
    ("who leaves and comes back stands at the back", 0, "1 1 x0 1 +1 +1", &[1, 2], 0),
    ("who held and asks again stands at the back", 1, "1 1 1 x0 1 p1 x1 p2 x2", &[1, 2, 3], 0),
    ("debt is paid before anybody is served", 0, "-2 1 +1 +1 +1", &[0], 0),
    ("debt keeps everybody waiting", 1, "-3 1 +2", &[], 0),
    ("a cancelled front in debt lets nobody in", 0, "-1 2 1 x0", &[], 0),
    ("taking away does not change the order", 2, "3 1 -2 +1 +2 +1", &[0, 1], 0),
    ("closing wakes all, in order", 0, "3 1 2 c", &[0, 1, 2], 0),
    ("a closed semaphore counts what comes back", 0, "3 1 c +2", &[0, 1], 2),
];

fn play<K: Counting>(scene: &mut Scene<K>, word: &str) {
    let number = || word[1..].parse().unwrap();
    match word.as_bytes()[0] {
        b'+' => scene.kind.add_permits(number()),
        b'-' => scene.kind.reduce_permits(number()),
        b'p' => drop(scene.poll(number())),
        b'n' => drop(scene.poll_anew(number())),
        b'x' => scene.leave(number()),
        b't' => drop(scene.kind.try_take(number()).map(K::Held::forget)),
        b'c' => scene.kind.close(),
        _ => drop(scene.ask(word.parse::<usize>().unwrap())),
    }
}

fn every_row_of_the_table_is_true<K: Counting + Start>() {
    for &(claim, free, script, woken, left) in TABLE {
        let mut scene = Scene::<K>::new(free);
        script.split_whitespace().for_each(|word| play(&mut scene, word));
        assert_eq!(scene.woken(), woken, "{claim}: {script}");
        assert_eq!(scene.word().free, left, "{claim}: {script}");
    }
}

/// P03: the loser of a race went to the back, and newcomers barged.
fn a_newcomer_does_not_overtake_one_who_was_granted_and_has_not_looked<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (a, b) = (scene.ask(1), scene.ask(1));
    scene.kind.add(1);
    assert_eq!(scene.try_take(1), Answer::Refused);
    let newcomer = scene.ask(1);
    assert_eq!(scene.poll(newcomer), Answer::Waits);
    assert_eq!(scene.poll(a), Answer::Got(1));
    scene.leave(a);
    assert_eq!(scene.poll(newcomer), Answer::Waits);
    assert_eq!(scene.poll(b), Answer::Got(1));
    assert_eq!(scene.woken(), [a, b]);
}

/// P05: one wake-up for several free permits.
fn a_release_of_many_serves_as_many_as_it_covers<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let all = [1, 1, 2, 1].map(|n| scene.ask(n));
    scene.kind.add(4);
    assert_eq!(scene.woken(), all[..3]);
    assert_eq!(scene.poll(all[3]), Answer::Waits);
}

/// P07: a poll that returned Pending without standing in line lost its place.
fn who_is_told_to_wait_stands_in_line<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    for length in 1..=50 {
        scene.ask(1);
        assert_eq!(scene.word().waiters, length);
    }
    scene.kind.add(50);
    assert_eq!(scene.woken(), (0..50).collect::<Vec<_>>());
}

/// P07: a request never polled has no place yet.
fn the_place_in_line_is_that_of_the_first_poll<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (made_first, asked_first) = (scene.make(1), scene.ask(1));
    assert_eq!(scene.poll(made_first), Answer::Waits);
    scene.kind.add(1);
    assert_eq!(scene.woken(), [asked_first]);
}

/// P07: a holder that dropped its permit and asked again at once got it before those who waited.
fn a_holder_who_asks_again_at_once_stands_behind_those_who_wait<K: Start>() {
    let mut scene = Scene::<K>::new(1);
    let (holder, waiter) = (scene.ask(1), scene.ask(1));
    scene.leave(holder);
    assert_eq!(scene.try_take(1), Answer::Refused);
    let again = scene.ask(1);
    assert_eq!(scene.poll(again), Answer::Waits);
    assert_eq!(scene.poll(waiter), Answer::Got(1));
}

/// P22: batches of wakers were called last to first.
fn a_hundred_are_woken_in_order<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let all: Vec<_> = (0..100).map(|_| scene.ask(1)).collect();
    scene.kind.add(100);
    assert_eq!(scene.woken(), all);
}

/// P27: two waiters shared one slot for a waker, and woke each other for ever. P28: polls that nothing has caused.
fn polling_again_without_cause_wakes_nobody_and_changes_no_order<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (a, b) = (scene.ask(1), scene.ask(1));
    for _ in 0..100 {
        assert_eq!(scene.poll(b), Answer::Waits);
        assert_eq!(scene.poll(a), Answer::Waits);
    }
    assert_eq!(scene.woken(), []);
    scene.kind.add(1);
    assert_eq!(scene.woken(), [a]);
    assert_eq!(scene.poll(b), Answer::Waits);
    assert_eq!(scene.poll(a), Answer::Got(1));
}

/// P27: a request that moves to another task is heard by that one alone.
fn the_newest_of_its_wakers_is_woken_once<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let (moved, next) = (scene.ask(1), scene.ask(1));
    for _ in 0..100 {
        assert_eq!(scene.poll_anew(moved), Answer::Waits);
    }
    scene.kind.add(1);
    assert_eq!(scene.log.take(), [(moved, 100)]);
    assert_eq!(scene.poll_anew(moved), Answer::Got(1));
    scene.leave(moved);
    assert_eq!(scene.log.take(), [(next, 0)]);
}

/// P30: a request for none was left to chance. It never waits: not for permits, not behind a line, not for a debt.
fn a_request_for_none_never_waits<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let in_line = scene.ask(1);
    scene.kind.reduce_permits(1);
    for ask in [Ask::For(0), Ask::Behind(0, 0), Ask::UpTo(0, 0), Ask::UpTo(0, 9)] {
        let none = scene.make(ask);
        assert_eq!(scene.poll(none), Answer::Got(0), "{ask:?}");
        scene.leave(none);
    }
    assert_eq!(scene.try_take(0), Answer::Got(0));
    assert_eq!(scene.word().waiters, 1);
    scene.kind.add(2);
    assert_eq!(scene.woken(), [in_line]);
}

/// P31: a cancelled waiter moved its neighbour to the back.
fn who_leaves_does_not_change_the_order_of_the_others<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let [a, b, c] = [(); 3].map(|()| scene.ask(1));
    scene.leave(a);
    let d = scene.ask(1);
    scene.kind.add(1);
    for (next, waiter) in [(b, "b"), (c, "c"), (d, "d")] {
        assert_eq!(scene.poll(next), Answer::Got(1), "it is the turn of {waiter}");
        assert_eq!(scene.woken(), [next]);
        scene.leave(next);
    }
}

/// A request that takes what lies free stands in the same line as all others.
fn one_who_takes_more_than_he_needs_waits_his_turn<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(1);
    let plain = scene.ask(2);
    let greedy = scene.ask(Ask::UpTo(1, 5));
    let last = scene.ask(1);
    scene.kind.add(4);
    assert_eq!(scene.woken(), [plain, greedy]);
    assert_eq!(scene.poll(greedy), Answer::Got(3));
    assert_eq!(scene.poll(last), Answer::Waits);
}

/// A bounded request is let in or refused at its first poll, by the length of the line at that moment.
fn a_bounded_request_does_not_join_a_longer_line<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(0);
    let ask = |length| Ask::Behind(length, 1);
    let nobody_before = scene.make(ask(0));
    assert_eq!(scene.poll(nobody_before), Answer::Refused);
    let first = scene.ask(ask(1));
    let second = scene.make(ask(1));
    assert_eq!(scene.poll(second), Answer::Refused);
    let third = scene.make(ask(2));
    assert_eq!(scene.poll(third), Answer::Waits);
    assert_eq!(scene.word().waiters, 2);
    assert_eq!(scene.poll(first), Answer::Waits, "once in line, its bound is forgotten");
}

each_kind! {
    all:
        a_newcomer_does_not_overtake_one_who_was_granted_and_has_not_looked,
        the_place_in_line_is_that_of_the_first_poll,
        a_holder_who_asks_again_at_once_stands_behind_those_who_wait,
        polling_again_without_cause_wakes_nobody_and_changes_no_order,
        the_newest_of_its_wakers_is_woken_once,
        who_leaves_does_not_change_the_order_of_the_others;
    semaphores:
        a_request_for_none_never_waits,
        every_row_of_the_table_is_true,
        a_release_of_many_serves_as_many_as_it_covers,
        who_is_told_to_wait_stands_in_line,
        a_hundred_are_woken_in_order,
        one_who_takes_more_than_he_needs_waits_his_turn,
        a_bounded_request_does_not_join_a_longer_line,
}
