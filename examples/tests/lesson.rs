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
fn every_example_is_in_the_lesson() {
    for example in crate::common::EXAMPLES {
        let command = format!("cargo run --example {example}");
        assert!(lesson().contains(&command), "{command} is missing");
    }
}
