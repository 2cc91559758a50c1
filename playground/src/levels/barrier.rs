use std::rc::Rc;

use super::{Difficulty, Guilty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::gates::Gate;
use crate::gates::textbook::{self, Textbook};
use crate::kit::{Barrier, Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "barrier",
    title: "A barrier",
    chapter: "Lock or semaphore?",
    difficulty: Difficulty::Easy,
    story: "Two tasks work in rounds. Neither may begin its next round before both have ended this one. The last task to \
         arrive adds two permits to a semaphore that starts with none, one for each task.",
    goal: "Let a task pass the barrier of round 2 before the other has arrived there.",
    wins: Win { kind: Kind::TooEarly, times: 1 },
    hint: "A permit is added for a task that has not run since. Which other task can take it?",
    question: Question {
        ask: "B adds two permits, one for each task, and takes one. On which semaphore is the other one safe until A runs?",
        answers: &["On the textbook semaphore", "On fairgate", "On both"],
        right: 1,
    },
    lesson: "A permit that is only added to a number belongs to the task that comes first, and that may be the fast one in \
         its next round. The classic cure is a second semaphore: odd rounds use one, even rounds the other, so a task that \
         is ahead takes nothing from one that is behind. A semaphore that grants permits in the order of its queue needs \
         only one.",
    guilty: Some(Guilty {
        line: "self.free.set(self.free.get() + n);",
        why: "Both permits go to a number. A task in its next round can take the one that was meant for the other.",
    }),
    links: &[
        Link { name: "The same mistake: bpo-45997", url: "https://bugs.python.org/issue45997" },
        Link { name: "Its repair", url: "https://github.com/python/cpython/pull/31910" },
    ],
    rules: PLAIN,
    source: source!("barrier.rs"),
    variants: &[
        Variant {
            id: "textbook",
            name: "one semaphore, on the textbook",
            about: prose("All rounds use the same semaphore."),
            solution: Some("ABB"),
            functions: &["one_semaphore"],
            semaphore: Some((textbook::SOURCE, &["acquire_many", "take", "release"])),
            build: |world| one(world, Rc::new(Textbook::new(0))),
            ..Variant::OTHER
        },
        Variant {
            id: "two",
            name: "two semaphores, on the textbook",
            about: prose("Odd rounds use one semaphore, and even rounds the other."),
            functions: &["two_semaphores"],
            semaphore: Some((textbook::SOURCE, &["acquire_many", "take", "release"])),
            build: |world| {
                let barrier = world.barrier(2);
                let odd = world.semaphore("odd", Rc::new(Textbook::new(0)));
                let even = world.semaphore("even", Rc::new(Textbook::new(0)));
                for _ in 0..2 {
                    let gates = [odd.clone(), even.clone()];
                    world.task(
                        "two rounds",
                        "two_semaphores",
                        two_semaphores(barrier.clone(), gates, world.work()),
                    );
                }
            },
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "one semaphore, on fairgate",
            about: prose(
                "All rounds use the same semaphore, which grants permits in the order of its queue.",
            ),
            functions: &["one_semaphore"],
            build: |world| one(world, Rc::new(fairgate::Semaphore::new(0))),
            ..Variant::FAIRGATE
        },
    ],
};

fn one(world: &mut World, gate: Rc<dyn Gate>) {
    let (barrier, gate) = (world.barrier(2), world.semaphore("gate", gate));
    for _ in 0..2 {
        let code = one_semaphore(barrier.clone(), gate.clone(), world.work());
        world.task("two rounds", "one_semaphore", code);
    }
}

async fn one_semaphore(barrier: Barrier, gate: Slots, work: Work) -> Outcome {
    for round in 1..=2 {
        if barrier.arrive(round) {
            gate.add_permits(2); // the last task opens it for both
        }
        gate.acquire().await?.forget();
        barrier.pass(round);
        work.step().await;
    }
    Ok(())
}

async fn two_semaphores(barrier: Barrier, gates: [Slots; 2], work: Work) -> Outcome {
    for round in 1..=2 {
        let gate = &gates[round - 1];
        if barrier.arrive(round) {
            gate.add_permits(2);
        }
        gate.acquire().await?.forget();
        barrier.pass(round);
        work.step().await;
    }
    Ok(())
}
