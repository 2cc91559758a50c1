//! The levels. Each is a file with the code that the page shows, which is the code that runs.

mod barrier;
mod cancelled_wakeup;
mod closed;
mod deadlock;
mod flood;
mod forgotten_timeout;
mod futurelock;
mod large_request;
mod limit;
mod lost_update;
mod one_wakeup;
mod overtaking;
mod own;
mod philosophers;
mod pool;
mod rate;
mod readers;
mod resize;
mod retries;
mod sticky_flag;
mod time_limit;
mod turn;
mod two_holders;

use serde::Serialize;

use crate::board::Kind;
use crate::gates::own::Program;
use crate::source::Source;
use crate::world::{Move, Rules, World};

/// A puzzle: the player picks the moves and tries to reach the goal.
#[derive(Serialize)]
pub struct Level {
    /// Its name in links.
    pub id: &'static str,
    /// Its name on the page.
    pub title: &'static str,
    /// The section of the lesson that it belongs to.
    pub chapter: &'static str,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// What happens here.
    pub story: &'static str,
    /// What to do.
    pub goal: &'static str,
    /// What counts as done.
    #[serde(skip)]
    pub wins: Win,
    /// A nudge.
    pub hint: &'static str,
    /// Asked before the explanation is shown.
    pub question: Question,
    /// The explanation.
    pub lesson: &'static str,
    /// The line of the first variant's semaphore that is wrong. Shown after the win.
    pub guilty: Option<Guilty>,
    /// Where to read on: the report of the mistake, and its repair.
    pub links: &'static [Link],
    /// What the player may do.
    pub rules: Rules,
    /// The source file.
    #[serde(skip)]
    pub source: Source,
    /// The same game on different semaphores, or with different code.
    #[serde(skip)]
    pub variants: &'static [Variant],
}

/// How often random moves win a level, as `tests/difficulty.rs` measures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difficulty {
    /// In a fifth of the games or more.
    Easy,
    /// Sometimes.
    Medium,
    /// In less than 25 of 600 games.
    Hard,
}

/// What has to go wrong, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Win {
    /// What.
    pub kind: Kind,
    /// How often.
    pub times: usize,
}

/// A line that is wrong.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Guilty {
    /// The line.
    pub line: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A page elsewhere.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Link {
    /// What the link says.
    pub name: &'static str,
    /// Where it goes.
    pub url: &'static str,
}

/// A question with one right answer.
#[derive(Serialize)]
pub struct Question {
    /// The question.
    pub ask: &'static str,
    /// The possible answers.
    pub answers: &'static [&'static str],
    /// Which one is right, from 0.
    pub right: usize,
}

/// One form of a level.
#[derive(Clone, Copy, Serialize)]
pub struct Variant {
    /// Its name in links.
    pub id: &'static str,
    /// Its name on the page: what differs from the other variants.
    pub name: &'static str,
    /// What is special about it.
    pub about: &'static str,
    /// Whether the semaphore or lock is fairgate's.
    pub fairgate: bool,
    /// The shortest solution; `None` if there is none.
    #[serde(skip)]
    pub solution: Option<&'static str>,
    /// The functions of the level's source that the page shows.
    #[serde(skip)]
    pub functions: &'static [&'static str],
    /// The semaphore's own code, if it is one of the historic ones: the source and the functions to show.
    #[serde(skip)]
    pub semaphore: Option<(Source, &'static [&'static str])>,
    /// The learner's own semaphore, in the level that is about it.
    #[serde(skip)]
    pub program: Option<Program>,
    /// Builds the world, unless there is a program.
    #[serde(skip)]
    pub build: fn(&mut World),
}

/// The text of a variant. The page that runs the engine as WebAssembly has it already, from `--levels`.
const fn prose(text: &'static str) -> &'static str {
    if cfg!(target_family = "wasm") { "" } else { text }
}

/// All levels in the order in which to play them.
pub fn all() -> &'static [Level] {
    &LEVELS
}

/// In the order of the lesson's sections; in each, the levels that random moves win more often come first.
static LEVELS: [Level; 21] = [
    flood::LEVEL.for_engine(),
    limit::LEVEL.for_engine(),
    forgotten_timeout::LEVEL.for_engine(),
    time_limit::LEVEL.for_engine(),
    barrier::LEVEL.for_engine(),
    readers::LEVEL.for_engine(),
    philosophers::LEVEL.for_engine(),
    lost_update::LEVEL.for_engine(),
    deadlock::LEVEL.for_engine(),
    retries::LEVEL.for_engine(),
    rate::LEVEL.for_engine(),
    pool::LEVEL.for_engine(),
    resize::LEVEL.for_engine(),
    large_request::LEVEL.for_engine(),
    overtaking::LEVEL.for_engine(),
    closed::LEVEL.for_engine(),
    futurelock::LEVEL.for_engine(),
    cancelled_wakeup::LEVEL.for_engine(),
    sticky_flag::LEVEL.for_engine(),
    two_holders::LEVEL.for_engine(),
    one_wakeup::LEVEL.for_engine(),
];

/// The level and the variant with these names.
///
/// # Errors
/// A sentence that says which name is unknown.
pub fn find(level: &str, variant: &str) -> Result<(&'static Level, Variant), String> {
    if level == own::LEVEL.id {
        return Ok((&own::LEVEL, own::variant(Program::parse(variant)?)));
    }
    let known = all().iter().find(|known| known.id == level);
    let level = known.ok_or_else(|| format!("there is no level \"{level}\""))?;
    let known = level.variants.iter().find(|known| known.id == variant);
    let variant = known.ok_or_else(|| format!("level \"{}\" has no variant \"{variant}\"", level.id))?;
    Ok((level, *variant))
}

impl Variant {
    /// What variants on fairgate have in common, unless they say something else.
    const FAIRGATE: Self = Self { fairgate: true, ..Self::OTHER };
    /// The same for the others.
    const OTHER: Self = Self {
        id: "",
        name: "",
        about: "",
        fairgate: false,
        solution: None,
        functions: &[],
        semaphore: None,
        program: None,
        build: |_| {},
    };
}

impl Level {
    /// Without the texts, where the page has them already.
    const fn for_engine(self) -> Self {
        if !cfg!(target_family = "wasm") {
            return self;
        }
        let question = Question { ask: "", answers: &[], right: 0 };
        let texts = Self { title: "", chapter: "", story: "", goal: "", hint: "", lesson: "", ..self };
        Self { question, guilty: None, links: &[], ..texts }
    }

    /// A new world of this level.
    pub fn start(&self, variant: &Variant) -> World {
        World::new(self.rules, |world| match &variant.program {
            Some(program) => own::build(world, program),
            None => (variant.build)(world),
        })
    }

    /// The world after these moves.
    ///
    /// # Errors
    /// A sentence about the first move that is not possible.
    pub fn replay(&self, variant: &Variant, moves: &[Move]) -> Result<World, String> {
        let mut world = self.start(variant);
        for (index, step) in moves.iter().enumerate() {
            world.make(*step).map_err(|why| format!("move {}: {why}", index + 1))?;
        }
        Ok(world)
    }

    /// Whether the goal is reached.
    pub fn is_won(&self, world: &World) -> bool {
        world.count(self.wins.kind) >= self.wins.times
    }
}

const PLAIN: Rules = Rules { cancel: false, spurious: false };
const CANCEL: Rules = Rules { cancel: true, spurious: false };
const ALL: Rules = Rules { cancel: true, spurious: true };
