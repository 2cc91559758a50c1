use std::rc::Rc;

use super::{CANCEL, Difficulty, Level, Link, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::kit::{Idle, Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "pool",
    title: "A permit and no connection",
    chapter: "A pool",
    difficulty: Difficulty::Easy,
    story: "A pool with one connection. The permit says that one is free, and a plain list says which. So the list is never \
            empty when a permit is granted, if the connection always comes back before its permit.",
    goal: "Let a task get a permit and find no connection.",
    wins: Win { kind: Kind::NoConnection, times: 1 },
    hint: "Look for the moment when the permit is released and the connection is not back in the list. In the second \
           variant, think of what happens to local variables when a task is cancelled.",
    question: Question {
        ask: "A task that has popped the connection is cancelled. What brings the connection back?",
        answers: &[
            "The statement that pushes it",
            "Only a guard that pushes it in its `drop`",
            "The semaphore",
        ],
        right: 1,
    },
    lesson: "Put the connection back first, then release the permit. And do both in `drop`, because a cancelled task runs no \
             further code: it only drops what it holds. Local variables are dropped in reverse order, so here `_connection` \
             goes back before `_permit` is released.",
    guilty: None,
    links: &[Link {
        name: "A report: httpcore#1093",
        url: "https://github.com/encode/httpcore/issues/1093",
    }],
    rules: CANCEL,
    source: source!("pool.rs"),
    variants: &[
        Variant {
            id: "permit-first",
            name: "permit released first",
            about: prose("The permit is released before the connection is reset and put back."),
            solution: Some("AAB"),
            functions: &["permit_first"],
            build: |world| {
                let (slots, idle) = shared(world);
                for title in TITLES {
                    world.task(
                        title,
                        "permit_first",
                        permit_first(slots.clone(), idle.clone(), world.work()),
                    );
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "by-hand",
            name: "put back by hand",
            about: prose(
                "The connection is put back before the permit is released, by the last line of the task.",
            ),
            solution: Some("AxAB"),
            functions: &["by_hand"],
            build: |world| {
                let (slots, idle) = shared(world);
                for title in TITLES {
                    world.task(title, "by_hand", by_hand(slots.clone(), idle.clone(), world.work()));
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "fairgate",
            name: "put back by a guard",
            about: prose("A guard puts the connection back when it is dropped."),
            functions: &["with_guard", "drop"],
            build: |world| {
                let (slots, idle) = shared(world);
                for title in TITLES {
                    world.task(title, "with_guard", with_guard(slots.clone(), idle.clone(), world.work()));
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 2] = ["query 1", "query 2"];

fn shared(world: &World) -> (Slots, Idle) {
    (world.semaphore("slots", Rc::new(fairgate::Semaphore::new(1))), world.idle_connections())
}

async fn permit_first(slots: Slots, idle: Idle, work: Work) -> Outcome {
    let permit = slots.acquire().await?;
    let Some(connection) = idle.pop() else { return Ok(()) };
    work.step().await; // the query
    drop(permit);
    work.step().await; // reset the connection
    idle.push(connection);
    Ok(())
}

async fn by_hand(slots: Slots, idle: Idle, work: Work) -> Outcome {
    let _permit = slots.acquire().await?;
    let Some(connection) = idle.pop() else { return Ok(()) };
    work.step().await; // the query
    work.step().await; // reset the connection
    idle.push(connection);
    Ok(())
}

async fn with_guard(slots: Slots, idle: Idle, work: Work) -> Outcome {
    let _permit = slots.acquire().await?;
    let Some(connection) = idle.pop() else { return Ok(()) };
    let _connection = PutBack { connection, idle };
    work.step().await; // the query
    work.step().await; // reset the connection
    Ok(())
}

struct PutBack {
    connection: &'static str,
    idle: Idle,
}

impl Drop for PutBack {
    fn drop(&mut self) {
        self.idle.push(self.connection);
    }
}
