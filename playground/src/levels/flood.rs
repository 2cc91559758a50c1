use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::{Kind, Limit};
use crate::kit::{Outcome, Server, Slots};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "flood",
    title: "All at once",
    chapter: "Twenty requests at once",
    difficulty: Difficulty::Easy,
    story: "Three tasks, A, B and C, each fetch a page. Starting a task is cheap, so all three start without asking \
            whether the server can take it. This server answers two requests at a time and refuses the third with \
            status 429, which means \"too many requests\". You are the scheduler: you decide which task runs next. A task runs from one `.await` to the \
            next, and you pick the task after each.",
    goal: "Make the server refuse a request.",
    wins: Win { kind: Kind::Refused, times: 1 },
    hint: "A request is in flight from the moment the task is polled until it is polled again. Let three tasks start \
           before any of them finishes.",
    question: Question {
        ask: "Now a semaphore with 2 permits stands before the server: a task needs a permit while its request is in flight. \
              A and B hold both. What happens when C is polled?",
        answers: &["The server refuses C", "C waits until A or B is done", "C takes the place of A"],
        right: 1,
    },
    lesson: "Without a limit the number of requests in flight is the number of tasks. A semaphore of 2 keeps at most \
             two tasks between `acquire` and the end of the block. The third still exists, but it waits, and no order \
             of moves makes the server refuse it.",
    guilty: None,
    links: &[Link {
        name: "Status 429: RFC 6585",
        url: "https://www.rfc-editor.org/rfc/rfc6585#section-4",
    }],
    rules: PLAIN,
    source: source!("flood.rs"),
    variants: &[
        Variant {
            id: "unlimited",
            name: "no limit",
            about: prose("Each task sends its request at once."),
            solution: Some("ABC"),
            functions: &["unlimited"],
            build: |world| {
                let server = world.server(Limit::AtOnce(2), None);
                for title in TITLES {
                    world.task(title, "unlimited", unlimited(server.clone()));
                }
            },
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "2 permits",
            about: prose(
                "A semaphore hands out two permits. Each task acquires one first, and waits in a queue if there is none.",
            ),
            functions: &["limited"],
            build: |world: &mut World| {
                let server = world.server(Limit::AtOnce(2), None);
                let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(2)));
                for title in TITLES {
                    world.task(title, "limited", limited(slots.clone(), server.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 3] = ["fetch page 1", "fetch page 2", "fetch page 3"];

async fn unlimited(server: Server) -> Outcome {
    server.get().await;
    Ok(())
}

async fn limited(slots: Slots, server: Server) -> Outcome {
    let _slot = slots.acquire().await?;
    server.get().await;
    Ok(())
}
