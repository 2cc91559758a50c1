use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::{Kind, Limit};
use crate::kit::{Clock, Outcome, Server, Slots};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "rate",
    title: "Two a second",
    chapter: "Requests a second",
    difficulty: Difficulty::Hard,
    story: "This server counts requests per second, not requests in flight: it answers two within any second and refuses \
            the next. Its answers come at once. A, B and C each send one request. Time passes only when no \
            task that has started can run.",
    goal: "Make the server refuse a request.",
    wins: Win { kind: Kind::Refused, times: 1 },
    hint: "A permit is a token here: spend the full bucket just before the next token arrives.",
    question: Question {
        ask: "The bucket holds 2 tokens and gets one more every second. What is the most that can be sent within a second?",
        answers: &["1", "2", "3"],
        right: 2,
    },
    lesson: "A semaphore limits how many are in flight. A rate needs permits that return with time: a request uses its \
             permit up (`forget`), and a timer adds one every second, up to the size of the bucket. The most that can be \
             sent within a second is the bucket plus what arrives in that second, so both together must stay within the \
             quota: here, a bucket of 1 and one token a second.",
    guilty: None,
    links: &[Link {
        name: "Status 429: RFC 6585",
        url: "https://www.rfc-editor.org/rfc/rfc6585#section-4",
    }],
    rules: PLAIN,
    source: source!("rate.rs"),
    variants: &[
        Variant {
            id: "bucket-2",
            name: "bucket of 2",
            about: prose(
                "A token bucket with two tokens. D adds one every second if the bucket is not full.",
            ),
            solution: Some("DtABDC"),
            functions: &["with_tokens", "refill"],
            build: |world| bucket(world, 2),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "fairgate",
            name: "bucket of 1",
            about: prose(
                "A token bucket with one token. D adds one every second if the bucket is not full.",
            ),
            functions: &["with_tokens", "refill"],
            build: |world| bucket(world, 1),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "second",
            name: "2 permits, held for a second",
            about: prose(
                "No bucket: each request keeps its permit for a second, however soon the answer comes.",
            ),
            functions: &["for_a_second"],
            build: |world| {
                let server = world.server(Limit::PerSecond(2), None);
                let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(2)));
                for title in TITLES {
                    let code = for_a_second(slots.clone(), server.clone(), world.clock());
                    world.task(title, "for_a_second", code);
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 3] = ["fetch page 1", "fetch page 2", "fetch page 3"];

fn bucket(world: &mut World, size: usize) {
    let server = world.server(Limit::PerSecond(2), None);
    let tokens = world.semaphore("tokens", Rc::new(fairgate::Semaphore::new(size)));
    for title in TITLES {
        world.task(title, "with_tokens", with_tokens(tokens.clone(), server.clone()));
    }
    world.task("refills the bucket", "refill", refill(tokens, size, world.clock()));
}

async fn for_a_second(slots: Slots, server: Server, clock: Clock) -> Outcome {
    let _slot = slots.acquire().await?;
    server.get().await;
    clock.sleep(1).await;
    Ok(())
}

async fn with_tokens(tokens: Slots, server: Server) -> Outcome {
    tokens.acquire().await?.forget();
    server.get().await;
    Ok(())
}

async fn refill(tokens: Slots, size: usize, clock: Clock) -> Outcome {
    loop {
        clock.sleep(1).await;
        if tokens.available() < size {
            tokens.add_permits(1);
        }
    }
}
