//! What the examples print, as programs: facts, never times.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use crate::common::{EXAMPLES, fixed_server, no_server, printed, program, quick, run, silent_server, text};

#[track_caller]
fn assert_has(printed: &str, lines: &str) {
    assert!(printed.contains(lines), "this is missing:\n{lines}\nin:\n{printed}");
}

#[test]
fn fetch_posts_shows_what_the_limits_do() {
    let printed = printed("fetch_posts", &["--latency-ms", "400"]);
    assert_has(
        &printed,
        "  Fetched 10 titles\n  The server's own count: at most 20 requests in flight, 10 refused\n",
    );
    assert_has(&printed, "Which posts are refused may differ from run to run");
    assert_has(
        &printed,
        "  Fetched 20 titles\n  The server's own count: at most 5 requests in flight, 0 refused\n",
    );
    assert_has(&printed, "  Available permits: 5\n");
    assert_has(
        &printed,
        "\n  the early harbour\n  the narrow harbour\n  the busy harbour\n  Post 4 timed out\n  the broken harbour\n  \
         the golden harbour\n  Post 7 timed out\n  the crowded harbour\n  the honest harbour\n  the last harbour\n  \
         Fetched 8 titles\n  The server's own count: at most 3 requests in flight, 0 refused\n",
    );
    assert_has(&printed, "  Available permits: 3\n");

    // Without a terminal, the log counts what the server counts.
    let runs: Vec<_> = printed.split("\nRun ").collect();
    for (run, most) in [(1, 20), (2, 5), (3, 3)] {
        let in_flight =
            |line: &str| line.split_once("| ")?.1.split_once(" in flight")?.0.parse::<usize>().ok();
        assert_eq!(runs[run].lines().filter_map(in_flight).max(), Some(most), "run {run}:\n{}", runs[run]);
    }
}

#[test]
fn lock_vs_semaphore_shows_a_lost_update() {
    let printed = printed("lock_vs_semaphore", &[]);
    let order = "  Order: job 1, job 2, job 3, job 4, job 5, job 6, job 7, job 8, job 9\n  At most";
    let runs: Vec<_> = printed.split("\n\n").collect();
    assert_has(runs[1], "No protection\n  Total: 1 after 9 jobs; 8 updates are lost");
    assert_has(runs[1], &format!("{order} 9 at once"));
    assert_has(runs[2], "Semaphore::new(3)\n  Total: ");
    assert_has(runs[2], "updates are lost");
    assert_has(runs[2], &format!("{order} 3 at once"));
    for (run, title) in [(3, "Semaphore::new(1)"), (4, "Mutex::new(0)")] {
        assert_has(runs[run], &format!("{title}\n  Total: 9 after 9 jobs\n{order} 1 at once"));
    }
    assert_has(&printed, "The semaphore of 1 and the mutex ran the jobs in the same order, one at a time.");
    assert_has(&printed, "Semaphore::new(0): the producer adds a permit for each item\n");
}

#[test]
fn rate_limit_shows_that_a_token_bucket_keeps_the_quota() {
    let printed = printed("rate_limit", &[]);
    let runs: Vec<_> = printed.split("\n\n").collect();
    let refused = |run: &str| {
        let (_, refused) = run.split_once("Refused: ").unwrap();
        refused.split_once(' ').unwrap().0.parse::<usize>().unwrap()
    };
    assert_ne!(refused(runs[1]), 0, "{}", runs[1]);
    assert_ne!(refused(runs[2]), 0, "{}", runs[2]);
    assert_has(runs[1], "  Limited to 5 in flight: at most 5.");
    assert_has(runs[2], "  Answered: 60 of 60.");
    assert_has(runs[3], "  Answered: 60 of 60. Refused: 0 times.");
    assert_has(runs[3], "The bucket limits no requests in flight");
    assert!(!printed.contains("exceeds"), "{printed}");
    // The three charts have one scale, so they come together.
    assert_eq!(runs[4].matches("Run ").count(), 3, "{}", runs[4]);
    assert_eq!(runs[4].matches("| quota").count(), 1, "{}", runs[4]);
}

#[test]
fn rate_limit_says_when_burst_and_rate_exceed_the_quota() {
    let printed = printed("rate_limit", &["--rate", "30", "--quota", "30", "--posts", "10"]);
    assert_has(&printed, "That exceeds the quota of 30, so expect refusals.");
}

#[test]
fn connection_pool_opens_no_more_connections_than_permits() {
    let printed = printed("connection_pool", &[]);
    assert_has(&printed, "  Fetched 36 titles\n");
    assert_has(&printed, "  The server's own count: at most 3 connections open\n");
    assert_has(&printed, "  No connection within 500ms: ");
    assert_has(&printed, "  The second try fetched: the early harbour\n");
    assert_has(&printed, "  Available connections: 3\n");
}

