//! The textbook semaphore of the examples, which is built on `event-listener` and allows barging, runs the same
//! programs.
//!
//! It loses no permit either, so the accounting holds for semaphores in general. The order programs distinguish
//! the two, so they do test fairness.

#[expect(unreachable_pub, reason = "a module of the library of the examples")]
#[path = "../../examples/src/textbook.rs"]
mod textbook;

use std::future;
use std::pin::Pin;
use std::sync::Arc;

use fairgate::{Mutex, Semaphore};

use self::textbook::{Textbook, TextbookPermit};
use crate::common::source::{
    ArcMutex, ArcSemaphore, BorrowedMutex, BorrowedSemaphore, NewSource, PermitSource, ViaMutex,
    ViaSemaphore,
};
use crate::common::spec;
use crate::common::step::{Action, Outcome, Request, Step};
use crate::common::world::World;
use crate::specification::{every_program, mutex_steps};

/// The textbook semaphore as a source. Its requests are for one permit, and no permits are added.
#[derive(Clone)]
struct TextbookSource<'a>(&'a Textbook);

impl<'a> PermitSource for TextbookSource<'a> {
    type Permits = TextbookPermit<'a>;
    type Future = Pin<Box<dyn future::Future<Output = Option<Self::Permits>> + 'a>>;

    fn acquire(&self, request: Request) -> Self::Future {
        assert_eq!(request, Request::exactly(1), "the textbook semaphore acquires one permit at a time");
        let textbook = self.0;
        Box::pin(async { Some(textbook.acquire().await) })
    }

    fn try_acquire(&self, request: impl Into<Request>) -> Option<Self::Permits> {
        assert_eq!(
            request.into(),
            Request::exactly(1),
            "the textbook semaphore acquires one permit at a time"
        );
        self.0.try_acquire()
    }

    fn count(_: &Self::Permits) -> usize {
        1
    }

    fn add(&self, _: usize) {
        unreachable!("the textbook semaphore cannot add permits");
    }

    fn counts(&self) -> (usize, usize) {
        let all: Vec<_> = std::iter::from_fn(|| self.0.try_acquire()).collect();
        (all.len(), 0)
    }
}

/// What every semaphore must do, fair or not: no more permits are held than exist, a waiter that is alone in
/// the queue is granted, and at the end all permits are available.
fn check_accounting<S: PermitSource>(source: S, permits: usize, program: &[Step]) {
    let mut world = World::over(source.clone());
    for step in program.iter().filter_map(|step| step.common()) {
        // The model is fair: it may poll a future that has completed on a semaphore that allows barging.
        if world.allows(step) {
            world.act(step);
        }
        assert!(world.held() <= permits, "more permits are held than exist: {program:?}");
    }
    let last = world.create(1);
    let first_poll = world.poll(last);
    (0..last).for_each(|waiter| world.drop_waiter(waiter));
    if first_poll == Outcome::Pending {
        assert_eq!(world.poll(last), Outcome::Acquired(1), "the only waiter is not granted: {program:?}");
    }
    world.release(last);
    assert_eq!(source.counts(), (permits, 0), "permits were lost or duplicated: {program:?}");
}

#[test]
fn no_program_loses_or_duplicates_a_permit_fair_or_not() {
    for permits in 1..=2 {
        let mut programs = 0;
        every_program(permits, 5, mutex_steps, &mut |program| {
            programs += 1;
            check_accounting(TextbookSource(&Textbook::new(permits)), permits, program);
            check_accounting(ViaSemaphore(Arc::new(Semaphore::new(permits))), permits, program);
        });
        println!("{programs} programs, {permits} permits");
    }
    every_program(1, 5, mutex_steps, &mut |program| {
        check_accounting(ViaMutex::new(Arc::new(Mutex::new(())), 1), 1, program);
    });
}

/// A claim and a program on one permit. `a` acquires · `t` tries to acquire · `p0` polls waiter 0 again · `x0`
/// drops waiter 0.
type Program = (&'static str, &'static str);

/// What every semaphore with a queue does.
const ANY_SEMAPHORE: &[Program] = &[
    ("an acquire without waiters completes at once", "a x0 a x1"),
    ("one permit has one holder", "a t a p1"),
    ("a waiter is granted when the holder releases", "a a x0 p1 x1"),
    ("two waiters are granted in order", "a a a x0 p1 x1 p2"),
    ("a cancelled waiter is not granted", "a a a x1 x0 p2"),
    ("a spurious poll is pending", "a a a x0 p2 p1"),
    ("a woken waiter that is cancelled passes the permit on", "a a a x0 x1 p2"),
];

/// What only a fair semaphore does.
const FAIR_SEMAPHORE: &[Program] = &[
    ("a try does not overtake a woken waiter", "a a x0 t p1"),
    ("a new request does not overtake a woken waiter", "a a x0 a p1 p2"),
    ("a holder that acquires again does not overtake", "a a x0 a x2 p1"),
    ("a woken waiter that is polled late keeps its place", "a a a x0 t x3 p1 x1 p2"),
];

fn parse(program: &str) -> Vec<Action> {
    let action = |word: &str| match (&word[..1], word[1..].parse()) {
        ("p", Ok(waiter)) => Action::Poll(waiter),
        ("x", Ok(waiter)) => Action::Drop(waiter),
        ("t", _) => Action::TryAcquire(Request::exactly(1)),
        _ => Action::Acquire(Request::exactly(1)),
    };
    program.split_whitespace().map(action).collect()
}

fn matches_specification<S: PermitSource>(source: S, program: &str) -> bool {
    spec::run_actions(source, 1, &parse(program)).is_ok()
}

#[test]
fn the_order_programs_distinguish_a_barging_semaphore_from_a_fair_one() {
    let textbook_matches = |program| matches_specification(TextbookSource(&Textbook::new(1)), program);
    for (claim, program) in ANY_SEMAPHORE {
        assert!(textbook_matches(program), "the textbook semaphore does this too: {claim}");
    }
    for (claim, program) in FAIR_SEMAPHORE {
        assert!(!textbook_matches(program), "the textbook semaphore must fail this: {claim}");
    }
    for (claim, program) in ANY_SEMAPHORE.iter().chain(FAIR_SEMAPHORE) {
        assert!(
            matches_specification(BorrowedSemaphore::with_permits(1), program),
            "borrowed semaphore: {claim}"
        );
        assert!(
            matches_specification(ArcSemaphore::with_permits(1), program),
            "semaphore in an Arc: {claim}"
        );
        assert!(matches_specification(BorrowedMutex::with_permits(1), program), "borrowed mutex: {claim}");
        assert!(matches_specification(ArcMutex::with_permits(1), program), "mutex in an Arc: {claim}");
    }
}
