//! Every level is as it says: won by its solution, which is the shortest, or not won by any sequence of moves.
//!
//! `WRITE=1 cargo test -p fairgate-playground --test levels` renews the table of the README.

use std::collections::HashSet;
use std::fmt::Write;
use std::{env, fs};

use fairgate_playground::levels::{self, Level, Variant};
use fairgate_playground::{Kind, api, game, search};

/// The last line of the head of the table.
const FIRST_ROW: &str = "|---|---|---|---|---|---|";

const MOST_STATES: usize = 100_000;

fn variants() -> impl Iterator<Item = (&'static Level, &'static Variant)> {
    levels::all().iter().flat_map(|level| level.variants.iter().map(move |variant| (level, variant)))
}

fn row(level: &Level, variant: &Variant) -> String {
    let found = search::states(level, variant, MOST_STATES);
    let solution = found.solution.as_ref().map(|moves| game::format_moves(moves));
    let id = format!("{}.{}", level.id, variant.id);
    match (variant.solution, &solution) {
        (None, None) => {
            assert!(found.complete, "{id}: more than {MOST_STATES} states");
            if variant.fairgate {
                assert_eq!(found.violations, HashSet::new(), "{id}");
            }
        }
        (Some(own), Some(found)) => {
            let moves = |text| game::parse_moves(text).unwrap();
            assert_eq!(moves(own).len(), moves(found).len(), "{id}: {own}, but the search found {found}");
            let world =
                level.replay(variant, &moves(own)).unwrap_or_else(|why| panic!("{id}: {own}: {why}"));
            assert!(level.is_won(&world), "{id}: {own} does not win");
        }
        (None, Some(found)) => panic!("{id} should not be won, but is by {found}"),
        (Some(own), None) => panic!("{id} should be won by {own}, but no sequence of moves wins"),
    }
    let (end, how) = match variant.solution {
        Some(own) => (format!("won in {}: `{own}`", found.depth), "until the goal"),
        None => ("never".to_owned(), "all"),
    };
    let (states, moves, depth) = (found.states, found.moves, found.depth);
    format!("| {} | {} | {end} | {states} ({how}) | {moves} | {depth} |", level.title, variant.name)
}

#[test]
fn every_variant_is_won_by_the_shortest_solution_or_never() {
    let mut table = String::new();
    for (level, variant) in variants() {
        let row = row(level, variant);
        writeln!(table, "{row}").unwrap();
    }
    let readme = fs::read_to_string("README.md").unwrap().replace("\r\n", "\n");
    if env::var_os("WRITE").is_some() {
        let (before, rest) = readme.split_once(FIRST_ROW).expect(FIRST_ROW);
        let (_, after) = rest.split_once("\n\n").unwrap();
        fs::write("README.md", format!("{before}{FIRST_ROW}\n{table}\n{after}")).unwrap();
        return;
    }
    let current = readme.contains(&table);
    assert!(current, "the table of playground/README.md is out of date; WRITE=1 renews it");
}

/// Merging equal states is only right if nothing that decides the game is missing from the fingerprint. So for each
/// state, try both ways that lead to it.
#[test]
fn sequences_that_are_not_merged_find_the_same() {
    for (level, variant) in variants() {
        let depth = if level.rules.spurious { 3 } else { 4 };
        let mut reached = HashSet::new();
        let made = search::sequences(level, variant, depth, &mut |moves, world| {
            reached.insert(world.fingerprint());
            let id = format!("{}.{} after {}", level.id, variant.id, game::format_moves(moves));
            let won = level.is_won(world);
            assert!(!won || variant.solution.is_some(), "{id}: won");
            if variant.fairgate && variant.solution.is_none() {
                assert_eq!(world.violations(), [], "{id}");
            }
            let shortest = variant.solution.map(|text| game::parse_moves(text).unwrap().len());
            assert!(!won || shortest.is_some_and(|shortest| shortest <= moves.len()), "{id}: shorter");
            true
        });
        println!("{}.{}: {made} sequences, {} states", level.id, variant.id, reached.len());
    }
}

#[test]
fn only_one_level_is_won_on_the_crate_itself_and_it_has_a_cure() {
    // The other variants that are won with fairgate have a mistake in the code of the level.
    for level in levels::all() {
        let cured = |variant: &&Variant| variant.fairgate && variant.solution.is_none();
        assert!(level.variants.iter().any(|variant| cured(&variant)), "{} is not won anywhere", level.id);
        let won = level.variants.iter().any(|variant| variant.solution.is_some());
        assert!(won, "{} is won nowhere", level.id);
    }
}

