use std::rc::Rc;

use fairgate::Semaphore;

use super::{CANCEL, Difficulty, Level, Link, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::kit::{Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "resize",
    title: "Owed permits",
    chapter: "A pool",
    difficulty: Difficulty::Hard,
    story: "A limit of 2 that you can change to 1 while the tasks run, say because the server is slow today. What if both \
            permits are held at that moment?",
    goal: "Change the limit to 1, and then let a second task in while another one is inside.",
    wins: Win { kind: Kind::TooMany, times: 1 },
    hint: "Change the limit while both permits are held. Nothing is available then that could be taken away.",
    question: Question {
        ask: "Both permits are held, and the limit becomes 1. When may C go in?",
        answers: &["When A or B is done", "When A and B are done", "At once"],
        right: 1,
    },
    lesson: "Permits that are held cannot be taken away. `forget_permits(1)` takes what is available, here nothing, and the \
             limit stays 2. `reduce_permits(1)` remembers the rest: the semaphore owes a permit, and the next release pays \
             it before any waiter is served.",
    guilty: None,
    links: &[
        Link {
            name: "The request for it: tokio#5308",
            url: "https://github.com/tokio-rs/tokio/issues/5308",
        },
        Link { name: "forget_permits in tokio", url: "https://github.com/tokio-rs/tokio/pull/6331" },
    ],
    rules: CANCEL,
    source: source!("resize.rs"),
    variants: &[
        Variant {
            id: "forget",
            name: "forget_permits",
            about: prose("Takes away what is available, and no more."),
            solution: Some("AB1AC"),
            functions: &["turn", "shrink_by_forgetting"],
            build: |world| build(world, shrink_by_forgetting),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "fairgate",
            name: "reduce_permits",
            about: prose("What cannot be taken away now is owed."),
            functions: &["turn", "shrink_by_reducing"],
            build: |world| build(world, shrink_by_reducing),
            ..Variant::FAIRGATE
        },
    ],
};

fn build(world: &mut World, shrink: fn(&Semaphore)) {
    let semaphore = Rc::new(Semaphore::new(2));
    let slots = world.semaphore("slots", semaphore.clone());
    for title in ["turn 1", "turn 2", "turn 3"] {
        world.task(title, "turn", turn(slots.clone(), world.work()));
    }
    let (first, second) = ((semaphore.clone(), slots.clone()), (semaphore, slots));
    world.action("Change the limit to 1", 1, move || {
        first.1.resized(-1);
        shrink(&first.0);
    });
    world.action("Add a permit", 1, move || {
        second.1.resized(1);
        second.0.add_permits(1);
    });
}

async fn turn(slots: Slots, work: Work) -> Outcome {
    let _slot = slots.acquire().await?;
    work.step().await;
    Ok(())
}

fn shrink_by_forgetting(slots: &Semaphore) {
    slots.forget_permits(1);
}

fn shrink_by_reducing(slots: &Semaphore) {
    slots.reduce_permits(1);
}
