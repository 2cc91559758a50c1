use std::rc::Rc;

use super::{CANCEL, Difficulty, Level, Link, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::kit::{Lock, Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "deadlock",
    title: "After you",
    chapter: "Lock or semaphore?",
    difficulty: Difficulty::Medium,
    story: "Each task needs two things at the same time: two locks, or two permits. It gets the first, works for a \
            moment, and then asks for the second.",
    goal: "Bring both tasks to a standstill: each waits for what the other holds.",
    wins: Win { kind: Kind::Deadlock, times: 1 },
    hint: "Let each task get its first lock before either of them asks for its second.",
    question: Question {
        ask: "Which change makes the deadlock impossible?",
        answers: &["All tasks lock in the same order", "Fair locks", "More tasks"],
        right: 0,
    },
    lesson: "Fairness does not help against a deadlock: both queues are in order, and the two tasks at their \
             fronts block each other. Take locks in one order everywhere. And take several permits in one \
             request: `acquire_many(2)` waits until there are two, and holds none while it waits.",
    guilty: None,
    links: &[Link {
        name: "In The Little Book of Semaphores",
        url: "https://greenteapress.com/wp/semaphores/",
    }],
    rules: CANCEL,
    source: source!("deadlock.rs"),
    variants: &[
        Variant {
            id: "crossed",
            name: "two locks, crossed",
            about: prose("A locks left, then right. B locks right, then left."),
            solution: Some("ABAB"),
            functions: &["left_then_right", "right_then_left"],
            build: |world| {
                let (left, right) = (world.lock("left", ()), world.lock("right", ()));
                let other = right_then_left(left.clone(), right.clone(), world.work());
                world.task(
                    "left, then right",
                    "left_then_right",
                    left_then_right(left, right, world.work()),
                );
                world.task("right, then left", "right_then_left", other);
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "ordered",
            name: "two locks, one order",
            about: prose("Both tasks lock left first."),
            functions: &["left_then_right"],
            build: |world| {
                let (left, right) = (world.lock("left", ()), world.lock("right", ()));
                for _ in 0..2 {
                    let code = left_then_right(left.clone(), right.clone(), world.work());
                    world.task("left, then right", "left_then_right", code);
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "one-by-one",
            name: "two permits, one by one",
            about: prose(
                "A semaphore of 2. Each task needs both permits and acquires them one after the other.",
            ),
            solution: Some("ABAB"),
            functions: &["one_by_one"],
            build: |world| {
                let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(2)));
                for _ in 0..2 {
                    world.task("needs two permits", "one_by_one", one_by_one(slots.clone(), world.work()));
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "fairgate",
            name: "two permits at once",
            about: prose("A semaphore of 2. Each task acquires both permits in one request."),
            functions: &["at_once"],
            build: |world: &mut World| {
                let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(2)));
                for _ in 0..2 {
                    world.task("needs two permits", "at_once", at_once(slots.clone(), world.work()));
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

async fn left_then_right(left: Lock<()>, right: Lock<()>, work: Work) -> Outcome {
    let _left = left.lock().await;
    work.step().await;
    let _right = right.lock().await;
    work.step().await;
    Ok(())
}

async fn right_then_left(left: Lock<()>, right: Lock<()>, work: Work) -> Outcome {
    let _right = right.lock().await;
    work.step().await;
    let _left = left.lock().await;
    work.step().await;
    Ok(())
}

async fn one_by_one(slots: Slots, work: Work) -> Outcome {
    let _first = slots.acquire().await?;
    work.step().await;
    let _second = slots.acquire().await?;
    work.step().await;
    Ok(())
}

async fn at_once(slots: Slots, work: Work) -> Outcome {
    let _both = slots.acquire_many(2).await?;
    work.step().await;
    work.step().await;
    Ok(())
}
