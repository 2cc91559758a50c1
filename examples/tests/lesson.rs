//! What docs/lesson.md quotes stands in the sources, word for word.

use std::fs;

#[test]
fn the_model_is_quoted_as_it_stands() {
    let lesson = fs::read_to_string("../docs/lesson.md").unwrap();
    let model = fs::read_to_string("../loom-tests/tests/models/visibility.rs").unwrap();
    let (_, quoted) = lesson.split_once("```text\n/// A semaphore whose").expect("a model is quoted");
    let (quoted, _) = quoted.split_once("```").unwrap();
    assert!(quoted.contains("#[test]"));
    for part in quoted.split("\n\n") {
        assert!(model.contains(part.trim_end()), "not in the models: {part}");
    }
}

#[test]
fn the_exercises_are_solved() {
    let lesson = fs::read_to_string("../docs/lesson.md").unwrap();
    let solutions = fs::read_to_string("tests/exercises.rs").unwrap();
    let (_, exercises) = lesson.split_once("\n## Exercises\n").expect("there are exercises");
    let numbers: Vec<_> =
        exercises.lines().filter_map(|line| line.split_once(". **")).map(|(n, _)| n).collect();
    assert_eq!(solutions.matches("fn exercise_").count(), numbers.len());
    for number in numbers {
        assert!(solutions.contains(&format!("fn exercise_{number}_")), "exercise {number} has no solution");
    }
}
