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
use crate::common::script;
use crate::common::source::{
    ArcMutex, ArcSemaphore, BorrowedMutex, BorrowedSemaphore, NewSource, PermitSource, ViaMutex,
    ViaSemaphore,
};
use crate::common::spec;
use crate::common::step::{Outcome, Request, Step};
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

/// A claim and a program on one permit, in the words of `script::Row`.
type Program = (&'static str, &'static str);

/// What every semaphore with a queue does.
const ANY_SEMAPHORE: &[Program] = &[
    ("an acquire without waiters completes at once", "1 x0 1 x1"),
    ("one permit has one holder", "1 t1 1 p1"),
    ("a waiter is granted when the holder releases", "1 1 x0 p1 x1"),
    ("two waiters are granted in order", "1 1 1 x0 p1 x1 p2"),
    ("a cancelled waiter is not granted", "1 1 1 x1 x0 p2"),
    ("a cancelled waiter leaves the others in order", "1 1 1 1 x1 1 x0 p2 x2 p3 x3 p4"),
    ("a spurious poll is pending and keeps the order", "1 1 1 p2 p1 p2 p1 x0 p2 p1"),
    ("a woken waiter that is cancelled passes the permit on", "1 1 1 x0 x1 p2"),
];

/// What only a fair semaphore does. P03: a woken waiter lost a race and went to the back of the queue; new requests barged.
/// P07: a holder that released and acquired again at once overtook the waiters.
const FAIR_SEMAPHORE: &[Program] = &[
    ("a try does not overtake a woken waiter", "1 1 x0 t1 p1"),
    ("a new request does not overtake a woken waiter", "1 1 x0 1 p1 p2"),
    ("a holder that acquires again does not overtake", "1 1 x0 1 x2 p1"),
    ("a woken waiter that is polled late keeps its place", "1 1 1 x0 t1 x3 p1 x1 p2"),
];

fn matches_specification<S: PermitSource>(source: S, program: &str) -> bool {
    let actions: Vec<_> = script::parse(program).into_iter().filter_map(Step::common).collect();
    spec::run_actions(source, 1, &actions).is_ok()
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
