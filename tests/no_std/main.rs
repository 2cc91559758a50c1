//! The behaviour of a build without the feature `std`, which cannot catch panics: a child process, since a second panic
//! in one call aborts it. The crate without features has no dependency, so `rustc` alone builds it.
#![cfg(not(miri))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn rustc(arguments: &[&str]) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition=2024", "--cap-lints=allow", "-Copt-level=1", "-Cdebug-assertions=on"])
        .args(arguments)
        .output()
        .expect("rustc runs");
    assert!(output.status.success(), "rustc {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Builds the crate without features and `program.rs` on top of it, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("no_std-{}", std::process::id()));
        std::fs::create_dir_all(&target).unwrap();
        let text = |path: PathBuf| path.into_os_string().into_string().expect("a UTF-8 path");
        let library = text(target.join("libfairgate.rlib"));
        let crate_root = text(sources.join("src/lib.rs"));
        rustc(&["--crate-type=rlib", "--crate-name=fairgate", "-o", &library, &crate_root]);
        let program = target.join("program");
        let (extern_library, program_root) =
            (format!("fairgate={library}"), text(sources.join("tests/no_std/program.rs")));
        rustc(&["--extern", &extern_library, "-o", &text(program.clone()), &program_root]);
        program
    })
}

fn run(scenario: &str) -> Output {
    Command::new(program()).arg(scenario).output().unwrap()
}

#[track_caller]
fn assert_completes(scenario: &str) {
    let output = run(scenario);
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert_eq!(stdout.trim(), "completed");
}

#[test]
fn one_panicking_waker_loses_nothing() {
    assert_completes("one panicking waker");
}

#[test]
fn panicking_wakers_of_different_releases_lose_nothing() {
    assert_completes("one panicking waker per release");
}

/// The documented limit: the second panic starts while the first unwinds.
#[test]
fn two_panicking_wakers_in_one_call_abort() {
    let output = run("two panicking wakers");
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "the program continued after the second panic");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.matches("a waker panics").count(), 2, "{stderr}");
}

/// P13: without the standard library this call span endlessly while another thread held the queue lock.
#[test]
fn adding_far_too_many_permits_panics_beside_threads_that_edit_the_queue() {
    assert_completes("add usize::MAX");
}
