//! `docs/pitfalls.md` names tests that exist, and tests cite rows that exist.
#![cfg(not(miri))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A path of the repository.
fn repository(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn page() -> String {
    fs::read_to_string(repository("docs/pitfalls.md")).unwrap()
}

/// The path of a file that the page names without its folder.
fn source(name: &str) -> PathBuf {
    repository(if name.contains('/') { name.into() } else { Path::new("tests/promises").join(name) })
}

/// The words that look like `P01`.
fn numbers(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_number = |word: &&str| {
        word.len() == 3 && word.starts_with('P') && word[1..].chars().all(|c| c.is_ascii_digit())
    };
    words.filter(is_number).map(str::to_string).collect()
}

#[test]
fn the_page_has_one_row_for_each_number() {
    let page = page();
    let mut rows: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix("| P")).map(|row| &row[..2]).collect();
    rows.sort_unstable();
    let expected: Vec<_> = (1..=33).map(|number| format!("{number:02}")).collect();
    assert_eq!(rows, expected);
}

#[test]
fn every_file_and_test_that_the_page_names_exists() {
    let page = page();
    let mut tests = 0;
    for row in page.lines().filter(|line| line.starts_with("| P")) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut file = None;
        for name in cell.split('`').skip(1).step_by(2) {
            if name.contains('.') {
                file = Some(
                    fs::read_to_string(source(name)).unwrap_or_else(|error| panic!("{name}: {error}")),
                );
            } else {
                let file = file.as_ref().expect("a file before its tests");
                let found = file.contains(&format!("fn {name}<")) || file.contains(&format!("fn {name}("));
                assert!(found, "no such test: {name}");
                tests += 1;
            }
        }
        assert!(file.is_some(), "no file in the row: {row}");
    }
    assert!(tests > 60, "{tests} tests are named");
}

#[test]
fn tests_cite_rows_that_exist() {
    let rows = numbers(&page());
    for file in fs::read_dir(repository("tests/promises")).unwrap() {
        let path = file.unwrap().path();
        let cited = numbers(&fs::read_to_string(&path).unwrap());
        assert!(cited.is_subset(&rows), "{}: {:?}", path.display(), &cited - &rows);
    }
}