#[test]
fn fair_turns_shows_which_semaphore_lets_a_task_overtake() {
    let printed = printed("fair_turns", &[]);
    assert_has(
        &printed,
        "  Order of turns: g1 g2 p1 p2 p3 p4 p5 g1 g2 g1 g2 g1 g2 g1 g2 g1 g2 g1 g2 g1 g2\n  \
         Longest wait: 6 turns, polite 5\n  Waited for more than one turn of each other task: none\n",
    );
    assert_has(
        &printed,
        "  Order of turns: g1×8 p1 p2 p3 p4 p5 g2×8\n  Longest wait: 13 turns, greedy 2\n  \
         Waited for more than one turn of each other task: greedy 2, polite 1, polite 2, polite 3, polite 4, polite 5\n",
    );
}

#[test]
fn any_timer_waits_with_every_timer() {
    let printed = printed("any_timer", &[]);
    for timer in ["smol  ", "tokio ", "thread"] {
        assert_has(
            &printed,
            &format!("  {timer} | held: timed out, 0 left in the queue | available: done\n"),
        );
    }
}

#[test]
fn a_reader_may_close_the_pipe() {
    thread::scope(|threads| {
        for example in EXAMPLES {
            for (options, lines) in [(quick(example), 1), (quick(example), 3), (&["--help"], 1)] {
                threads.spawn(move || read_a_little(example, options, lines));
            }
        }
    });
}

/// As `EXAMPLE | head -LINES`.
fn read_a_little(example: &str, options: &[&str], lines: usize) {
    let mut command = Command::new(program(example));
    let mut child = command.args(options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(stdout.lines().take(lines).filter_map(Result::ok).count(), lines, "{example}");
    let output = child.wait_with_output().unwrap();
    let stderr = text(output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{example}: {}, {stderr}", output.status);
}

#[test]
fn a_wrong_option_is_refused_before_the_run() {
    let refused = |example: &str, options: &[&str], message: &str| {
        let output = run(example, options);
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(2), "{example} {options:?}: {stderr}");
        assert!(stderr.contains(message), "{example} {options:?} does not say {message:?}: {stderr}");
        assert_eq!(stdout, "", "{example} {options:?} ran");
    };
    for example in EXAMPLES {
        refused(example, &["--slow", "0"], "1..=100");
        refused(example, &["--slow", "101"], "1..=100");
        refused(example, &["--no-such-option"], "--help");
    }
    for (example, option) in [
        ("any_timer", "--timeout-ms"),
        ("connection_pool", "--checkout-ms"),
        ("fetch_posts", "--timeout-ms"),
        ("fetch_posts", "--latency-ms"),
        ("lock_vs_semaphore", "--work-ms"),
    ] {
        refused(example, &[option, "18446744073709551615"], "1..=3600000");
        refused(example, &[option, "0"], "1..=3600000");
    }
    for (example, option) in [
        ("any_timer", "--run"),
        ("connection_pool", "--connections"),
        ("fair_turns", "--turns"),
        ("fetch_posts", "--permits"),
        ("fetch_posts", "--timed-posts"),
        ("lock_vs_semaphore", "--permits"),
        ("rate_limit", "--burst"),
        ("rate_limit", "--quota"),
    ] {
        refused(example, &[option, "0"], "1..=");
    }
    for (url, message) in [
        ("localhost:8000", "write a whole URL, such as http://localhost:8000"),
        ("http://", "the host is missing; write a URL such as http://localhost:8000"),
        ("http://:80", "the host is missing"),
        ("http://127.0.0.1:99999", "the port is \"99999\", and must be a number from 1 to 65535"),
        ("http://127.0.0.1:0", "must be a number from 1 to 65535"),
        ("http://127.0.0.1:", "must be a number from 1 to 65535"),
        ("ftp://localhost", "ftp:// is not supported"),
        ("http://a@localhost", "a user name"),
        ("http://localhost/?page=1", "leave out what follows the path"),
    ] {
        refused("fetch_posts", &["--url", url], message);
    }
    refused("fetch_posts", &["--ca", "a.pem"], "--url");
}

#[test]
fn help_describes_every_option() {
    for example in EXAMPLES {
        let help = printed(example, &["--help"]);
        assert_has(&help, "--slow <N>");
        for option in help.lines().map(str::trim_start).filter(|line| line.starts_with("--")) {
            assert!(option.trim_end().contains("  "), "{example}: {option:?} has no description");
        }
    }
}

#[test]
fn an_error_names_the_post_and_ends_with_a_status() {
    let fails = |options: &[&str], message: &str| {
        let output = run("fetch_posts", options);
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(1), "{options:?}: {stdout}");
        assert!(stdout.contains(message), "{options:?} does not say {message:?}: {stdout}");
        assert_eq!(stderr, "error: no post could be fetched\n");
    };
    fails(&["--url", &no_server(), "--posts", "2"], "  Post 2 could not be reached: ");
    fails(&["--url", &no_server(), "--posts", "6"], "\n  The same for 5 other posts\n");
    let silent = ["--url", &silent_server(), "--posts", "2", "--give-up-ms", "100"];
    fails(&silent, "A request that gets no answer is given up after 100ms.");
    fails(&silent, "  Post 2 was given up: the server sent no answer within 100ms\n");
    fails(&["--throttle", "0", "--posts", "2"], "  Post 1 was answered 429 Too Many Requests\n");
}

