//! If a waker panics, no permit and no waker is lost, every other waker is still called, and the semaphore goes on.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Waker;

use crate::common::hooked::{self, Touch};
use crate::common::kind::{Counting, Shared, Start, each_kind};
use crate::common::scene::Scene;
use crate::common::step::{Answer, Word};

fn panics<R>(what: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(what)).is_err()
}

fn panicking() -> Waker {
    hooked::on(Touch::Wake, || panic!("a waker's own"))
}

/// Forty wait, two of them with a waker that panics.
fn forty_with_two_who_panic<K: Start>(scene: &mut Scene<K>, two: [usize; 2]) -> Vec<usize> {
    let panicking = panicking();
    let mut ask = |who| if two.contains(&who) { scene.ask_by(1, &panicking) } else { scene.ask(1) };
    (0..40).map(&mut ask).filter(|who| !two.contains(who)).collect()
}

/// P09: what was left of a batch of wakers was lost when one of them panicked, with its permits.
fn a_release_of_many_serves_all_though_wakers_panic<K: Counting + Start>() {
    for two in [[0, 0], [0, 39], [7, 31], [31, 32]] {
        let mut scene = Scene::<K>::new(0);
        let others = forty_with_two_who_panic(&mut scene, two);
        assert!(panics(|| scene.kind.add(60)));
        assert_eq!(scene.woken(), others, "{two:?}");
        (0..40).for_each(|who| assert_eq!(scene.poll(who), Answer::Got(1)));
        assert_eq!(scene.word(), Word { free: 20, waiters: 0, closed: false });
    }
}

fn closing_refuses_all_though_wakers_panic<K: Counting + Start>() {
    for two in [[0, 0], [0, 39], [31, 32]] {
        let mut scene = Scene::<K>::new(0);
        let others = forty_with_two_who_panic(&mut scene, two);
        assert!(panics(|| scene.kind.close()));
        assert_eq!(scene.woken(), others, "{two:?}");
        (0..40).for_each(|who| assert_eq!(scene.poll(who), Answer::Refused));
        assert_eq!(scene.word(), Word { free: 0, waiters: 0, closed: true });
    }
}

fn leaving_lets_all_in_though_wakers_panic<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(39);
    let front = scene.ask(40);
    let [second, third] = [scene.ask_by(1, &panicking()), scene.ask(1)];
    let request = scene.take_request(front);
    assert!(panics(|| drop(request)));
    assert_eq!(scene.woken(), [third]);
    assert_eq!(scene.poll(second), Answer::Got(1));
    assert_eq!(scene.word(), Word { free: 37, waiters: 0, closed: false });
}

/// While one panic is on its way, a second must not abort the program.
fn a_waker_that_panics_while_a_permit_is_dropped_by_a_panic_is_contained<K: Counting + Shared>() {
    let mut scene = Scene::<K>::new(0);
    let [_, second] = [scene.ask_by(1, &panicking()), scene.ask(1)];
    let quiet = hooked::on(Touch::Wake, || assert!(std::thread::panicking()));
    let third = scene.ask_by(1, &quiet);
    assert!(panics(|| scene.kind.add(3)));
    assert_eq!(scene.woken(), [second]);
    assert_eq!(scene.poll(third), Answer::Got(1));
}

/// The touches of one run, of which one panics.
struct Fuse {
    left: AtomicUsize,
    blown: AtomicBool,
}

impl Fuse {
    fn waker(self: &Arc<Self>) -> Waker {
        let fuse = self.clone();
        hooked::waker(move |touch| {
            let one_less = |left: usize| left.checked_sub(1);
            if fuse.left.fetch_update(SeqCst, SeqCst, one_less) == Ok(1) {
                fuse.blown.store(true, SeqCst);
                panic!("at this {touch:?}");
            }
        })
    }
}

/// P09, for whatever hands out one permit: the one who panics has it all the same, and so has the next.
fn a_waker_that_panics_costs_neither_permit_nor_turn<K: Start>() {
    let mut scene = Scene::<K>::new(0);
    let [first, second] = [(); 2].map(|()| scene.ask_by(1, &panicking()));
    let third = scene.ask(1);
    assert!(panics(|| scene.kind.add(1)));
    let request = scene.take_request(first);
    assert!(panics(|| drop(request)), "the second is granted and panics");
    assert_eq!(scene.poll(third), Answer::Waits);
    assert_eq!(scene.poll(second), Answer::Got(1));
    scene.leave(second);
    assert_eq!(scene.woken(), [third]);
    assert_eq!(scene.poll(third), Answer::Got(1));
}

type Play<K> = [fn(&mut Scene<K>, &Waker)];

