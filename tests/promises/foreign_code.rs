//! Wakers are cloned, called and dropped while nothing is locked, so they may do anything to the semaphore.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use crate::common::hooked::{self, Touch};
use crate::common::kind::{Counting, Kind, Shared, Start, each_kind};
use crate::common::log::Log;
use crate::common::scene::Scene;
use crate::common::step::{Answer, Ask, Word};
use crate::common::watched;

/// A line of three: a front that needs more than lies free, then `own`, whose waker acts, then `other`.
struct Stage<K: Kind> {
    kind: K,
    front: Mutex<Option<K::Request>>,
    own: Mutex<Option<K::Request>>,
    other: Mutex<Option<K::Request>>,
    /// Permits made so far, less those taken away.
    total: AtomicIsize,
    acted: AtomicBool,
}

type Trigger<K> = fn(&Arc<Stage<K>>, &Waker);
type Act<K> = fn(&Stage<K>);

impl<K: Shared> Stage<K> {
    /// So many lie free, and the front needs so many.
    fn new((free, need): (usize, usize)) -> Arc<Self> {
        let kind = K::with(free);
        let request = |n| Mutex::new(Some(kind.request(Ask::For(n))));
        let (front, own, other) = (request(need), request(1), request(1));
        let total = AtomicIsize::new(free as isize);
        let stage = Self { front, own, other, total, acted: false.into(), kind };
        Arc::new(stage)
    }

    /// The waker that acts, at the first such touch.
    fn waker(self: &Arc<Self>, on: Touch, act: Act<K>) -> Waker {
        let stage = self.clone();
        hooked::on(on, move || {
            if !stage.acted.swap(true, SeqCst) {
                act(&stage);
            }
        })
    }

    /// What it gets, it gives back at once.
    fn poll(slot: &Mutex<Option<K::Request>>, waker: &Waker) {
        let mut slot = slot.lock().unwrap();
        let request = slot.as_mut().expect("still there");
        drop(Pin::new(request).poll(&mut Context::from_waker(waker)));
    }

    /// Everybody in line, `own` with this waker.
    fn line_up(&self, own: &Waker) {
        Self::poll(&self.front, Waker::noop());
        Self::poll(&self.own, own);
        Self::poll(&self.other, Waker::noop());
    }

    fn add(&self, n: usize) {
        self.total.fetch_add(n as isize, SeqCst);
        self.kind.add(n);
    }

    /// Drops a request, unless it is being polled at this very moment.
    fn let_go(slot: &Mutex<Option<K::Request>>) {
        let taken = slot.try_lock().ok().and_then(|mut slot| slot.take());
        drop(taken);
    }

    /// Everybody leaves, and every permit is where it should be.
    fn account(&self, what: &str) {
        assert!(self.acted.load(SeqCst), "{what}: the waker was never touched");
        [&self.front, &self.own, &self.other].into_iter().for_each(Self::let_go);
        let free = self.total.load(SeqCst).max(0) as usize;
        assert_eq!(self.kind.tells(), (free, 0), "{what}");
    }
}

