use std::rc::Rc;

use super::{ALL, Difficulty, Guilty, Level, Link, Question, Variant, Win, prose, turn};
use crate::board::Kind;
use crate::gates::asyncio_2022_march::{self, Asyncio2022March};
use crate::gates::asyncio_2022_september::{self, Asyncio2022September};

pub(super) const LEVEL: Level = Level {
    id: "sticky-flag",
    title: "The flag that sticks",
    chapter: "Cancellation",
    difficulty: Difficulty::Medium,
    story: "You hold the only permit. Barging means that a later request takes a permit before one that waits. Against it, \
            asyncio added a flag in March 2022: while a woken task has not run \
            yet, every other task has to wait. The woken task resets the flag when it runs.",
    goal: "Leave a permit free while a task waits for it and is not woken.",
    wins: Win { kind: Kind::Idle, times: 1 },
    hint: "The task that was woken should reset the flag. Make sure that it never runs, and that no other task waits.",
    question: Question {
        ask: "A alone waits, is woken, and is cancelled before it runs. What is the flag now?",
        answers: &["Reset", "Still set"],
        right: 1,
    },
    lesson: "gh-90155: no task resets the flag, and every later `acquire` waits although a permit is free, for good. The cure \
             of September 2022 has no flag: a release grants the permit to the front of the queue, as fairgate does. A flag \
             that means \"a task will act\" must be reset when that task is cancelled.",
    guilty: Some(Guilty {
        line: "self.wakeup_scheduled.set(false);",
        why: "A waiter that is cancelled never gets here, so the flag stays set.",
    }),
    links: &[
        Link { name: "The report: gh-90155", url: "https://github.com/python/cpython/issues/90155" },
        Link { name: "The repair", url: "https://github.com/python/cpython/pull/93222" },
    ],
    rules: ALL,
    source: turn::SOURCE,
    variants: &[
        Variant {
            id: "asyncio-march-2022",
            name: "asyncio, March 2022",
            about: prose("The semaphore of Python's asyncio, in Rust, before the repair gh-90155."),
            solution: Some("A1xAB"),
            functions: &["turn"],
            semaphore: Some((asyncio_2022_march::SOURCE, &["acquire", "release", "wake_next"])),
            build: |world| turn::build(world, Rc::new(Asyncio2022March::new(1)), 1, 2),
            ..Variant::OTHER
        },
        Variant {
            id: "asyncio-september-2022",
            name: "asyncio, repaired",
            about: prose(
                "The same semaphore after the repair gh-90155: a release grants the permit in the order of the queue.",
            ),
            functions: &["turn"],
            semaphore: Some((asyncio_2022_september::SOURCE, &["acquire", "release", "wake_next"])),
            build: |world| turn::build(world, Rc::new(Asyncio2022September::new(1)), 1, 2),
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate",
            about: prose("A release grants the permit in the order of the queue."),
            functions: &["turn"],
            build: |world| turn::build(world, Rc::new(fairgate::Semaphore::new(1)), 1, 2),
            ..Variant::FAIRGATE
        },
    ],
};
