use std::rc::Rc;

use fairgate::Semaphore;

use super::{ALL, Difficulty, Guilty, Level, Link, Question, Variant, Win, prose, turn};
use crate::board::Kind;
use crate::gates::Gate;
use crate::gates::tokio_word::{self, TokioWord};
use crate::world::World;

pub(super) const LEVEL: Level = Level {
    id: "closed",
    title: "Closed means closed",
    chapter: "Cancellation",
    difficulty: Difficulty::Easy,
    story: "A program shuts down: it closes its semaphore, so that no task starts anything new. Permits that are held stay \
            valid. You can close it, and you can take away a permit that is available.",
    goal: "Let a task that asks after the close get a permit.",
    wins: Win { kind: Kind::AfterClose, times: 1 },
    hint: "The semaphore keeps its permits and the flag \"closed\" in one number. Which action writes that number?",
    question: Question {
        ask: "The semaphore is closed, two permits are available, and one of them is taken away. Then A asks for a permit. What must it get?",
        answers: &["The permit that is left", "An error: closed", "It waits"],
        right: 1,
    },
    lesson: "This is tokio#8020, found in 2026: `forget_permits` wrote the new number of permits over the whole word, and the \
             flag was gone. A semaphore has many operations that write its word; each must keep every bit that is not its \
             own. In this crate a table of all transitions is checked when it is compiled, and this search tries them all.",
    guilty: Some(Guilty {
        line: "self.word.set(permits.saturating_sub(n) << 1);",
        why: "It writes the whole word and loses the lowest bit, which says that the semaphore is closed.",
    }),
    links: &[
        Link { name: "The report: tokio#8020", url: "https://github.com/tokio-rs/tokio/issues/8020" },
        Link { name: "The repair", url: "https://github.com/tokio-rs/tokio/pull/8021" },
    ],
    rules: ALL,
    source: turn::SOURCE,
    variants: &[
        Variant {
            id: "tokio",
            name: "tokio before #8020",
            about: prose(
                "The number of permits and the flag in one word, as in tokio, and with the mistake.",
            ),
            solution: Some("12A"),
            functions: &["turn"],
            semaphore: Some((tokio_word::SOURCE, &["acquire", "release", "close", "forget_permits"])),
            build: |world| {
                let semaphore = Rc::new(TokioWord::new(2));
                build(
                    world,
                    semaphore.clone(),
                    |s| s.close(),
                    |s| {
                        s.forget_permits(1);
                    },
                );
            },
            ..Variant::OTHER
        },
        Variant {
            id: "fairgate",
            name: "fairgate",
            about: prose("Every transition of the word keeps the flag."),
            functions: &["turn"],
            build: |world| {
                let semaphore = Rc::new(Semaphore::new(2));
                build(
                    world,
                    semaphore.clone(),
                    |s| s.close(),
                    |s| {
                        s.forget_permits(1);
                    },
                );
            },
            ..Variant::FAIRGATE
        },
    ],
};

fn build<G: Gate + 'static>(world: &mut World, semaphore: Rc<G>, close: fn(&G), forget: fn(&G)) {
    let slots = world.semaphore("slots", semaphore.clone());
    turn::tasks(world, &slots, 3);
    let (first, second) = ((semaphore.clone(), slots.clone()), (semaphore, slots));
    world.action("Close the semaphore", 1, move || {
        first.1.closed();
        close(&first.0);
    });
    world.action("Take a permit away", 1, move || {
        let before = second.1.available();
        forget(&second.0);
        second.1.resized(second.1.available() as isize - before as isize);
    });
}
