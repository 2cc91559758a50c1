//! Permits free + held + granted = permits made, less those taken away, whatever happens.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fairgate::{Mutex, Permit, Semaphore, TimeoutExt};
use proptest::test_runner::TestCaseError;

use crate::common::kind::{Counting, Shared, Start, each_kind};
use crate::common::model::Model;
use crate::common::rounds;
use crate::common::scene::Scene;
use crate::common::step::{Answer, Ask, Change, Step, Turn, Word};
use crate::specification::{runner, steps};

/// A scene with books of its own. The model only says which steps mean something, and who stands in front.
struct Storm<K: Counting> {
    scene: Scene<K>,
    model: Model,
    /// Permits made, less those taken away.
    total: isize,
}

impl<K: Counting + Start> Storm<K> {
    fn new(free: usize) -> Self {
        Self { scene: Scene::new(free), model: Model::new(free), total: free as isize }
    }

    fn play(&mut self, step: Step) {
        let held_before = self.scene.held();
        self.model.play(step);
        let answer = self.scene.play(step).answer;
        self.total += match (step, answer) {
            (Step::Change(Change::Add(n)), _) => n as isize,
            (Step::Change(Change::Reduce(n)), _) => -(n as isize),
            (Step::Change(Change::Resize(from, to)), _) => to as isize - from as isize,
            (Step::Change(Change::ForgetFree(_)), Answer::Count(n)) => -(n as isize),
            (Step::Change(Change::Forget(_)), _) => self.scene.held() as isize - held_before as isize,
            _ => 0,
        };
    }

    /// What lies free is what nobody has; below zero it is owed, and then nothing lies free.
    fn check(&self) -> Result<(), TestCaseError> {
        let (held, granted) = (self.scene.held(), self.scene.granted());
        let free = self.total - held as isize - granted as isize;
        let told = self.scene.word();
        let books = format!("{told:?}, {held} held, {granted} granted, {} in all", self.total);
        if told.free as isize != free.max(0) {
            return Err(TestCaseError::fail(format!("a permit too many or too few: {books}")));
        }
        match self.model.front() {
            Some(ask) if free >= ask.least() as isize => {
                Err(TestCaseError::fail(format!("the front waits for what lies free: {books}")))
            }
            _ => Ok(()),
        }
    }
}

/// A greedy request does not tell how much it was granted: here it asks for the least.
fn plain(step: Step) -> Step {
    match step {
        Step::Turn(Turn::Ask(Ask::UpTo(least, _))) => Step::Turn(Turn::Ask(Ask::For(least))),
        other => other,
    }
}

/// P04: a flag stuck after a cancellation, and the semaphore hung with permits free.
fn after_every_step_of_a_storm_every_permit_is_accounted_for<K: Counting + Start>() {
    let outcome = runner().run(&(0..6_usize, steps()), |(free, steps)| {
        let mut storm = Storm::<K>::new(free);
        for step in steps.into_iter().map(plain) {
            if storm.model.allows(step) {
                storm.play(step);
                storm.check()?;
            }
        }
        storm.scene.everybody_leaves();
        assert_eq!(storm.scene.word().free as isize, storm.total.max(0));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

const LIMIT: usize = 5;
const THREADS: usize = 4;
/// Nobody waits as long as that, unless a wake-up was lost.
const PATIENCE: Duration = Duration::from_secs(60);
const WOKEN: &str = "whoever can be served is woken";

/// A small generator of numbers, a different one for each thread.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % sides
    }
}

/// Sends the same errand into several threads at once.
fn crowd(errand: impl Fn(Dice) + Sync) {
    let errand = &errand;
    thread::scope(|scope| {
        for seed in 1..=THREADS as u32 {
            scope.spawn(move || errand(Dice(seed.wrapping_mul(0x9E37_79B9))));
        }
    });
}

/// Polls by hand, with patience for so many polls.
fn wait<F: Future + Unpin>(mut future: F, patience: usize) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    (0..patience).find_map(|_| match Pin::new(&mut future).poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            thread::yield_now();
            None
        }
    })
}

/// P04, P21, P24, with threads: never more inside than there are permits, and at rest all are there. What a thread
/// holds it gives back whole or in parts, and what it waits for it often gives up.
fn a_storm_of_threads_loses_and_doubles_nothing<K: Counting + Shared>() {
    let (kind, inside) = (K::with(LIMIT), AtomicUsize::new(0));
    let stay = |mut held: K::Held, dice: &mut Dice| {
        let n = K::count(&held);
        assert!(inside.fetch_add(n, Relaxed) + n <= LIMIT, "more inside than there are permits");
        thread::yield_now();
        inside.fetch_sub(n, Relaxed);
        let part = held.split(dice.roll(n + 1));
        drop(held);
        drop(part);
    };
    crowd(|mut dice| {
        for _ in 0..rounds(3000) {
            let ask = match dice.roll(4) {
                0 => Ask::UpTo(1, LIMIT),
                1 => Ask::Behind(2, 1),
                _ => Ask::For(dice.roll(LIMIT) + 1),
            };
            let request = kind.request(ask);
            let taken = match dice.roll(8) {
                0 => kind.try_take(ask.least()),
                1 => request.blocking_timeout(PATIENCE).expect(WOKEN),
                2 => request.blocking_timeout(Duration::from_micros(30)).ok().flatten(),
                patience => wait(request, patience).flatten(),
            };
            if let Some(held) = taken {
                stay(held, &mut dice);
            }
        }
    });
    assert_eq!(kind.tells(), (LIMIT, 0));
}

