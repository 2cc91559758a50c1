//! `docs/pitfalls.md` names tests that exist, and tests cite items that exist.
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

/// The items of the page, from the digits of their numbers to the next item or section.
fn items(page: &str) -> impl Iterator<Item = &str> {
    page.split("\n* **P").skip(1).map(|item| item.split("\n## ").next().unwrap())
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
fn the_page_has_one_item_for_each_number() {
    let page = page();
    let mut numbers: Vec<_> = items(&page).map(|item| &item[..2]).collect();
    numbers.sort_unstable();
    let expected: Vec<_> = (1..=33).map(|number| format!("{number:02}")).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn every_file_and_test_that_the_page_names_exists() {
    let page = page();
    let mut tests = 0;
    for item in items(&page) {
        let (_, named) = item.split_once("* *Tests:*").unwrap_or_else(|| panic!("no tests: {item}"));
        let mut file = None;
        for name in named.split('`').skip(1).step_by(2) {
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
        assert!(file.is_some(), "no file: {item}");
    }
    assert!(tests > 60, "{tests} tests are named");
}

#[test]
fn tests_cite_items_that_exist() {
    let items = numbers(&page());
    for file in fs::read_dir(repository("tests/promises")).unwrap() {
        let path = file.unwrap().path();
        let cited = numbers(&fs::read_to_string(&path).unwrap());
        assert!(cited.is_subset(&items), "{}: {:?}", path.display(), &cited - &items);
    }
}
