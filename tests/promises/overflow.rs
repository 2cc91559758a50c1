//! What would be too much panics, in every build, and leaves the count as it was.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use fairgate::Semaphore;

use crate::common::kind::{Counting, Start, each_kind};
use crate::common::scene::Scene;
use crate::common::step::{Answer, Ask, Word};

const MAX: usize = Semaphore::MAX_PERMITS;
const TOO_MANY: [usize; 3] = [MAX + 1, usize::MAX / 2 + 1, usize::MAX];

#[track_caller]
fn panics<R>(what: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(what)).is_err(), "this should have panicked");
}

/// P13: the count wrapped, or ran into the flags.
fn adding_past_the_most_panics_and_adds_nothing<K: Counting + Start>() {
    let scene = Scene::<K>::new(MAX - 1);
    for n in [2, MAX, MAX + 1, usize::MAX / 2 + 1, usize::MAX] {
        panics(|| scene.kind.add_permits(n));
        assert_eq!(scene.word(), Word { free: MAX - 1, waiters: 0, closed: false });
    }
    scene.kind.add_permits(1);
    assert_eq!(scene.word().free, MAX);
    panics(|| scene.kind.add_permits(1));
    assert_eq!(scene.word().free, MAX);
}

/// P13: also while somebody waits, and when there is debt to pay first.
fn adding_past_the_most_panics_while_somebody_waits<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(1);
    scene.kind.reduce_permits(3);
    let waiter = scene.ask(5);
    for n in TOO_MANY {
        panics(|| scene.kind.add_permits(n));
        assert_eq!(scene.word(), Word { free: 0, waiters: 1, closed: false });
    }
    panics(|| scene.kind.add_permits(MAX + 3));
    scene.kind.add_permits(MAX);
    assert_eq!(scene.poll(waiter), Answer::Got(5));
    assert_eq!(scene.word().free, MAX - 7);
}

/// P13: acquire of too much hit the flag bits.
fn asking_for_more_than_there_can_be_panics<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(2);
    for n in TOO_MANY {
        panics(|| drop(scene.kind.request(Ask::For(n))));
        panics(|| drop(scene.kind.request(Ask::UpTo(1, n))));
        panics(|| drop(scene.kind.try_take(n)));
    }
    panics(|| drop(scene.kind.request(Ask::UpTo(3, 2))));
    assert_eq!(scene.word(), Word { free: 2, waiters: 0, closed: false });
    let most = scene.ask(MAX);
    assert_eq!(scene.word().waiters, 1);
    scene.kind.add_permits(MAX - 2);
    assert_eq!(scene.poll(most), Answer::Got(MAX));
}

#[test]
fn making_one_with_too_many_panics() {
    TOO_MANY.into_iter().for_each(|n| panics(|| Semaphore::new(n)));
    assert_eq!(Semaphore::new(MAX).available_permits(), MAX);
}

/// P13: `merge` wrapped and lost permits. P14, P33: a permit that comes back on top of the most there may be
/// panics as it is dropped, and the count survives that.
fn merging_past_the_most_panics_and_so_does_giving_back_too_much<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(MAX);
    let mut most = scene.kind.try_take(MAX).unwrap();
    scene.kind.add_permits(MAX);
    let one = scene.kind.try_take(1).unwrap();
    panics(|| most.merge(one));
    assert_eq!((most.num_permits(), scene.word().free), (MAX, MAX));
    panics(|| drop(most));
    assert_eq!(scene.word().free, MAX);
    assert_eq!(scene.try_take(MAX), Answer::Got(MAX));
}

#[test]
fn permits_of_different_semaphores_do_not_merge() {
    let (a, b) = (Semaphore::new(2), Semaphore::new(2));
    let mut of_a = a.try_acquire().unwrap();
    let of_b = b.try_acquire().unwrap();
    panics(|| of_a.merge(of_b));
    assert_eq!((of_a.num_permits(), a.available_permits(), b.available_permits()), (1, 1, 2));
}

/// P14: the weights were wrong before the panic came.
fn owing_more_than_the_most_panics_and_takes_nothing<K: Counting + Start>() {
    let scene = Scene::<K>::new(0);
    scene.kind.reduce_permits(MAX - 1);
    for n in [2, MAX, MAX + 1, usize::MAX / 2 + 1, usize::MAX] {
        panics(|| scene.kind.reduce_permits(n));
    }
    panics(|| scene.kind.resize(2, 0));
    panics(|| scene.kind.resize(usize::MAX, 0));
    panics(|| scene.kind.resize(0, usize::MAX));
    scene.kind.add_permits(MAX);
    assert_eq!(scene.word().free, 1);
}

/// P13: several threads reach the most at once.
#[test]
fn threads_that_race_past_the_most_add_exactly_what_fits() {
    let semaphore = Semaphore::new(MAX - 3);
    let add = || (0..5).filter(|_| catch_unwind(|| semaphore.add_permits(1)).is_ok()).count();
    let added: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(add)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((added, semaphore.available_permits()), (3, MAX));
}

each_kind! {
    semaphores:
        adding_past_the_most_panics_and_adds_nothing,
        adding_past_the_most_panics_while_somebody_waits,
        asking_for_more_than_there_can_be_panics,
        merging_past_the_most_panics_and_so_does_giving_back_too_much,
        owing_more_than_the_most_panics_and_takes_nothing,
}
