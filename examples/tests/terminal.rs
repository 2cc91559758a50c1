//! What a person sees: the examples in a pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{EXAMPLES, program, quick};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::Parser;

/// Far longer than a program here is silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a terminal.
struct Terminal {
    child: Child,
    output: Receiver<Vec<u8>>,
    parser: Parser,
}

impl Terminal {
    fn start(example: &str, options: &[&str], rows: u16, cols: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 })
            .unwrap();
        let child = Command::new(program(example))
            .args(options)
            .env("TERM", "xterm-256color")
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal)
            .spawn()
            .unwrap();
        let mut reader = File::from(master);
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux reports an error when the program has ended, other systems the end of the file.
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, output, parser: Parser::new(rows, cols, 0) }
    }

    /// Reads until the screen satisfies `seen`, and calls `check` with each screen on the way.
    fn wait_for(&mut self, what: &str, seen: impl Fn(&str) -> bool, check: impl Fn(&str)) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let screen = lines(&self.parser);
            check(&screen);
            if seen(&screen) {
                return;
            }
            let left = patience.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(_) => panic!("{what} was never on the screen, which is now:\n{screen}"),
            }
        }
    }

    /// Reads until the program has ended.
    fn finish(mut self) -> Parser {
        loop {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program hangs:\n{}", lines(&self.parser)),
            }
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status:?}:\n{}", lines(&self.parser));
        std::mem::take(&mut self.parser)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rows of the screen. (`contents` joins a row that is full with the next.)
fn lines(parser: &Parser) -> String {
    let screen = parser.screen();
    let rows: Vec<_> = screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n")
}

/// The number before `word` in the counts.
fn counts(screen: &str, word: &str) -> Option<usize> {
    let line = screen.lines().find(|line| line.contains(" in flight, "))?;
    let counts = line.split(", ").find(|count| count.ends_with(word))?;
    counts.trim().split(' ').next()?.parse().ok()
}

#[test]
fn the_live_view_shows_what_the_server_counts() {
    // So slow that nothing but the clock of the display can draw the state between two bursts.
    let mut terminal = Terminal::start("fetch_posts", &["--latency-ms", "1500"], 40, 80);
    let no_check = |_: &str| {};
    let sees = |in_flight: usize, waiting: usize| {
        move |screen: &str| {
            counts(screen, "in flight") == Some(in_flight) && counts(screen, "waiting") == Some(waiting)
        }
    };
    terminal.wait_for("20 in flight", sees(20, 0), no_check);
    terminal.wait_for("10 refused", |screen| counts(screen, "refused") == Some(10), no_check);
    terminal.wait_for("run 2", |screen| screen.contains("Run 2"), no_check);
    // No request of run 2 ends for 1.5 seconds.
    let never_six = |screen: &str| {
        if screen.contains("Run 2") && !screen.contains("Run 3") {
            assert!(counts(screen, "in flight").is_none_or(|n| n <= 5), "{screen}");
        }
    };
    terminal.wait_for("5 in flight, 15 waiting", sees(5, 15), never_six);
    terminal.wait_for("5 in flight, 14 waiting", sees(5, 14), never_six);
}

#[test]
fn every_example_shows_something_while_it_runs() {
    for (example, options, shown) in [
        ("any_timer", &["--timeout-ms", "2000"][..], "waiting"),
        ("connection_pool", &["--slow", "30"], "3 connected, 9 waiting"),
        ("fair_turns", &["--slow", "50"], "1 holding, 6 waiting"),
        ("lock_vs_semaphore", &["--slow", "10"], "9 working, 0 waiting"),
        ("rate_limit", &["--slow", "30"], "5 in flight, 55 waiting"),
    ] {
        let mut terminal = Terminal::start(example, options, 40, 80);
        terminal.wait_for(shown, |screen| screen.contains(shown), |_| {});
    }
}

/// When a program has ended, what it showed is on the screen in short, with room for the prompt.
#[test]
fn the_summary_fits_a_small_terminal_with_the_prompt() {
    thread::scope(|threads| {
        for example in EXAMPLES {
            threads.spawn(move || {
                let parser = Terminal::start(example, quick(example), 24, 80).finish();
                let text = lines(&parser);
                assert!(text.contains("In short\n"), "{example}:\n{text}");
                let (row, column) = parser.screen().cursor_position();
                assert!(row <= 23 && column == 0, "{example}: no line is left for the prompt:\n{text}");
            });
        }
    });
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    thread::scope(|threads| {
        for example in EXAMPLES {
            threads.spawn(move || {
                for columns in [40, 60, 80, 120] {
                    // Enough rows for everything that is printed.
                    let parser = Terminal::start(example, quick(example), 250, columns).finish();
                    let screen = parser.screen();
                    let text = lines(&parser);
                    for row in 0..250 {
                        assert!(!screen.row_wrapped(row), "{example} at {columns} columns:\n{text}");
                    }
                    let widest =
                        text.lines().filter(|line| line.contains('█')).map(|line| line.chars().count());
                    let widest = widest.max().unwrap();
                    if example != "rate_limit" {
                        assert!(
                            widest + 6 > usize::from(columns),
                            "{example} uses {widest} of {columns}:\n{text}"
                        );
                    }
                    assert!(!text.contains("0 in flight"), "the live view is still there:\n{text}");
                }
            });
        }
    });
}

#[test]
fn a_terminal_that_is_too_narrow_gets_a_message_instead_of_a_timeline() {
    for example in EXAMPLES.into_iter().filter(|example| *example != "rate_limit") {
        let parser = Terminal::start(example, quick(example), 250, 39).finish();
        let text = lines(&parser).replace('\n', " ");
        assert!(text.contains("it needs 40 columns, and there are"), "{example}:\n{text}");
    }
}
