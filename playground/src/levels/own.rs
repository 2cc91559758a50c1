use std::rc::Rc;

use super::{ALL, Difficulty, Level, Question, Variant, Win, turn};
use crate::board::Kind;
use crate::gates::own::{Own, Program};
use crate::world::World;

/// The level in which a semaphore of the learner's own is searched. Any violation counts.
pub(super) static LEVEL: Level = Level {
    id: "own",
    title: "Bring your own",
    chapter: "Cancellation",
    difficulty: Difficulty::Hard,
    story: "",
    goal: "",
    wins: Win { kind: Kind::Any, times: 1 },
    hint: "",
    question: Question { ask: "", answers: &[], right: 0 },
    lesson: "",
    guilty: None,
    links: &[],
    rules: ALL,
    source: turn::SOURCE,
    variants: &[],
};

/// Three tasks, and two permits that the player adds: a semaphore starts with none.
pub(super) fn variant(program: Program) -> Variant {
    Variant { id: "own", name: "your own", functions: &["turn"], program: Some(program), ..Variant::OTHER }
}

pub(super) fn build(world: &mut World, program: &Program) {
    let slots = world.semaphore("slots", Rc::new(Own::new(*program)));
    let added = slots.clone();
    world.action("Add a permit", 2, move || added.add_permits(1));
    turn::tasks(world, &slots, 3);
}
