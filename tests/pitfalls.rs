//! Each item of `docs/pitfalls.md` is cited by a test, and tests cite items that exist.
#![cfg(not(miri))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
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
fn each_fault_has_one_item_and_is_cited_by_a_test() {
    let page = fs::read_to_string(repository("docs/pitfalls.md")).unwrap();
    let mut items: Vec<_> = page.split("\n* **P").skip(1).map(|item| format!("P{}", &item[..2])).collect();
    items.sort_unstable();
    assert_eq!(items, (1..=33).map(|number| format!("P{number:02}")).collect::<Vec<_>>());

    let mut cited = BTreeSet::new();
    for file in fs::read_dir(repository("tests/promises")).unwrap() {
        let path = file.unwrap().path();
        if !path.ends_with("main.rs") {
            cited.extend(numbers(&fs::read_to_string(&path).unwrap()));
        }
    }
    // P23 is a question of time, which no test asserts: benches/benchmarks/cancel.rs.
    let expected: BTreeSet<_> = items.into_iter().filter(|item| item != "P23").collect();
    assert_eq!(cited, expected);
}