#[test]
fn every_kind_of_violation_but_the_miscount_is_the_goal_of_a_level() {
    let goals: HashSet<Kind> = levels::all().iter().map(|level| level.wins.kind).collect();
    for kind in [
        Kind::Refused,
        Kind::TooMany,
        Kind::Overtaken,
        Kind::Idle,
        Kind::TooFewWoken,
        Kind::LostUpdate,
        Kind::Deadlock,
        Kind::TimedOut,
        Kind::NoConnection,
        Kind::AfterClose,
        Kind::Unpolled,
        Kind::TooEarly,
        Kind::TornRead,
        Kind::Hung,
    ] {
        assert!(goals.contains(&kind), "{kind:?}");
    }
}

#[test]
fn the_levels_are_in_the_order_of_the_sections() {
    let lesson = std::fs::read_to_string("page/sections.js").unwrap();
    let titles =
        lesson.lines().filter_map(|line| line.trim().strip_prefix("title: \"")?.strip_suffix("\","));
    let mut chapters: Vec<_> = levels::all().iter().map(|level| level.chapter).collect();
    chapters.dedup();
    assert_eq!(titles.collect::<Vec<_>>(), chapters);
}

#[test]
fn every_task_stands_in_the_code_on_the_page() {
    let catalog: serde_json::Value =
        serde_json::from_str(&api::answer(r#"{"levels":{}}"#).unwrap()).unwrap();
    for (level, variant) in variants() {
        let view = catalog.as_array().unwrap().iter().find(|view| view["id"] == level.id).unwrap();
        let view =
            view["variants"].as_array().unwrap().iter().find(|view| view["id"] == variant.id).unwrap();
        let functions = view["functions"].as_array().unwrap();
        assert_eq!(functions.len(), variant.functions.len(), "{}.{}", level.id, variant.id);
        let expected = variant.semaphore.map_or(0, |(_, functions)| functions.len());
        assert_eq!(view["semaphore"].as_array().unwrap().len(), expected, "{}.{}", level.id, variant.id);
        search::sequences(level, variant, 2, &mut |moves, _| {
            let game = format!("{}.{}.{}", level.id, variant.id, game::format_moves(moves));
            let world = play(&game);
            for task in world["tasks"].as_array().unwrap() {
                let Some(line) = task["line"].as_u64() else { continue };
                let function =
                    functions.iter().find(|function| function["name"] == task["function"]).unwrap();
                let first = function["first"].as_u64().unwrap();
                let text = function["text"].as_str().unwrap().lines().nth((line - first) as usize);
                assert!(text.is_some_and(|text| text.contains(".await")), "{game}: {text:?}");
            }
            true
        });
    }
}

fn play(game: &str) -> serde_json::Value {
    serde_json::from_str(&api::answer(&format!(r#"{{"play":{{"game":"{game}"}}}}"#)).unwrap()).unwrap()
}

#[test]
fn a_guilty_line_is_in_the_semaphore_of_the_first_variant() {
    let catalog: serde_json::Value =
        serde_json::from_str(&api::answer(r#"{"levels":{}}"#).unwrap()).unwrap();
    let mut named = 0;
    for view in catalog.as_array().unwrap() {
        assert!(!view["links"].as_array().unwrap().is_empty(), "{} has no link", view["id"]);
        let Some(line) = view["guilty"]["line"].as_str() else { continue };
        let functions = view["variants"][0]["semaphore"].as_array().unwrap();
        let lines = functions.iter().flat_map(|function| function["text"].as_str().unwrap().lines());
        assert_eq!(lines.filter(|text| text.trim() == line).count(), 1, "{}: {line}", view["id"]);
        named += 1;
    }
    assert!(named >= 6, "{named}");
}

#[test]
fn undo_and_replay_lead_to_the_same_world() {
    for (level, variant) in variants() {
        let Some(solution) = variant.solution else { continue };
        let moves = game::parse_moves(solution).unwrap();
        let mut world = level.start(variant);
        for (done, step) in moves.iter().enumerate() {
            world.make(*step).unwrap();
            let again = level.replay(variant, &moves[..=done]).unwrap();
            assert_eq!(world.fingerprint(), again.fingerprint());
        }
        let text = game::format_moves(&moves);
        assert_eq!(text, solution);
        let game = format!("{}.{}.{text}", level.id, variant.id);
        assert_eq!(play(&game), play(&game));
    }
}
