//! What docs/lesson.md refers to exists, and what it quotes is quoted word for word.

use std::fs;

fn lesson() -> String {
    fs::read_to_string("../docs/lesson.md").unwrap()
}

#[test]
fn the_model_is_quoted_word_for_word() {
    let lesson = lesson();
    let model = fs::read_to_string("../loom-tests/tests/models/visibility.rs").unwrap();
    let (_, quoted) = lesson.split_once("```text\n/// A semaphore").expect("a model is quoted");
    let (quoted, _) = quoted.split_once("```").unwrap();
    assert!(quoted.contains("#[test]"));
    for part in quoted.split("\n\n") {
        assert!(model.contains(part.trim_end()), "not in the models: {part}");
    }
    let (_, name) = quoted.split_once("#[test]\nfn ").unwrap();
    let (name, _) = name.split_once('(').unwrap();
    // Without --exact, other models whose names begin the same run as well.
    let commands = lesson.matches(&format!("-- visibility::{name} --exact")).count();
    assert_eq!(commands, 2, "both commands name the quoted model {name}");
}

#[test]
fn every_exercise_has_a_solution() {
    let lesson = lesson();
    let solutions = fs::read_to_string("tests/exercises.rs").unwrap();
    let (_, exercises) = lesson.split_once("\n## Exercises\n").expect("there are exercises");
    let exercises = exercises.lines().filter_map(|line| line.split_once(". **"));
    let names: Vec<_> = exercises
        .map(|(number, rest)| {
            let title = rest.split(['.', '?']).next().unwrap().to_lowercase().replace(' ', "_");
            format!("fn exercise_{number}_{title}(")
        })
        .collect();
    assert_eq!(solutions.matches("fn exercise_").count(), names.len());
    for name in names {
        assert!(solutions.contains(&name), "{name} is missing");
    }
}

#[test]
fn every_example_and_picture_is_in_the_lesson() {
    let lesson = lesson();
    for example in crate::common::EXAMPLES {
        assert!(
            lesson.contains(&format!("cargo run --example {example}")),
            "{example} is not in the lesson"
        );
        for part in [format!("][{example}]\n"), format!("\n[{example}]: pictures/{example}.svg\n")] {
            assert!(lesson.contains(&part), "{example} has no picture: {part:?} is missing");
        }
    }
    let heading = |line: &str| {
        Some(line.strip_prefix("## ")?.to_lowercase().replace(' ', "-").replace([':', ',', '?'], ""))
    };
    let headings: Vec<_> = lesson.lines().filter_map(heading).collect();
    let links: Vec<_> = lesson.split("](#").skip(1).map(|link| link.split_once(')').unwrap().0).collect();
    assert_eq!(links, headings, "the table of contents");
}
