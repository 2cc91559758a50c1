use std::rc::Rc;

use super::{CANCEL, Difficulty, Level, Link, Question, Variant, Win, prose};
use crate::board::{Kind, Limit};
use crate::kit::{Outcome, Server, Slots};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "limit",
    title: "A limit that does not limit",
    chapter: "A limit",
    difficulty: Difficulty::Medium,
    story: "The same server, which takes two requests at a time. Every variant has a semaphore. In two of them it does \
            not help: the permit is released too early, or there are too many permits. Here you can also cancel \
            a task: its future is dropped, and with it all that it holds.",
    goal: "Make the server refuse a request.",
    wins: Win { kind: Kind::Refused, times: 1 },
    hint: "Watch the picture of the permits. Is the permit still held while the request is in flight?",
    question: Question {
        ask: "How long does a task hold the permit of `let _ = slots.acquire().await?;`?",
        answers: &[
            "Until the end of the function",
            "Until the request is answered",
            "It drops the permit at once",
        ],
        right: 2,
    },
    lesson: "A permit is a value: dropping it releases it. `let _ = ...` drops the value at once, `let _slot = ...` keeps \
             it until the end of the block. And the number of permits has to be what the server takes, not more.",
    guilty: None,
    links: &[Link {
        name: "The lint of rustc for locks",
        url: "https://doc.rust-lang.org/rustc/lints/listing/deny-by-default.html#let-underscore-lock",
    }],
    rules: CANCEL,
    source: source!("limit.rs"),
    variants: &[
        Variant {
            id: "underscore",
            name: "2 permits, let _ = …",
            about: prose("Two permits, but the permit is assigned to `_`."),
            solution: Some("ABC"),
            functions: &["underscore"],
            build: |world| {
                let (slots, server) = shared(world, 2);
                for title in TITLES {
                    world.task(title, "underscore", underscore(slots.clone(), server.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "three",
            name: "3 permits",
            about: prose("The permit is held, but there are three, and the server takes two requests."),
            solution: Some("ABC"),
            functions: &["held"],
            build: |world| {
                let (slots, server) = shared(world, 3);
                for title in TITLES {
                    world.task(title, "held", held(slots.clone(), server.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "fairgate",
            name: "2 permits, held",
            about: prose("Two permits, each held during the request."),
            functions: &["held"],
            build: |world| {
                let (slots, server) = shared(world, 2);
                for title in TITLES {
                    world.task(title, "held", held(slots.clone(), server.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 3] = ["fetch page 1", "fetch page 2", "fetch page 3"];

fn shared(world: &World, permits: usize) -> (Slots, Server) {
    let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(permits)));
    (slots, world.server(Limit::AtOnce(2), None))
}

async fn underscore(slots: Slots, server: Server) -> Outcome {
    let _ = slots.acquire().await?;
    server.get().await;
    Ok(())
}

async fn held(slots: Slots, server: Server) -> Outcome {
    let _slot = slots.acquire().await?;
    server.get().await;
    Ok(())
}
