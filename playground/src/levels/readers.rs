use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::kit::{Outcome, Record, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "readers",
    title: "Readers and a writer",
    chapter: "Lock or semaphore?",
    difficulty: Difficulty::Easy,
    story: "A record has two halves. Any number of tasks may read it at once, but a task that writes it must be alone: \
         between its two writes, half of the record is new. A semaphore with two permits is to keep readers and the writer \
         apart.",
    goal: "Let a reader see one half of the record new and the other half old.",
    wins: Win { kind: Kind::TornRead, times: 1 },
    hint: "Stop the writer between its two writes. Can a reader still get a permit?",
    question: Question {
        ask: "There are n permits, and each reader takes one. How many must the writer take?",
        answers: &["One", "All n, one after the other", "All n, in one request"],
        right: 2,
    },
    lesson: "A semaphore of n is a lock for readers and writers: a reader takes one permit, the writer takes all n. It takes \
         them in one request, `acquire_many(n)`: two writers that take them one by one can each hold some and wait for the \
         rest. Where the order of the queue is kept, new readers wait behind a writer that waits, so it does not starve.",
    guilty: None,
    links: &[Link {
        name: "In The Little Book of Semaphores",
        url: "https://greenteapress.com/wp/semaphores/",
    }],
    rules: PLAIN,
    source: source!("readers.rs"),
    variants: &[
        Variant {
            id: "one",
            name: "the writer takes 1 permit",
            about: prose("Two permits. The writer takes one of them, as a reader does."),
            solution: Some("ABB"),
            functions: &["write", "read"],
            build: |world| build(world, 1),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "all",
            name: "the writer takes both permits",
            about: prose("Two permits. The writer takes both in one request."),
            functions: &["write", "read"],
            build: |world| build(world, 2),
            ..Variant::FAIRGATE
        },
    ],
};

fn build(world: &mut World, share: usize) {
    let slots = world.semaphore("slots", Rc::new(fairgate::Semaphore::new(2)));
    let record = world.record();
    world.task("writer", "write", write(share, slots.clone(), record.clone(), world.work()));
    for _ in 0..2 {
        world.task("reader", "read", read(slots.clone(), record.clone(), world.work()));
    }
}

async fn write(share: usize, slots: Slots, record: Record, work: Work) -> Outcome {
    let _slots = slots.acquire_many(share).await?;
    record.write_first_half();
    work.step().await;
    record.write_second_half();
    Ok(())
}

async fn read(slots: Slots, record: Record, work: Work) -> Outcome {
    let _slot = slots.acquire().await?;
    work.step().await;
    record.read();
    Ok(())
}
