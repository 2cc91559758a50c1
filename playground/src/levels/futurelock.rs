use std::pin::pin;
use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::gates::Gate;
use crate::gates::textbook::{self, Textbook};
use crate::kit::{Clock, Outcome, Slots, select, with_timeout};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "futurelock",
    title: "A permit for a future that is not polled",
    chapter: "Cancellation",
    difficulty: Difficulty::Easy,
    story: "A holds a lock for 2 seconds. B asks for the same lock, stops waiting after 1 second, and then needs the lock for something \
            else. Its first request is still in the queue: `select` only borrows it.",
    goal: "Bring everything to a standstill: the lock waits for a request that no task polls.",
    wins: Win { kind: Kind::Unpolled, times: 1 },
    hint: "Start both tasks and let time pass. B now has two requests in the queue, and waits only for the second.",
    question: Question {
        ask: "A unlocks. Which request gets the lock?",
        answers: &["B's second request, which B waits for", "B's first request, which B no longer polls"],
        right: 1,
    },
    lesson: "This one can be won on fairgate, too: strict order grants the lock to the request that came first, and a grant helps \
             only if its future is polled. It is known as futurelock (Oxide, RFD 609). The cure is to drop a request that you no \
             longer poll. `with_timeout` drops it before it returns; with `select!`, pass the future by value or drop it in the \
             other branch.",
    guilty: None,
    links: &[Link { name: "The report: RFD 609", url: "https://rfd.shared.oxide.computer/rfd/0609" }],
    rules: PLAIN,
    source: source!("futurelock.rs"),
    variants: &[
        Variant {
            id: "fairgate",
            name: "select over &mut request, on fairgate",
            about: prose("The first request stays in the queue."),
            solution: Some("ABtBtAB"),
            functions: &["holder", "keeps_request"],
            build: |world| build(world, Rc::new(fairgate::Mutex::new(())), true),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "textbook",
            name: "select over &mut request, on the textbook",
            about: prose("The wake-up goes to the first request."),
            solution: Some("ABtBtAB"),
            functions: &["holder", "keeps_request"],
            semaphore: Some((textbook::SOURCE, &["acquire_many", "take", "release"])),
            build: |world| build(world, Rc::new(Textbook::new(1)), true),
            ..Variant::OTHER
        },
        Variant {
            id: "cured",
            name: "with_timeout, on fairgate",
            about: prose("The first request is dropped when its time is up."),
            functions: &["holder", "drops_request"],
            build: |world| build(world, Rc::new(fairgate::Mutex::new(())), false),
            ..Variant::FAIRGATE
        },
    ],
};

fn build(world: &mut World, gate: Rc<dyn Gate>, keeps: bool) {
    let (lock, clock) = (world.plain_lock("lock", gate), world.clock());
    world.task("locks for 2 s", "holder", holder(lock.clone(), clock.clone()));
    match keeps {
        true => world.task("asks twice", "keeps_request", keeps_request(lock, clock)),
        false => world.task("asks twice", "drops_request", drops_request(lock, clock)),
    }
}

async fn holder(lock: Slots, clock: Clock) -> Outcome {
    let _guard = lock.lock().await?;
    clock.sleep(2).await;
    Ok(())
}

async fn keeps_request(lock: Slots, clock: Clock) -> Outcome {
    let mut request = pin!(lock.lock());
    let first = select(request.as_mut(), clock.sleep(1)).await;
    if first.is_none() {
        let _guard = lock.lock().await?; // `request` still exists
    }
    Ok(())
}

async fn drops_request(lock: Slots, clock: Clock) -> Outcome {
    let first = with_timeout(lock.lock(), clock.sleep(1)).await;
    if first.is_err() {
        let _guard = lock.lock().await?; // the first request is gone
    }
    Ok(())
}
