use std::rc::Rc;

use super::{ALL, Difficulty, Guilty, Level, Link, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::gates::Gate;
use crate::gates::asyncio_lock_2017::{self, AsyncioLock2017};
use crate::kit::{Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "two-holders",
    title: "Two holders of one lock",
    chapter: "Cancellation",
    difficulty: Difficulty::Hard,
    story: "You hold a lock. A, B and C ask for it. The wake-up that was lost in “A wake-up that is lost” is repaired here: a waiter that \
            is cancelled while the lock is free wakes another one. Perhaps it is too eager.",
    goal: "Let two tasks hold the lock at the same time.",
    wins: Win { kind: Kind::TooMany, times: 1 },
    hint: "Unlock, so that A is woken. Then cancel a task that was not woken, before A runs.",
    question: Question {
        ask: "The lock is free, A is woken, and B, which was not woken, is cancelled. Which task should B wake?",
        answers: &["None: A will run", "C", "A once more"],
        right: 0,
    },
    lesson: "bpo-32734, found in 2018: the cancelled waiter asked only whether the lock was free, not whether another waiter \
             was already on its way. Both woken tasks then set `locked` to true, and both went in. In fairgate a release \
             changes the state and picks the new holder in one step; cancelling a request that holds nothing changes \
             nothing for others.",
    guilty: Some(Guilty {
        line: "if !self.locked.get() {",
        why: "It asks whether the lock is free, not whether another waiter is woken already and will take it.",
    }),
    links: &[
        Link { name: "The report: bpo-32734", url: "https://bugs.python.org/issue32734" },
        Link { name: "The repair", url: "https://github.com/python/cpython/pull/5466" },
    ],
    rules: ALL,
    source: source!("two_holders.rs"),
    variants: &[
        Variant {
            id: "asyncio-2017",
            name: "asyncio.Lock 2017",
            about: prose("The lock of Python's asyncio, in Rust, before the repair bpo-32734."),
            solution: Some("ABC1xBAC"),
            functions: &["turn"],
            semaphore: Some((asyncio_lock_2017::SOURCE, &["acquire", "release", "wake_first"])),
            build: |world| build(world, Rc::new(AsyncioLock2017::default())),
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate::Mutex",
            about: prose("The mutex of this crate."),
            functions: &["turn"],
            build: |world| build(world, Rc::new(fairgate::Mutex::new(()))),
            ..Variant::FAIRGATE
        },
    ],
};

fn build(world: &mut World, gate: Rc<dyn Gate>) {
    let lock = world.plain_lock("lock", gate);
    world.player_holds(&lock, 1, "Unlock");
    for title in ["turn 1", "turn 2", "turn 3"] {
        world.task(title, "turn", turn(lock.clone(), world.work()));
    }
}

async fn turn(lock: Slots, work: Work) -> Outcome {
    let _guard = lock.lock().await?;
    work.step().await;
    Ok(())
}
