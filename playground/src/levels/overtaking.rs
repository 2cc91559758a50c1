use std::rc::Rc;

use super::{ALL, Difficulty, Guilty, Level, Link, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::gates::Gate;
use crate::gates::asyncio_2015::{self, Asyncio2015};
use crate::gates::textbook::{self, Textbook};
use crate::kit::{Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "overtaking",
    title: "The greedy task",
    chapter: "Order and its price",
    difficulty: Difficulty::Medium,
    story: "One permit. A takes two turns and asks again as soon as it has released the permit. B takes one turn. The \
            permit goes to a task that waits, or to whichever task asks first: that is up to the semaphore. You can also \
            poll a task that was not woken; a good semaphore does not care.",
    goal: "Let a task that asks later get the permit before a task that waits.",
    wins: Win { kind: Kind::Overtaken, times: 1 },
    hint: "Let B wait while A holds the permit. What does A do in the same poll in which it releases?",
    question: Question {
        ask: "B waits. A releases the permit and asks for it again at once. Which task is next on the textbook semaphore?",
        answers: &["A", "B", "Either, at random"],
        right: 0,
    },
    lesson: "The textbook semaphore adds the permit to a number and wakes B. Until B runs, any task can take \
             the permit, and A asks first: this is called barging. A semaphore that hands the permit to the front of the \
             queue in the act of releasing it leaves nothing to take. asyncio learned this in 2022 (bpo-45997).",
    guilty: Some(Guilty {
        line: "self.free.set(self.free.get() + n);",
        why: "The permit is added to a number that every task can take from, before the waiter has run.",
    }),
    links: &[
        Link { name: "The report: bpo-45997", url: "https://bugs.python.org/issue45997" },
        Link { name: "The repair", url: "https://github.com/python/cpython/pull/31910" },
    ],
    rules: ALL,
    source: source!("overtaking.rs"),
    variants: &[
        Variant {
            id: "textbook",
            name: "textbook",
            about: prose(
                "The semaphore that most people write first: a counter of permits, and an event of the crate event-listener that wakes a waiter.",
            ),
            solution: Some("ABA"),
            functions: &["turns"],
            semaphore: Some((textbook::SOURCE, &["acquire_many", "take", "release"])),
            build: |world| build(world, Rc::new(Textbook::new(1))),
            ..Variant::OTHER
        },
        Variant {
            id: "asyncio-2015",
            name: "asyncio 2015 to 2022",
            about: prose("The semaphore of Python's asyncio, in Rust, before the repair bpo-45997."),
            solution: Some("ABA"),
            functions: &["turns"],
            semaphore: Some((asyncio_2015::SOURCE, &["acquire", "release", "wake_next"])),
            build: |world| build(world, Rc::new(Asyncio2015::new(1))),
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate",
            about: prose("A release hands the permit to the front of the queue."),
            functions: &["turns"],
            build: |world| build(world, Rc::new(fairgate::Semaphore::new(1))),
            ..Variant::FAIRGATE
        },
    ],
};

fn build(world: &mut World, gate: Rc<dyn Gate>) {
    let slots = world.semaphore("slots", gate);
    world.task("two turns", "turns", turns(2, slots.clone(), world.work()));
    world.task("one turn", "turns", turns(1, slots, world.work()));
}

async fn turns(count: usize, slots: Slots, work: Work) -> Outcome {
    for turn in 1..=count {
        work.note(format!("turn = {turn} of {count}"));
        let _slot = slots.acquire().await?;
        work.step().await;
    }
    Ok(())
}