/// The same of what has one permit, which the mutex shows by the value that nobody else touches.
#[test]
fn a_storm_of_threads_on_a_mutex_loses_no_turn() {
    let (mutex, counted) = (Arc::new(Mutex::new(0_usize)), AtomicUsize::new(0));
    crowd(|mut dice| {
        for _ in 0..rounds(3000) {
            let served = match dice.roll(6) {
                0 => mutex.try_lock().map(|mut value| *value += 1).is_ok(),
                1 => mutex.clone().try_lock_owned().map(|mut value| *value += 1).is_ok(),
                2 => {
                    *mutex.lock().blocking_timeout(PATIENCE).expect(WOKEN) += 1;
                    true
                }
                3 => wait(Box::pin(mutex.clone().lock_owned()), 5).map(|mut value| *value += 1).is_some(),
                patience => wait(pin!(mutex.lock()), patience).map(|mut value| *value += 1).is_some(),
            };
            counted.fetch_add(usize::from(served), Relaxed);
        }
    });
    assert_eq!(*mutex.try_lock().expect("at rest it is free"), counted.into_inner());
}

/// P26: debt kept outside the lock. While the limit moves up and down under the workers' feet, whoever gets all
/// permits of the limit as it is now finds nobody inside.
fn a_limit_that_moves_under_threads_is_kept<K: Counting + Shared>() {
    let (kind, inside) = (K::with(LIMIT), AtomicUsize::new(0));
    let work = |mut dice: Dice| {
        for _ in 0..rounds(2000) {
            let Some(held) = wait(kind.request(Ask::For(1)), 1 + dice.roll(4)).flatten() else { continue };
            inside.fetch_add(1, Relaxed);
            thread::yield_now();
            inside.fetch_sub(1, Relaxed);
            drop(held);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| crowd(work));
        let (mut dice, mut limit) = (Dice(7), LIMIT);
        for _ in 0..rounds(300) {
            let next = 1 + dice.roll(2 * LIMIT);
            kind.resize(limit, next);
            limit = next;
            let all = kind.acquire_many(limit).blocking_timeout(PATIENCE);
            let all = all.expect(WOKEN).unwrap();
            assert_eq!(inside.load(Relaxed), 0, "somebody holds a permit beyond the limit of {limit}");
            drop(all);
        }
        kind.resize(limit, LIMIT);
    });
    assert_eq!(kind.tells(), (LIMIT, 0));
}

/// P26: a limit that grows again while permits are owed owes less, and lets nobody in before nothing is owed.
fn growing_pays_the_debt_first<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(4);
    let all = scene.ask(4);
    scene.kind.resize(4, 1);
    let waiter = scene.ask(1);
    scene.kind.resize(1, 3);
    assert_eq!(scene.woken(), [], "one is owed still");
    scene.leave(all);
    assert_eq!(scene.woken(), [waiter]);
    assert_eq!(scene.word(), Word { free: 2, waiters: 0, closed: false });
}

/// P26: what is owed is owed by a closed semaphore, too.
fn debt_is_paid_though_the_semaphore_is_closed<K: Counting + Start>() {
    let mut scene = Scene::<K>::new(3);
    let all = scene.ask(3);
    scene.kind.reduce_permits(2);
    let waiter = scene.ask(1);
    scene.kind.close();
    assert_eq!(scene.poll(waiter), Answer::Refused);
    scene.leave(all);
    assert_eq!(scene.word(), Word { free: 1, waiters: 0, closed: true });
}

/// P14: permits beyond the limit were given back, and the books were wrong. Here nobody can give back what he has
/// not: what a permit was split into and merged from is the same in all.
fn splitting_and_merging_change_nothing_in_all<K: Counting + Start>() {
    let scene = Scene::<K>::new(6);
    let mut whole = scene.kind.try_take(5).unwrap();
    let mut part = whole.split(3).unwrap();
    assert!(whole.split(3).is_none());
    assert!(part.split(0).is_some_and(|none| none.num_permits() == 0));
    part.merge(whole.split(2).unwrap());
    assert_eq!((whole.num_permits(), part.num_permits(), scene.word().free), (0, 5, 1));
    drop(whole);
    assert_eq!(scene.word().free, 1);
    part.split(1).unwrap().forget();
    drop(part);
    assert_eq!(scene.word().free, 5);
}

/// `available_permits` tells the truth while a large request gathers: never more than exist, never what is granted.
#[test]
fn what_is_shown_as_free_is_never_more_than_there_is() {
    let semaphore = Semaphore::new(LIMIT);
    let trade = |mut dice: Dice| {
        for _ in 0..rounds(2000) {
            let request = pin!(semaphore.acquire_many(1 + dice.roll(LIMIT)));
            let permit = wait(request, 3).and_then(Result::ok);
            let held = permit.as_ref().map_or(0, Permit::num_permits);
            assert!(semaphore.available_permits() + held <= LIMIT);
        }
    };
    crowd(trade);
    assert_eq!(semaphore.available_permits(), LIMIT);
}

each_kind! {
    semaphores:
        after_every_step_of_a_storm_every_permit_is_accounted_for,
        a_storm_of_threads_loses_and_doubles_nothing,
        a_limit_that_moves_under_threads_is_kept,
        growing_pays_the_debt_first,
        debt_is_paid_though_the_semaphore_is_closed,
        splitting_and_merging_change_nothing_in_all,
}
