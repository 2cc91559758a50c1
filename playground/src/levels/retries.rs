use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::{Kind, Limit};
use crate::kit::{Clock, Outcome, Server, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "retries",
    title: "A storm of retries",
    chapter: "Requests a second",
    difficulty: Difficulty::Easy,
    story: "The server answers one request at a time, within a second, and refuses the others with 429. A task whose request is \
         refused sends it again until it is answered. Three pages, so three requests would be enough.",
    goal: "Make the server refuse five requests.",
    wins: Win { kind: Kind::Refused, times: 5 },
    hint: "A refused request comes back before the one in flight is answered. In the second variant, which task should see first that a second has passed?",
    question: Question {
        ask: "Ten tasks are refused together, and each tries again after exactly one second. What happens then?",
        answers: &[
            "One is answered, nine are refused together again",
            "All are answered",
            "They come back one by one",
        ],
        right: 0,
    },
    lesson: "A refusal costs the server work too, so retries at once keep an overloaded server overloaded. A pause that is the \
         same for all brings them back together; pauses that double, with a random part, spread them. Many servers say in the header `Retry-After` how long to \
         wait. But a client that \
         knows the server's limit needs neither: with a permit for each request, none is refused in any order of moves.",
    guilty: None,
    links: &[Link {
        name: "Exponential backoff and jitter",
        url: "https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/",
    }],
    rules: PLAIN,
    source: source!("retries.rs"),
    variants: &[
        Variant {
            id: "at-once",
            name: "retry at once",
            about: prose("A refused request is sent again when its task is polled next."),
            solution: Some("ABBBBC"),
            functions: &["at_once"],
            build: |world| {
                let server = server(world);
                for title in TITLES {
                    world.task(title, "at_once", at_once(server.clone(), world.work()));
                }
            },
            ..Variant::OTHER
        },
        Variant {
            id: "pause",
            name: "retry after 1 second",
            about: prose("A refused request is sent again after a second."),
            solution: Some("ABCtBCAtBC"),
            functions: &["after_a_pause"],
            build: |world| {
                let server = server(world);
                for title in TITLES {
                    world.task(title, "after_a_pause", after_a_pause(server.clone(), world.clock()));
                }
            },
            ..Variant::OTHER
        },
        Variant {
            id: "permit",
            name: "a permit for each request",
            about: prose("A semaphore of 1, because the server answers one request at a time."),
            functions: &["with_permit"],
            build: |world| {
                let server = server(world);
                let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(1)));
                for title in TITLES {
                    let code = with_permit(slots.clone(), server.clone());
                    world.task(title, "with_permit", code);
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 3] = ["fetch page 1", "fetch page 2", "fetch page 3"];

fn server(world: &World) -> Server {
    world.server(Limit::AtOnce(1), Some(1))
}

async fn at_once(server: Server, work: Work) -> Outcome {
    for _attempt in 1..=4 {
        if server.get().await {
            break;
        }
        work.step().await;
    }
    Ok(())
}

async fn after_a_pause(server: Server, clock: Clock) -> Outcome {
    for _attempt in 1..=4 {
        if server.get().await {
            break;
        }
        clock.sleep(1).await;
    }
    Ok(())
}

async fn with_permit(slots: Slots, server: Server) -> Outcome {
    let _slot = slots.acquire().await?;
    server.get().await; // never refused, so there is no retry
    Ok(())
}
