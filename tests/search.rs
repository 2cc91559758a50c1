//! The search of the documentation finds what users look for: names contain the word, or an alias equals it.
#![cfg(not(miri))]

use std::fs;
use std::path::Path;

const WORDS: &str = "
    rate, rate limit, weighted, weights, bytes, limit, throttle, concurrency, concurrency limit, bulkhead, shed,
    load shedding, backpressure, metrics, queue length, priority, capacity, unlimited, JoinSet, worker pool,
    connection pool, axum, tower, backoff, retry, drain, graceful shutdown, batch, hold, fair, FIFO, timeout, deadline,
    cancel, blocking, block_on, resize, starvation, deadlock";

/// The aliases and the names of what is public, in lower case.
fn index(folder: &Path, aliases: &mut Vec<String>, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The algorithm and the platform have nothing public.
            if !path.ends_with("raw") && !path.ends_with("sync") {
                index(&path, aliases, names);
            }
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let line = line.trim().to_lowercase();
            if let Some(alias) = line.strip_prefix("#[doc(alias = \"") {
                aliases.push(alias.trim_end_matches("\")]").to_string());
            } else if line.starts_with("pub ") {
                let item = line.split(['(', '<', '{', ';', ':']).next().unwrap();
                names.push(item.split_whitespace().last().unwrap().to_string());
            }
        }
    }
}

#[test]
fn a_search_finds_each_word_that_users_look_for() {
    let (mut aliases, mut names) = (Vec::new(), Vec::new());
    index(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../src"), &mut aliases, &mut names);
    assert!(names.contains(&"set_limit".to_string()));
    for word in WORDS.split(',').map(|word| word.trim().to_lowercase()) {
        let found = aliases.contains(&word) || names.iter().any(|name| name.contains(&word));
        assert!(found, "no name contains `{word}`, and no alias equals it");
    }
}
