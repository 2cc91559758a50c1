//! The levels with their texts and their code. WebAssembly has them as data beside it.

use serde::Serialize;

use crate::game;
use crate::levels::{self, Level, Variant};
use crate::source::Source;

pub(super) fn views() -> Vec<LevelView> {
    let view = |level: &'static Level| {
        let variants = level.variants.iter().map(|variant| variant_view(level, variant)).collect();
        LevelView { level, variants }
    };
    levels::all().iter().map(view).collect()
}

#[derive(Serialize)]
pub(super) struct LevelView {
    #[serde(flatten)]
    level: &'static Level,
    variants: Vec<VariantView>,
}

#[derive(Serialize)]
struct VariantView {
    #[serde(flatten)]
    variant: &'static Variant,
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

fn variant_view(level: &Level, variant: &'static Variant) -> VariantView {
    let functions = |source: Source, names: &[&'static str]| {
        let view = |name: &&'static str| {
            let (first, text) = source.function(name)?;
            Some(FunctionView { name, first, text })
        };
        names.iter().filter_map(view).collect()
    };
    let moves = |text| game::parse_moves(text).unwrap_or_default();
    VariantView {
        variant,
        solution: variant.solution.map(|text| moves(text).into_iter().map(game::format_move).collect()),
        functions: functions(level.source, variant.functions),
        semaphore: variant.semaphore.map_or_else(Vec::new, |(source, names)| functions(source, names)),
    }
}
