use std::rc::Rc;

use super::{CANCEL, Difficulty, Level, Link, Question, Variant, Win, prose};
use crate::board::{Kind, Limit};
use crate::kit::{Clock, Outcome, Server, Slots, with_timeout};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "time-limit",
    title: "When does the time limit start?",
    chapter: "A time limit",
    difficulty: Difficulty::Hard,
    story: "Two tasks share one permit. The server takes 2 seconds for every answer, never longer. Each task has a time \
            limit of 3 seconds. Time passes only when no task that has started can run: \
            then the clock goes to the next timer.",
    goal: "Make a request time out, although the server is never slow.",
    wins: Win { kind: Kind::TimedOut, times: 1 },
    hint: "Start both tasks, then let time pass. When does the limit of B start to run?",
    question: Question {
        ask: "The limit is around the wait and the request. B waits 2 seconds for its permit. How much time is left for \
              its request?",
        answers: &["3 seconds", "1 second", "None"],
        right: 1,
    },
    lesson: "A limit around the wait and the work throws work away under load: the longer the queue, the less of the \
             limit is left for the request, and a request that is cut off has cost the server as much as one that is \
             answered. Limit the work alone, once there is a permit, as the second variant does; or limit the wait alone.",
    guilty: None,
    links: &[Link {
        name: "asyncio.wait_for",
        url: "https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for",
    }],
    rules: CANCEL,
    source: source!("time_limit.rs"),
    variants: &[
        Variant {
            id: "around",
            name: "limit around wait and work",
            about: prose("The limit of 3 seconds starts before the task has a permit."),
            solution: Some("ABtABtB"),
            functions: &["around"],
            build: |world| {
                let (slots, server, clock) = shared(world);
                for title in TITLES {
                    world.task(title, "around", around(slots.clone(), server.clone(), clock.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
        Variant {
            id: "inside",
            name: "limit inside the permit",
            about: prose("The limit of 3 seconds starts when the task has its permit."),
            functions: &["inside"],
            build: |world| {
                let (slots, server, clock) = shared(world);
                for title in TITLES {
                    world.task(title, "inside", inside(slots.clone(), server.clone(), clock.clone()));
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 2] = ["fetch page 1", "fetch page 2"];

fn shared(world: &World) -> (Slots, Server, Clock) {
    let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(1)));
    (slots, world.server(Limit::None, Some(2)), world.clock())
}

async fn around(slots: Slots, server: Server, clock: Clock) -> Outcome {
    let fetch = async {
        let _slot = slots.acquire().await?;
        server.get().await;
        Ok(())
    };
    match with_timeout(fetch, clock.sleep(3)).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => {
            report(&server);
            Ok(())
        }
    }
}

async fn inside(slots: Slots, server: Server, clock: Clock) -> Outcome {
    let _slot = slots.acquire().await?;
    if with_timeout(server.get(), clock.sleep(3)).await.is_err() {
        report(&server);
    }
    Ok(())
}

fn report(server: &Server) {
    server.timed_out(|actor| format!("{actor} timed out, although the server answered within 2 s."));
}
