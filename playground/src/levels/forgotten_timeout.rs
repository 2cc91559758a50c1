use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::{Kind, Limit};
use crate::kit::{Clock, Outcome, Server, Slots, with_timeout};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "forgotten-timeout",
    title: "A forgotten timeout",
    chapter: "A time limit",
    difficulty: Difficulty::Easy,
    story: "Two permits, three tasks. The server answers within a second. Once, you can cut the network: a request that is \
         sent after that gets no answer, and no error either. Time passes only when no task that has started can run.",
    goal: "Bring everything to a standstill: both permits are held for good, and no timer is set that could end it.",
    wins: Win { kind: Kind::Hung, times: 1 },
    hint: "What was sent before you cut the network is answered. How many requests have to come after that?",
    question: Question {
        ask: "Each request may hang. What must have a time limit, so that every permit is released some day?",
        answers: &[
            "The wait for the permit",
            "The request, once there is a permit",
            "Neither: the server will close the connection",
        ],
        right: 1,
    },
    lesson: "A permit is held as long as its task runs, so every await between `acquire` and the end of the block must end some \
         day. A limit on the wait protects the task that waits, and leaves the permit where it is: with each request that \
         hangs there is one permit less, until there is none. httpx gives up after 5 seconds unless it is told otherwise; \
         many clients never do.",
    guilty: None,
    links: &[Link {
        name: "The time limits of httpx",
        url: "https://www.python-httpx.org/advanced/timeouts/",
    }],
    rules: PLAIN,
    source: source!("forgotten_timeout.rs"),
    variants: &[
        Variant {
            id: "none",
            name: "no time limit",
            about: prose("Each task waits for its answer as long as it takes."),
            solution: Some("1ABC"),
            functions: &["unlimited"],
            build: |world| {
                let (slots, server, _) = shared(world);
                for title in TITLES {
                    world.task(title, "unlimited", unlimited(slots.clone(), server.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "wait",
            name: "a limit on the wait",
            about: prose("A task waits for its permit for 2 seconds at most."),
            solution: Some("1ABCtC"),
            functions: &["limited_wait"],
            build: |world| {
                let (slots, server, clock) = shared(world);
                for title in TITLES {
                    let code = limited_wait(slots.clone(), server.clone(), clock.clone());
                    world.task(title, "limited_wait", code);
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "request",
            name: "a limit on the request",
            about: prose("A request may take 2 seconds, from the moment when its task has a permit."),
            functions: &["limited_request"],
            build: |world| {
                let (slots, server, clock) = shared(world);
                for title in TITLES {
                    let code = limited_request(slots.clone(), server.clone(), clock.clone());
                    world.task(title, "limited_request", code);
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 3] = ["fetch page 1", "fetch page 2", "fetch page 3"];

fn shared(world: &mut World) -> (Slots, Server, Clock) {
    let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(2)));
    let server = world.server(Limit::None, Some(1));
    let network = server.clone();
    world.action("Cut the network", 1, move || network.cut());
    (slots, server, world.clock())
}

async fn unlimited(slots: Slots, server: Server) -> Outcome {
    let _slot = slots.acquire().await?;
    server.get().await;
    Ok(())
}

async fn limited_wait(slots: Slots, server: Server, clock: Clock) -> Outcome {
    let Ok(slot) = with_timeout(slots.acquire(), clock.sleep(2)).await else {
        server.gave_up();
        return Ok(());
    };
    let _slot = slot?;
    server.get().await;
    Ok(())
}

async fn limited_request(slots: Slots, server: Server, clock: Clock) -> Outcome {
    let _slot = slots.acquire().await?;
    if with_timeout(server.get(), clock.sleep(2)).await.is_err() {
        server.gave_up();
    }
    Ok(())
}
