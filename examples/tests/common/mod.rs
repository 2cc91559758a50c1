//! Runs the examples as programs.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

/// Every example that shows something.
pub const EXAMPLES: [&str; 6] =
    ["any_timer", "connection_pool", "fair_turns", "fetch_posts", "lock_vs_semaphore", "rate_limit"];

/// Options that make an example quick.
pub fn quick(example: &str) -> &'static [&'static str] {
    match example {
        "any_timer" => &["--timeout-ms", "20"],
        "connection_pool" => &["--checkout-ms", "20", "--tasks", "4"],
        "fair_turns" => &["--turns", "3"],
        "fetch_posts" => &["--latency-ms", "40", "--timeout-ms", "200"],
        "lock_vs_semaphore" => &["--work-ms", "10"],
        "rate_limit" => &["--posts", "20", "--rate", "40", "--quota", "50"],
        _ => panic!("there is no example {example}"),
    }
}

/// The program of an example. `cargo test` builds it beside the tests.
pub fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are in target/PROFILE/deps");
    let program = profile.join("examples").join(example).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is missing: run `cargo build --examples` first", program.display());
    program
}

pub fn run(example: &str, options: &[&str]) -> Output {
    Command::new(program(example)).args(options).output().unwrap()
}

/// What an example prints that succeeds.
pub fn printed(example: &str, options: &[&str]) -> String {
    let output = run(example, options);
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{example} {options:?} failed: {stderr}{stdout}");
    assert_eq!(stderr, "", "{example} {options:?}");
    stdout
}

pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The base URL of a server that answers every request with these bytes, and then closes the connection.
pub fn fixed_server(answer: impl Into<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.into();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A client that closes the connection at once is no error here.
            if stream.read(&mut [0; 1024]).is_ok_and(|bytes| bytes > 0) {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    url
}

/// The base URL of a server that accepts every connection and never answers.
pub fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    url
}

/// The base URL of a port on which no server listens.
pub fn no_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
