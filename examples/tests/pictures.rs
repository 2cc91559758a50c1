//! The pictures in docs/pictures are what the examples draw: the same rows in the same order.
//!
//! `cargo run --example NAME -- --svg docs/pictures/NAME.svg` draws one anew.

use std::fs;
use std::process::Command;

#[test]
fn the_lesson_in_three_acts() {
    is_up_to_date("fetch_posts");
}

#[test]
fn lock_against_semaphore() {
    is_up_to_date("lock_vs_semaphore");
}

#[test]
fn rate_against_concurrency() {
    is_up_to_date("rate_limit");
}

#[test]
fn a_pool_of_connections() {
    is_up_to_date("connection_pool");
}

#[test]
fn greedy_and_polite() {
    is_up_to_date("fair_turns");
}

#[test]
fn three_timers() {
    is_up_to_date("any_timer");
}

fn is_up_to_date(example: &str) {
    let committed = fs::read_to_string(format!("../docs/pictures/{example}.svg")).unwrap();
    let fresh = format!("{}/{example}.svg", env!("CARGO_TARGET_TMPDIR"));
    let drawn = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", example, "--", "--svg", &fresh])
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{example} failed: {}", String::from_utf8_lossy(&drawn.stderr));
    let fresh = fs::read_to_string(fresh).unwrap();
    assert_eq!(words(&committed), words(&fresh), "left: docs/pictures/{example}.svg, right: a fresh one");
}

/// Titles, rows and legend as they stand in the picture, without the numbers along the axes.
fn words(svg: &str) -> Vec<&str> {
    let texts = svg.split("<text").skip(1).filter_map(|text| text.split_once('>'));
    let texts = texts.filter_map(|(_, text)| text.split_once('<'));
    let words: Vec<_> =
        texts.map(|(text, _)| text.trim()).filter(|text| text.parse::<f64>().is_err()).collect();
    assert!(!words.is_empty(), "a picture without words");
    words
}
