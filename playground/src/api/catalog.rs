//! The levels with their texts and their code. WebAssembly has them as data beside it.

use serde::Serialize;

use crate::board::Kind;
use crate::game;
use crate::levels::{self, Guilty, Level, Link, Variant};
use crate::source::Source;

pub(super) fn views() -> Vec<LevelView> {
    levels::all().iter().map(level_view).collect()
}

#[derive(Serialize)]
pub(super) struct LevelView {
    id: &'static str,
    title: &'static str,
    chapter: &'static str,
    story: &'static str,
    goal: &'static str,
    /// What counts as reached.
    wins: Kind,
    hint: &'static str,
    question: QuestionView,
    lesson: &'static str,
    guilty: Option<Guilty>,
    links: &'static [Link],
    cancel: bool,
    variants: Vec<VariantView>,
}

#[derive(Serialize)]
struct QuestionView {
    ask: &'static str,
    answers: &'static [&'static str],
    right: usize,
}

#[derive(Serialize)]
struct VariantView {
    id: &'static str,
    name: &'static str,
    about: &'static str,
    fairgate: bool,
    solution: Option<Vec<String>>,
    functions: Vec<FunctionView>,
    semaphore: Vec<FunctionView>,
}

#[derive(Serialize)]
struct FunctionView {
    name: &'static str,
    first: u32,
    text: String,
}

fn level_view(level: &Level) -> LevelView {
    LevelView {
        id: level.id,
        title: level.title,
        chapter: level.chapter,
        story: level.story,
        goal: level.goal,
        wins: level.wins.kind,
        hint: level.hint,
        question: QuestionView {
            ask: level.question.ask,
            answers: level.question.answers,
            right: level.question.right,
        },
        lesson: level.lesson,
        guilty: level.guilty,
        links: level.links,
        cancel: level.rules.cancel,
        variants: level.variants.iter().map(|variant| variant_view(level, variant)).collect(),
    }
}

fn variant_view(level: &Level, variant: &Variant) -> VariantView {
    let functions = |source: Source, names: &[&'static str]| {
        let view = |name: &&'static str| {
            let (first, text) = source.function(name)?;
            Some(FunctionView { name, first, text })
        };
        names.iter().filter_map(view).collect()
    };
    let moves = |text| game::parse_moves(text).unwrap_or_default();
    VariantView {
        id: variant.id,
        name: variant.name,
        about: variant.about,
        fairgate: variant.fairgate,
        solution: variant.solution.map(|text| moves(text).into_iter().map(game::format_move).collect()),
        functions: functions(level.source, variant.functions),
        semaphore: variant.semaphore.map_or_else(Vec::new, |(source, names)| functions(source, names)),
    }
}