/// Plays it again and again, and each time another touch of the wakers panics, until there is none left.
fn blow_each_fuse<K: Start>(needs: [usize; 4], play: &Play<K>, account: impl Fn(&Scene<K>, usize)) {
    for touch in 1.. {
        let fuse = Arc::new(Fuse { left: touch.into(), blown: false.into() });
        let mut scene = Scene::<K>::new(0);
        for n in needs {
            scene.make(n);
        }
        for act in play {
            let waker = ManuallyDrop::new(fuse.waker());
            let _may_panic = panics(|| act(&mut scene, &waker));
            let _may_panic = panics(|| drop(ManuallyDrop::into_inner(waker)));
        }
        scene.everybody_leaves();
        account(&scene, touch);
        assert_eq!(Arc::strong_count(&fuse), 1, "a waker was leaked at touch {touch}");
        if !fuse.blown.load(SeqCst) {
            assert!(touch > 10, "the play touches wakers");
            return;
        }
    }
}

/// P08, P29, for whatever hands out one permit: every touch of a waker panics once.
fn wherever_a_waker_panics_the_turn_is_not_lost<K: Start>() {
    let play: &Play<K> = &[
        |scene, waker| _ = scene.poll_by(0, waker),
        |scene, waker| _ = scene.poll_by(1, waker),
        |scene, waker| _ = scene.poll_by(2, waker),
        |scene, waker| _ = scene.poll_by(3, waker),
        // With another waker than before.
        |scene, waker| _ = scene.poll_by(2, waker),
        |scene, _| scene.kind.add(1),
        |scene, _| scene.leave(0),
        |scene, _| scene.leave(1),
        |scene, _| scene.leave(3),
    ];
    blow_each_fuse([1; 4], play, |scene, touch| {
        assert_eq!(scene.kind.tells(), (1, 0), "at touch {touch}");
    });
}

/// P08: a panic amid a poll left a dangling node and lost permits. P29: an assertion under the lock left it locked.
/// Here every single touch of a waker panics once, in a play that goes through all there are: joining, changing wakers,
/// granting, leaving, closing.
fn wherever_a_waker_panics_nothing_is_lost<K: Counting + Start>() {
    let play: &Play<K> = &[
        |scene, waker| _ = scene.poll_by(0, waker),
        |scene, waker| _ = scene.poll_by(1, waker),
        |scene, waker| _ = scene.poll_by(2, waker),
        |scene, waker| _ = scene.poll_by(3, waker),
        // With another waker than before.
        |scene, waker| _ = scene.poll_by(2, waker),
        |scene, _| scene.kind.add(1),
        |scene, _| scene.leave(0),
        |scene, _| scene.kind.add(1),
        |scene, _| scene.kind.close(),
        |scene, _| scene.everybody_leaves(),
    ];
    blow_each_fuse([2, 1, 1, 1], play, |scene, touch| {
        assert_eq!(scene.word(), Word { free: 2, waiters: 0, closed: true }, "at touch {touch}");
    });
}

/// The permit comes while the waker is cloned, so the clone is not needed, and panics as it is dropped.
fn a_clone_that_panics_when_it_turns_out_not_to_be_needed_costs_no_permit<K: Counting + Shared>() {
    let mut scene = Scene::<K>::new(0);
    let (kind, clones) = (scene.kind.clone(), AtomicUsize::new(0));
    let waker = hooked::waker(move |touch| match touch {
        Touch::Clone => {
            clones.fetch_add(1, SeqCst);
            kind.add(1);
        }
        Touch::Drop if clones.swap(0, SeqCst) > 0 => panic!("not needed"),
        _ => {}
    });
    let who = scene.make(1);
    let _may_panic = panics(|| scene.poll_by(who, &waker));
    scene.everybody_leaves();
    assert_eq!(scene.word(), Word { free: 1, waiters: 0, closed: false });
}

/// What a panic of a waker carries; it counts its drops, and panics while it is dropped.
struct Burden(Arc<AtomicUsize>);

impl Drop for Burden {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        // Carries nothing that could leak.
        panic_any(());
    }
}

/// Only the first of several panics goes on. What the others carry is dropped, not leaked, whatever that does.
fn what_a_contained_panic_carries_is_dropped<K: Shared>() {
    let drops = Arc::new(AtomicUsize::new(0));
    let carried = drops.clone();
    let heavy = hooked::on(Touch::Wake, move || panic_any(Burden(carried.clone())));
    let mut scene = Scene::<K>::new(0);
    let [_, _, _] = [panicking(), heavy.clone(), heavy].map(|waker| scene.ask_by(1, &waker));
    let last = scene.ask(1);
    assert!(panics(|| scene.kind.add(4)));
    assert_eq!(scene.woken(), [last]);
    assert_eq!(drops.load(SeqCst), 2);
}

each_kind! {
    all:
        a_waker_that_panics_costs_neither_permit_nor_turn,
        wherever_a_waker_panics_the_turn_is_not_lost;
    semaphores:
        a_release_of_many_serves_all_though_wakers_panic,
        closing_refuses_all_though_wakers_panic,
        leaving_lets_all_in_though_wakers_panic,
        a_waker_that_panics_while_a_permit_is_dropped_by_a_panic_is_contained,
        wherever_a_waker_panics_nothing_is_lost,
        a_clone_that_panics_when_it_turns_out_not_to_be_needed_costs_no_permit,
        what_a_contained_panic_carries_is_dropped,
}
