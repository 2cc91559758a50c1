//! What the compiler says about mistakes that users are known to make. The rest of its message is not compared, since it
//! differs between compilers.
#![cfg(not(miri))]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn rustc(folder: &Path, arguments: &[&str]) -> Output {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let common = ["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-L", "."];
    Command::new(rustc).current_dir(folder).args(common).args(arguments).output().expect("rustc runs")
}

/// Compiles a user of fairgate, which is built with `features`, and returns what the compiler says.
fn errors(name: &str, features: &[&str], source: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("src/lib.rs");
    let features: Vec<_> = features.iter().map(|feature| format!("feature=\"{feature}\"")).collect();
    let mut arguments = vec!["--crate-name", "fairgate", library.to_str().unwrap()];
    arguments.extend(features.iter().flat_map(|feature| ["--cfg", feature]));
    let built = rustc(&folder, &arguments);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    fs::write(folder.join("user.rs"), source).unwrap();
    let compiled = rustc(&folder, &["--extern", "fairgate=libfairgate.rmeta", "user.rs"]);
    let errors = String::from_utf8(compiled.stderr).unwrap();
    assert!(!compiled.status.success(), "it compiles: {source}");
    errors
}

#[track_caller]
fn assert_says(errors: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(errors.contains(sentence), "this is missing:\n{sentence}\nin:\n{errors}");
    }
}

#[track_caller]
fn assert_says_what_a_deadline_is(errors: &str) {
    assert_says(
        errors,
        &[
            "`Duration` is not a deadline: a deadline is a future",
            "the deadline must be a future, such as a timer",
            "pass a timer of your executor, for example `smol::Timer::after(duration)` or `tokio::time::sleep(duration)`",
            "with the feature `async-io`, `future.timeout(duration)` needs no timer",
        ],
    );
}

#[test]
fn a_duration_as_the_deadline_is_answered_with_a_timer() {
    assert_says_what_a_deadline_is(&errors(
        "function",
        &["std", "alloc"],
        "pub async fn limited(semaphore: &fairgate::Semaphore) {
             let limit = std::time::Duration::from_secs(1);
             let _ = fairgate::with_timeout(semaphore.acquire(), limit).await;
         }",
    ));
}

#[test]
fn a_duration_as_the_deadline_of_the_method_is_answered_with_a_timer() {
    assert_says_what_a_deadline_is(&errors(
        "method",
        &[],
        "use fairgate::TimeoutExt;
         pub async fn limited(semaphore: &fairgate::Semaphore) {
             let _ = semaphore.acquire().with_timeout(core::time::Duration::from_secs(1)).await;
         }",
    ));
}

/// With a hidden method of this name, the call would clash with another crate's `timeout`.
#[test]
fn timeout_without_its_feature_does_not_exist() {
    let errors = errors(
        "feature",
        &["std", "alloc"],
        "use fairgate::TimeoutExt;
         pub async fn limited(semaphore: &fairgate::Semaphore) {
             let _ = semaphore.acquire().timeout(std::time::Duration::from_secs(1)).await;
         }",
    );
    assert_says(&errors, &["E0599", "no method named `timeout` found for struct"]);
}

/// The order of the timeouts of other crates.
#[test]
fn a_duration_in_the_place_of_the_future_is_answered_with_the_order() {
    let errors = errors(
        "order",
        &["std", "alloc"],
        "pub async fn limited(semaphore: &fairgate::Semaphore) {
             let limit = std::time::Duration::from_secs(1);
             let _ = fairgate::with_timeout(limit, semaphore.acquire()).await;
         }",
    );
    let first = errors.split("\n\n").next().unwrap_or_default();
    assert_says(
        first,
        &[
            "`Duration` is not a future: the future comes first, the deadline second",
            "the first argument must be the future that is limited",
            "`with_timeout(future, deadline)`: the order of `tokio::time::timeout` is the opposite one",
            "the deadline is a timer of your executor, for example `smol::Timer::after(duration)` or `tokio::time::sleep(duration)`",
        ],
    );
}
