use std::rc::Rc;

use super::{Difficulty, Guilty, Level, Link, Question, Rules, Variant, Win, prose};
use crate::board::Kind;
use crate::gates::Gate;
use crate::gates::textbook::{self, Textbook};
use crate::kit::{Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "large-request",
    title: "A large request among small ones",
    chapter: "Order and its price",
    difficulty: Difficulty::Easy,
    story: "Two permits. B needs both at once. A and C need one each and take several turns. While B waits for two, one \
            permit is often available: enough for a small request.",
    goal: "Let small requests pass the large one twice.",
    wins: Win { kind: Kind::Overtaken, times: 2 },
    hint: "Never let both permits be available at the moment when B looks.",
    question: Question {
        ask: "One permit is available, and B waits for two. On fairgate C asks for one. What happens?",
        answers: &["C gets it", "C waits behind B", "C is refused"],
        right: 1,
    },
    lesson: "If small requests may pass, a large one can wait for good: this is starvation. In strict order C waits behind \
             B, although its permit is available. The price is a permit that stays unused for a while; what you get is \
             that no request waits for good.",
    guilty: Some(Guilty {
        line: "let enough = self.free.get() >= n;",
        why: "It asks only whether there is enough, not whether another request has waited longer.",
    }),
    links: &[Link {
        name: "The same rule in Go",
        url: "https://github.com/golang/sync/blob/master/semaphore/semaphore.go",
    }],
    rules: Rules { cancel: false, spurious: true },
    source: source!("large_request.rs"),
    variants: &[
        Variant {
            id: "textbook",
            name: "textbook",
            about: prose("A release wakes all waiters, and each looks whether there is enough for it."),
            solution: Some("ABAC"),
            functions: &["small", "large"],
            semaphore: Some((textbook::SOURCE, &["acquire_many", "take", "release"])),
            build: |world| build(world, Rc::new(Textbook::with_sizes(2))),
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate",
            about: prose("The queue is in order, whatever the size of a request."),
            functions: &["small", "large"],
            build: |world| build(world, Rc::new(fairgate::Semaphore::new(2))),
            ..Variant::FAIRGATE
        },
    ],
};

fn build(world: &mut World, gate: Rc<dyn Gate>) {
    let slots = world.semaphore("slots", gate);
    world.task("one permit, two turns", "small", small(slots.clone(), world.work()));
    world.task("two permits", "large", large(slots.clone(), world.work()));
    world.task("one permit, two turns", "small", small(slots, world.work()));
}

async fn small(slots: Slots, work: Work) -> Outcome {
    for turn in 1..=2 {
        work.note(format!("turn = {turn} of 2"));
        let _slot = slots.acquire().await?;
        work.step().await;
    }
    Ok(())
}

async fn large(slots: Slots, work: Work) -> Outcome {
    let _slots = slots.acquire_many(2).await?;
    work.step().await;
    Ok(())
}
