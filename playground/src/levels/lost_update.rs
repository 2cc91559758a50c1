use std::rc::Rc;

use super::{CANCEL, Difficulty, Level, Link, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::kit::{Counter, Lock, Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "lost-update",
    title: "Read, wait, write",
    chapter: "Lock or semaphore?",
    difficulty: Difficulty::Medium,
    story: "Two tasks add 1 to a counter. Each reads the value, waits for a moment (think of a database), and writes the \
            value it has read plus 1. Nothing runs in parallel here: you switch from one task to the other only at an \
            `.await`. That is enough.",
    goal: "Lose an update: both tasks add 1, and the counter shows 1.",
    wins: Win { kind: Kind::LostUpdate, times: 1 },
    hint: "Let both tasks read before either of them writes.",
    question: Question {
        ask: "Which of these keeps every update?",
        answers: &["A semaphore of 3", "A lock", "Neither, because there are no threads"],
        right: 1,
    },
    lesson: "A semaphore of n lets n tasks through at once: it limits load and protects nothing. A value that no two \
             tasks may touch at once needs a lock. The mutex has the value inside, so that it cannot be reached without \
             the lock; a semaphore of 1 gives the same order, but the compiler does not check that you acquire it first.",
    guilty: None,
    links: &[Link {
        name: "asyncio.Lock",
        url: "https://docs.python.org/3/library/asyncio-sync.html#lock",
    }],
    rules: CANCEL,
    source: source!("lost_update.rs"),
    variants: &[
        Variant {
            id: "nothing",
            name: "no protection",
            about: prose("No lock, no semaphore."),
            solution: Some("ABAB"),
            functions: &["unprotected"],
            build: |world| {
                let counter = Rc::new(world.counter());
                for title in TITLES {
                    world.task(title, "unprotected", unprotected(counter.clone(), world.work()));
                }
            },
            ..Variant::OTHER
        },
        Variant {
            id: "semaphore-3",
            name: "Semaphore::new(3)",
            about: prose("A semaphore, but with more than one permit."),
            solution: Some("ABAB"),
            functions: &["with_slots"],
            build: |world| with_semaphore(world, 3),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "semaphore-1",
            name: "Semaphore::new(1)",
            about: prose("A semaphore with one permit."),
            functions: &["with_slots"],
            build: |world| with_semaphore(world, 1),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "fairgate",
            name: "Mutex",
            about: prose("The counter is inside the mutex."),
            functions: &["with_lock"],
            build: |world| {
                let counter = world.lock("counter", world.counter());
                for title in TITLES {
                    world.task(title, "with_lock", with_lock(counter.clone(), world.work()));
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 2] = ["add 1", "add 1"];

fn with_semaphore(world: &mut World, permits: usize) {
    let counter = Rc::new(world.counter());
    let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(permits)));
    for title in TITLES {
        world.task(title, "with_slots", with_slots(slots.clone(), counter.clone(), world.work()));
    }
}

async fn unprotected(counter: Rc<Counter>, database: Work) -> Outcome {
    let seen = counter.read();
    database.step().await;
    counter.write(seen + 1);
    Ok(())
}

async fn with_slots(slots: Slots, counter: Rc<Counter>, database: Work) -> Outcome {
    let _slot = slots.acquire().await?;
    let seen = counter.read();
    database.step().await;
    counter.write(seen + 1);
    Ok(())
}

async fn with_lock(counter: Lock<Counter>, database: Work) -> Outcome {
    let counter = counter.lock().await;
    let seen = counter.read();
    database.step().await;
    counter.write(seen + 1);
    Ok(())
}