#[test]
fn a_post_that_does_not_exist_is_reported() {
    let options = ["--posts", "101", "--throttle", "101", "--permits", "50", "--timed-posts", "1"];
    let printed = printed("fetch_posts", &[&options, quick("fetch_posts")].concat());
    assert_has(&printed, "  Post 101 was answered 404 Not Found\n  Fetched 100 titles\n");
}

#[test]
fn a_title_cannot_control_the_terminal() {
    let body = r#"{"title": "\u001b[31mred\u0007\u202e\n  Fetched 9 titles"}"#;
    let url = fixed_server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let printed = printed("fetch_posts", &["--url", &url, "--posts", "1", "--timed-posts", "1"]);
    assert_has(&printed, "  \\u{1b}[31mred\\u{7}\\u{202e}\\u{a}  Fetched 9 titles\n");
    assert!(!printed.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{printed:?}");
}

#[test]
fn one_is_singular_everywhere() {
    for (example, options) in [
        ("connection_pool", &["--connections", "1", "--tasks", "1", "--checkout-ms", "20"][..]),
        ("fair_turns", &["--turns", "1", "--greedy", "1", "--polite", "1"]),
        ("lock_vs_semaphore", &["--jobs", "1", "--permits", "1", "--work-ms", "10"]),
        ("rate_limit", &["--posts", "1", "--permits", "1", "--burst", "1"]),
        (
            "fetch_posts",
            &[
                "--posts",
                "1",
                "--permits",
                "1",
                "--timed-posts",
                "1",
                "--timed-permits",
                "1",
                "--throttle",
                "1",
            ],
        ),
    ] {
        let printed = printed(example, options);
        let words: Vec<_> = printed.split_whitespace().collect();
        for pair in words.windows(2) {
            let plural = pair[1].ends_with('s') && !["is", "was"].contains(&pair[1]);
            assert!(pair[0] != "1" || !plural, "{example}: {pair:?} in:\n{printed}");
        }
    }
}

/// At most three lines for each run, at the end.
#[test]
fn the_summary_has_a_paragraph_for_each_run() {
    for (example, runs) in [
        ("any_timer", 1),
        ("connection_pool", 2),
        ("fair_turns", 2),
        ("fetch_posts", 3),
        ("lock_vs_semaphore", 5),
        ("rate_limit", 3),
    ] {
        let printed = printed(example, quick(example));
        let (_, summary) = printed.split_once("\nIn short\n").expect(&printed);
        assert_eq!(summary.lines().count(), runs, "{example}:\n{summary}");
        for line in summary.lines() {
            assert!(line.chars().count() <= 3 * 74, "{example}: {line}");
        }
        if runs == 1 {
            continue;
        }
        for number in 1..=runs {
            let only_run = number.to_string();
            let only = self::printed(example, &[&["--run", only_run.as_str()], quick(example)].concat());
            let (_, own) = only.split_once("\nIn short\n").expect(&only);
            assert_eq!(own.lines().count(), 1, "{example} --run {number}:\n{own}");
            let title = |line: &str| line.split(':').next().unwrap().to_owned();
            assert_eq!(
                title(own),
                title(summary.lines().nth(number - 1).unwrap()),
                "{example} --run {number}"
            );
        }
        let too_many = (runs + 1).to_string();
        assert_eq!(run(example, &["--run", &too_many]).status.code(), Some(2), "{example}");
    }
}

#[test]
fn slow_makes_every_time_longer() {
    assert_has(&printed("any_timer", &["--timeout-ms", "10", "--slow", "3"]), "for a permit to 30ms.");
    let pool = printed("connection_pool", &["--checkout-ms", "10", "--slow", "3", "--tasks", "1"]);
    assert_has(&pool, "No connection within 30ms");
    let posts =
        ["--posts", "2", "--timed-posts", "2", "--timeout-ms", "100", "--latency-ms", "5", "--slow", "3"];
    assert_has(&printed("fetch_posts", &posts), "300ms for each request");
    let rate = printed("rate_limit", &["--posts", "5", "--slow", "3"]);
    assert_has(&rate, "answers 30 in 3 seconds");
    assert_has(&rate, "seconds 1-3 ");
}
