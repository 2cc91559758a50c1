use std::rc::Rc;

use super::{ALL, Difficulty, Guilty, Level, Link, Question, Variant, Win, prose, turn};
use crate::board::Kind;
use crate::gates::asyncio_2014::{self, Asyncio2014};
use crate::gates::asyncio_2015::{self, Asyncio2015};
use crate::gates::textbook::{self, Textbook};

pub(super) const LEVEL: Level = Level {
    id: "cancelled-wakeup",
    title: "A wake-up that is lost",
    chapter: "Cancellation",
    difficulty: Difficulty::Medium,
    story: "You hold the only permit. A, B and C ask for it. When you release it, a task is woken, but it runs only when you \
            poll it. Until then you can still cancel it.",
    goal: "Leave a permit free while a task waits for it and is not woken.",
    wins: Win { kind: Kind::Idle, times: 1 },
    hint: "Cancel the task that was woken, before it runs.",
    question: Question {
        ask: "A is woken and then cancelled. Which task must the semaphore wake now?",
        answers: &["None", "B", "A"],
        right: 1,
    },
    lesson: "Every wake-up is a promise that the task will look. A task that is cancelled cannot keep it, so the promise has \
             to be passed on. asyncio lost it in its semaphore until 2015 (asyncio#270) and in its lock until 2017 \
             (bpo-27585). In fairgate the permit already belongs to the request that was granted, and dropping it hands \
             the permit to the next.",
    guilty: Some(Guilty {
        line: "promise.wait().await;",
        why: "A waiter that is woken and then cancelled only leaves the queue here. Nothing passes its wake-up on.",
    }),
    links: &[
        Link { name: "The report: asyncio#270", url: "https://github.com/python/asyncio/issues/270" },
        Link { name: "The repair", url: "https://github.com/python/asyncio/pull/271" },
    ],
    rules: ALL,
    source: turn::SOURCE,
    variants: &[
        Variant {
            id: "asyncio-2014",
            name: "asyncio until 2015",
            about: prose("The semaphore of Python's asyncio, in Rust, before the repair asyncio#270."),
            solution: Some("AB1xA"),
            functions: &["turn"],
            semaphore: Some((asyncio_2014::SOURCE, &["acquire", "release"])),
            build: |world| turn::build(world, Rc::new(Asyncio2014::new(1)), 1, 3),
            ..Variant::OTHER
        },
        Variant {
            id: "asyncio-2015",
            name: "asyncio, repaired",
            about: prose("The same semaphore after the repair asyncio#270."),
            functions: &["turn"],
            semaphore: Some((asyncio_2015::SOURCE, &["acquire", "release", "wake_next"])),
            build: |world| turn::build(world, Rc::new(Asyncio2015::new(1)), 1, 3),
            ..Variant::OTHER
        },
        Variant {
            id: "textbook",
            name: "textbook",
            about: prose(
                "A counter and an event. The crate event-listener passes a wake-up on when its listener is dropped.",
            ),
            functions: &["turn"],
            semaphore: Some((textbook::SOURCE, &["acquire_many", "take", "release"])),
            build: |world| turn::build(world, Rc::new(Textbook::new(1)), 1, 3),
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate",
            about: prose("A granted request that is dropped hands its permit to the next."),
            functions: &["turn"],
            build: |world| turn::build(world, Rc::new(fairgate::Semaphore::new(1)), 1, 3),
            ..Variant::FAIRGATE
        },
    ],
};