type Acts<K> = Vec<(&'static str, Act<K>)>;

/// What can be done to a mutex, too.
fn acts<K: Shared>() -> Acts<K> {
    vec![
        ("tries", |stage| drop(stage.kind.try_take(1))),
        ("drops another waiter", |stage| Stage::<K>::let_go(&stage.other)),
        ("drops its own future", |stage| Stage::<K>::let_go(&stage.own)),
        ("asks as a newcomer and leaves", |stage| {
            let mut newcomer = stage.kind.request(Ask::For(1));
            drop(Pin::new(&mut newcomer).poll(&mut Context::from_waker(Waker::noop())));
        }),
    ]
}

fn acts_on_semaphores<K: Counting + Shared>() -> Acts<K> {
    let mut all = acts();
    all.extend([
        ("adds", (|stage| stage.add(1)) as Act<K>),
        ("adds much", |stage| stage.add(9)),
        ("closes", |stage| stage.kind.close()),
        ("looks", |stage| drop((stage.kind.tells(), format!("{:?}", *stage.kind)))),
        ("takes away", |stage| {
            stage.total.fetch_sub(2, SeqCst);
            stage.kind.reduce_permits(2);
        }),
        ("forgets", |stage| {
            let forgotten = stage.kind.forget_permits(1);
            stage.total.fetch_sub(forgotten as isize, SeqCst);
        }),
    ]);
    all
}

fn try_all<K: Shared>(
    touch: Touch,
    numbers: (usize, usize),
    acts: Acts<K>,
    triggers: &[(&str, Trigger<K>)],
) {
    for &(when, trigger) in triggers {
        for &(what, act) in &acts {
            let what = format!("a waker that {what}, at {touch:?}, when {when}");
            watched(&what.clone(), move || {
                let stage = Stage::<K>::new(numbers);
                let waker = stage.waker(touch, act);
                trigger(&stage, &waker);
                drop(waker);
                stage.account(&what);
            });
        }
    }
}

fn try_all_on_semaphores<K: Counting + Shared>(touch: Touch, triggers: &[(&str, Trigger<K>)]) {
    try_all(touch, (1, 3), acts_on_semaphores(), triggers);
}

/// P10: wakers were called under the lock. P18: a future was dropped by its own waker.
fn a_waker_may_do_anything_when_it_is_called<K: Counting + Shared>() {
    let triggers: &[(&str, Trigger<K>)] = &[
        ("permits come", |stage, waker| {
            stage.line_up(waker);
            stage.add(5);
        }),
        ("the limit grows", |stage, waker| {
            stage.line_up(waker);
            stage.total.fetch_add(5, SeqCst);
            stage.kind.resize(1, 6);
        }),
        ("the front leaves", |stage, waker| {
            stage.line_up(waker);
            Stage::<K>::let_go(&stage.front);
        }),
        ("permits are given back", |stage, waker| {
            let held = stage.kind.try_take(1);
            stage.line_up(waker);
            stage.add(3);
            drop(held);
        }),
        ("the semaphore is closed", |stage, waker| {
            stage.line_up(waker);
            stage.kind.close();
        }),
    ];
    try_all_on_semaphores(Touch::Wake, triggers);
}

/// P11: a waker that was replaced or not needed any more was dropped under the lock.
fn a_waker_may_do_anything_when_it_is_dropped<K: Counting + Shared>() {
    let triggers: &[(&str, Trigger<K>)] = &[
        ("its future is polled with another", |stage, waker| {
            stage.line_up(waker);
            Stage::<K>::poll(&stage.own, Waker::noop());
        }),
        ("its future is dropped", |stage, waker| {
            stage.line_up(waker);
            Stage::<K>::let_go(&stage.own);
        }),
    ];
    try_all_on_semaphores(Touch::Drop, triggers);
}

/// P12: wakers were cloned under the lock.
fn a_waker_may_do_anything_when_it_is_cloned<K: Counting + Shared>() {
    let triggers: &[(&str, Trigger<K>)] = &[
        ("its future joins the line", |stage, waker| {
            Stage::<K>::poll(&stage.front, Waker::noop());
            Stage::<K>::poll(&stage.own, waker);
        }),
        ("its future comes with another than before", |stage, waker| {
            stage.line_up(Waker::noop());
            Stage::<K>::poll(&stage.own, waker);
        }),
    ];
    try_all_on_semaphores(Touch::Clone, triggers);
}

/// P10, P11, P12, P18, for whatever hands out one permit: the same, as far as it can be done to a mutex.
fn a_waker_may_ask_and_leave_whenever_it_is_touched<K: Shared>() {
    let called: &[(&str, Trigger<K>)] = &[
        ("its future is granted the permit", |stage, waker| {
            Stage::<K>::poll(&stage.own, waker);
            Stage::<K>::poll(&stage.other, Waker::noop());
            stage.add(1);
        }),
        ("the front leaves with its grant unseen", |stage, waker| {
            stage.line_up(waker);
            stage.add(1);
            Stage::<K>::let_go(&stage.front);
        }),
    ];
    let dropped: &[(&str, Trigger<K>)] = &[
        ("its future is polled with another", |stage, waker| {
            stage.line_up(waker);
            Stage::<K>::poll(&stage.own, Waker::noop());
        }),
        ("its future is dropped", |stage, waker| {
            stage.line_up(waker);
            Stage::<K>::let_go(&stage.own);
        }),
    ];
    let cloned: &[(&str, Trigger<K>)] = &[
        ("its future joins the line", |stage, waker| {
            Stage::<K>::poll(&stage.front, Waker::noop());
            Stage::<K>::poll(&stage.own, waker);
        }),
        ("its future comes with another than before", |stage, waker| {
            stage.line_up(Waker::noop());
            Stage::<K>::poll(&stage.own, waker);
        }),
    ];
    for (touch, triggers) in [(Touch::Wake, called), (Touch::Drop, dropped), (Touch::Clone, cloned)] {
        try_all(touch, (0, 1), acts(), triggers);
    }
}

/// P12: what came while the waker was cloned is seen by the same poll.
fn a_permit_that_comes_while_the_waker_is_cloned_is_taken_at_once<K: Shared>() {
    for in_line_before in [false, true] {
        let mut scene = Scene::<K>::new(0);
        let kind = scene.kind.clone();
        let giver = hooked::on(Touch::Clone, move || kind.add(1));
        let who = scene.make(1);
        if in_line_before {
            assert_eq!(scene.poll(who), Answer::Waits);
        }
        assert_eq!(scene.poll_by(who, &giver), Answer::Got(1));
    }
}

/// P32: between two batches of wake-ups somebody slipped in. Whoever is called back into the semaphore while others
/// are still to be served finds nothing, and the permits go to the first in line.
fn nobody_slips_in_between_two_batches_of_wakers<K: Counting + Shared>() {
    let mut scene = Scene::<K>::new(0);
    let tried = Arc::new(Mutex::new(Vec::new()));
    let (kind, log, seen) = (scene.kind.clone(), Log::default(), tried.clone());
    let newcomers = log.clone();
    let curious = hooked::on(Touch::Wake, move || {
        let mut newcomer = kind.request(Ask::For(1));
        let waker = newcomers.waker(0, 0);
        let polled = Pin::new(&mut newcomer).poll(&mut Context::from_waker(&waker));
        seen.lock().unwrap().push((kind.try_take(1).is_none(), polled.is_pending()));
    });
    let all: Vec<_> =
        (0..200).map(|who| if who % 10 == 0 { scene.ask_by(1, &curious) } else { scene.ask(1) }).collect();
    scene.kind.add(100);
    assert_eq!(*tried.lock().unwrap(), [(true, true); 10]);
    let mut woken = scene.woken();
    woken.sort_unstable();
    let listening: Vec<_> = all[..100].iter().copied().filter(|who| who % 10 != 0).collect();
    assert_eq!(woken, listening);
    for (place, who) in all.into_iter().enumerate() {
        let first_in_line = if place < 100 { Answer::Got(1) } else { Answer::Waits };
        assert_eq!(scene.poll(who), first_in_line);
    }
    assert_eq!(scene.word(), Word { free: 0, waiters: 100, closed: false });
    assert_eq!(log.take(), [], "who came and left was not called");
}

/// P27: who is polled a hundred times without cause costs one clone of his waker, made at the first.
fn a_waker_is_cloned_once_however_often_it_comes_back<K: Start>() {
    let clones = Arc::new(AtomicIsize::new(0));
    let counted = clones.clone();
    let waker = hooked::on(Touch::Clone, move || _ = counted.fetch_add(1, SeqCst));
    let mut scene = Scene::<K>::new(0);
    let who = scene.ask_by(1, &waker);
    (0..100).for_each(|_| assert_eq!(scene.poll_by(who, &waker), Answer::Waits));
    assert_eq!(clones.load(SeqCst), 1);
}

each_kind! {
    all:
        a_waker_is_cloned_once_however_often_it_comes_back,
        a_waker_may_ask_and_leave_whenever_it_is_touched,
        a_permit_that_comes_while_the_waker_is_cloned_is_taken_at_once;
    semaphores:
        a_waker_may_do_anything_when_it_is_called,
        a_waker_may_do_anything_when_it_is_dropped,
        a_waker_may_do_anything_when_it_is_cloned,
        nobody_slips_in_between_two_batches_of_wakers,
}
