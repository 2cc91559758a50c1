use std::rc::Rc;

use super::{Difficulty, Level, Link, PLAIN, Question, Variant, Win, prose};
use crate::board::Kind;
use crate::kit::{Lock, Outcome, Slots, Work};
use crate::source::source;
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "philosophers",
    title: "Dining philosophers",
    chapter: "Lock or semaphore?",
    difficulty: Difficulty::Easy,
    story: "Three philosophers sit at a round table with three forks, one between each two of them. To eat, each needs the \
         fork on the left and the fork on the right, and takes one after the other. A fork is a lock.",
    goal: "Let all of them starve: each holds one fork and waits for the next.",
    wins: Win { kind: Kind::Deadlock, times: 1 },
    hint: "A deadlock is a circle. How many forks must be taken before anyone asks for a second one?",
    question: Question {
        ask: "How many of the three may sit at the table at once, so that they never block each other?",
        answers: &["1", "2", "3"],
        right: 1,
    },
    lesson: "With two at a table of three forks, one of them always gets both. So a semaphore of n - 1 seats breaks the \
         circle, and so does one philosopher that takes its forks in the other order, which is the same as one order of all \
         forks. Neither makes anyone wait longer than for its neighbours.",
    guilty: None,
    links: &[Link {
        name: "In The Little Book of Semaphores",
        url: "https://greenteapress.com/wp/semaphores/",
    }],
    rules: PLAIN,
    source: source!("philosophers.rs"),
    variants: &[
        Variant {
            id: "left-first",
            name: "left fork first",
            about: prose("Each takes the fork on the left, and then the fork on the right."),
            solution: Some("ABCABC"),
            functions: &["dine"],
            build: |world| dinner(world, false),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "ordered",
            name: "one takes the right fork first",
            about: prose(
                "C takes the fork on the right first, so that all take the fork with the lower number first.",
            ),
            functions: &["dine"],
            build: |world| dinner(world, true),
            ..Variant::FAIRGATE
        },
        Variant {
            id: "seats",
            name: "two seats",
            about: prose("A semaphore of 2: only two of them sit at the table at once."),
            functions: &["dine_seated"],
            build: |world| {
                let forks = forks(world);
                let seats = world.semaphore("seats", Rc::new(fairgate::Semaphore::new(2)));
                for place in 0..3 {
                    let (left, right) = (forks[place].clone(), forks[(place + 1) % 3].clone());
                    let code = dine_seated(seats.clone(), left, right, world.work());
                    world.task(TITLES[place], "dine_seated", code);
                }
            },
            ..Variant::FAIRGATE
        },
    ],
};

const TITLES: [&str; 3] = ["philosopher 1", "philosopher 2", "philosopher 3"];

fn forks(world: &World) -> [Lock<()>; 3] {
    ["fork 1", "fork 2", "fork 3"].map(|name| world.lock(name, ()))
}

fn dinner(world: &mut World, last_is_different: bool) {
    let forks = forks(world);
    for place in 0..3 {
        let (left, right) = (forks[place].clone(), forks[(place + 1) % 3].clone());
        let (first, second) = if last_is_different && place == 2 { (right, left) } else { (left, right) };
        world.task(TITLES[place], "dine", dine(first, second, world.work()));
    }
}

async fn dine(first: Lock<()>, second: Lock<()>, work: Work) -> Outcome {
    let _first = first.lock().await;
    work.step().await; // reaches for the other one
    let _second = second.lock().await;
    work.step().await; // eats
    Ok(())
}

async fn dine_seated(seats: Slots, left: Lock<()>, right: Lock<()>, work: Work) -> Outcome {
    let _seat = seats.acquire().await?;
    let _left = left.lock().await;
    work.step().await;
    let _right = right.lock().await;
    work.step().await;
    Ok(())
}
