use std::rc::Rc;

use super::{ALL, Difficulty, Guilty, Level, Link, Question, Variant, Win, prose, turn};
use crate::board::Kind;
use crate::gates::asyncio_2022_september::{self, Asyncio2022September};
use crate::gates::asyncio_2023::{self, Asyncio2023};

pub(super) const LEVEL: Level = Level {
    id: "one-wakeup",
    title: "One wake-up for several permits",
    chapter: "Cancellation",
    difficulty: Difficulty::Hard,
    story: "You hold three permits and release them one by one. A task that is woken takes its permit when it runs, and then \
            wakes the next one. Only the next one.",
    goal: "A task gets its permit and leaves another one free, although a task waits for it and is not woken.",
    wins: Win { kind: Kind::TooFewWoken, times: 1 },
    hint: "Release all three permits while only A waits. B and C arrive before A runs.",
    question: Question {
        ask: "A runs, two permits are available, and B and C wait. How many tasks must be woken?",
        answers: &["One", "Two", "Three"],
        right: 1,
    },
    lesson: "asyncio repaired this in passing, in the pull request for gh-111693, a report about conditions: the permit \
             that is left waits for B to run before C is woken. Nothing hangs for good as long as B runs, but C is late \
             by as long as B is late. What wakes waiters must go on until the permits or the waiters are used up. \
             In fairgate a release goes on granting until the next request does not fit.",
    guilty: Some(Guilty {
        line: "if self.value.get() > 0 {",
        why: "It wakes one waiter, however many permits are left. It should go on as long as there are any.",
    }),
    links: &[
        Link {
            name: "The report that led to it: gh-111693",
            url: "https://github.com/python/cpython/issues/111693",
        },
        Link { name: "The repair", url: "https://github.com/python/cpython/pull/111694" },
    ],
    rules: ALL,
    source: turn::SOURCE,
    variants: &[
        Variant {
            id: "asyncio-september-2022",
            name: "asyncio 2022 to 2023",
            about: prose(
                "The semaphore of Python's asyncio, in Rust, before the pull request for gh-111693.",
            ),
            solution: Some("A111BCA"),
            functions: &["turn"],
            semaphore: Some((asyncio_2022_september::SOURCE, &["acquire", "release", "wake_next"])),
            build: |world| turn::build(world, Rc::new(Asyncio2022September::new(3)), 3, 3),
            ..Variant::OTHER
        },
        Variant {
            id: "asyncio-2023",
            name: "asyncio, repaired",
            about: prose("The same semaphore after the pull request for gh-111693."),
            functions: &["turn"],
            semaphore: Some((asyncio_2023::SOURCE, &["acquire", "release", "wake_next"])),
            build: |world| turn::build(world, Rc::new(Asyncio2023::new(3)), 3, 3),
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate",
            about: prose("Permits that arrive are granted to all waiters that fit."),
            functions: &["turn"],
            build: |world| turn::build(world, Rc::new(fairgate::Semaphore::new(3)), 3, 3),
            ..Variant::FAIRGATE
        },
    ],
};
