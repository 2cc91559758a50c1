//! A second opinion: the textbook semaphore of the examples, on `event-listener`, goes through the same programs.
//!
//! It loses no permit either, so the accounting is about semaphores in general. It lets newcomers barge, and the order
//! programs tell: they are about fairness.

#[expect(unreachable_pub, reason = "a module of the examples' library")]
#[path = "../../examples/src/textbook.rs"]
mod textbook;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use fairgate::{Mutex, Semaphore};

use self::textbook::{Textbook, TextbookPermit};
use crate::common::kind::{Borrowed, Counted, Kind, Lock, LockOwned, Owned, Single, Start};
use crate::common::scene::Scene;
use crate::common::spec;
use crate::common::step::{Answer, Ask, Step, Turn};
use crate::specification::{every_program, turns};

/// The textbook semaphore as a kind. It knows of one permit at a time, and nobody adds any.
#[derive(Clone)]
struct ByTheBook<'a>(&'a Textbook);

impl<'a> Kind for ByTheBook<'a> {
    type Held = TextbookPermit<'a>;
    type Request = Pin<Box<dyn Future<Output = Option<Self::Held>> + 'a>>;

    fn request(&self, ask: Ask) -> Self::Request {
        assert_eq!(ask, Ask::For(1), "by the book one asks for one");
        let textbook = self.0;
        Box::pin(async { Some(textbook.acquire().await) })
    }

    fn try_take(&self, n: usize) -> Option<Self::Held> {
        assert_eq!(n, 1, "by the book one asks for one");
        self.0.try_acquire()
    }

    fn count(_: &Self::Held) -> usize {
        1
    }

    fn add(&self, _: usize) {
        unreachable!("by the book nobody adds permits");
    }

    fn tells(&self) -> (usize, usize) {
        let all: Vec<_> = std::iter::from_fn(|| self.0.try_acquire()).collect();
        (all.len(), 0)
    }
}

/// What anybody expects of a semaphore, fair or not: never more inside than there are permits, whoever is left alone in
/// line is served, and at the end all permits are there again.
fn account<K: Kind>(kind: K, permits: usize, program: &[Step]) {
    let mut scene = Scene::over(kind.clone());
    for step in program.iter().filter_map(|step| step.turn()) {
        // A program in which the fair one would still wait may poll one whom another has served.
        if scene.allows(step) {
            scene.turn(step);
        }
        assert!(scene.held() <= permits, "too many are inside: {program:?}");
    }
    let last = scene.make(1);
    let at_once = scene.poll(last);
    (0..last).for_each(|who| scene.leave(who));
    if at_once == Answer::Waits {
        assert_eq!(scene.poll(last), Answer::Got(1), "alone, and not served: {program:?}");
    }
    scene.leave(last);
    assert_eq!(kind.tells(), (permits, 0), "permits were lost or doubled: {program:?}");
}

#[test]
fn no_program_loses_or_doubles_a_permit_fair_or_not() {
    for permits in 1..=2 {
        let mut programs = 0;
        every_program(permits, 5, turns, &mut |program| {
            programs += 1;
            account(ByTheBook(&Textbook::new(permits)), permits, program);
            account(Counted(Arc::new(Semaphore::new(permits))), permits, program);
        });
        println!("{programs} programs, {permits} permits");
    }
    every_program(1, 5, turns, &mut |program| {
        account(Single::new(Arc::new(Mutex::new(())), 1), 1, program);
    });
}

/// A program: its claim, and its turns, with one permit at the start. `a` a newcomer asks · `t` one tries ·
/// `p0` newcomer 0 is polled again · `x0` newcomer 0 leaves.
type Program = (&'static str, &'static str);

/// What any semaphore does that has a line.
const IN_TURN: &[Program] = &[
    ("who comes alone is served", "a x0 a x1"),
    ("one at a time", "a t a p1"),
    ("who waits is served when the other leaves", "a a x0 p1 x1"),
    ("two who wait are served in turn", "a a a x0 p1 x1 p2"),
    ("who leaves the line is not served", "a a a x1 x0 p2"),
    ("who is polled without cause goes on waiting", "a a a x0 p2 p1"),
    ("who was woken and leaves lets the next in", "a a a x0 x1 p2"),
];

/// What a fair one does.
const IN_ORDER: &[Program] = &[
    ("a try does not overtake one who was woken", "a a x0 t p1"),
    ("nor does one who asks", "a a x0 a p1 p2"),
    ("the holder does not overtake when it asks again", "a a x0 a x2 p1"),
    ("who was woken late keeps his place", "a a a x0 t x3 p1 x1 p2"),
];

fn parse(program: &str) -> Vec<Turn> {
    let turn = |word: &str| match (&word[..1], word[1..].parse()) {
        ("p", Ok(who)) => Turn::Poll(who),
        ("x", Ok(who)) => Turn::Leave(who),
        ("t", _) => Turn::Try(1),
        _ => Turn::Ask(Ask::For(1)),
    };
    program.split_whitespace().map(turn).collect()
}

fn is_fair<K: Kind>(kind: K, program: &str) -> bool {
    spec::run_turns(kind, 1, &parse(program)).is_ok()
}

#[test]
fn the_order_programs_tell_the_barging_one_from_the_fair_one() {
    let by_the_book = |program| is_fair(ByTheBook(&Textbook::new(1)), program);
    for (claim, program) in IN_TURN {
        assert!(by_the_book(program), "the textbook semaphore, too: {claim}");
    }
    for (claim, program) in IN_ORDER {
        assert!(!by_the_book(program), "this tells nobody who barges: {claim}");
    }
    for (claim, program) in IN_TURN.iter().chain(IN_ORDER) {
        assert!(is_fair(Borrowed::with(1), program), "borrowed: {claim}");
        assert!(is_fair(Owned::with(1), program), "owned: {claim}");
        assert!(is_fair(Lock::with(1), program), "lock: {claim}");
        assert!(is_fair(LockOwned::with(1), program), "owned lock: {claim}");
    }
}
