//! Printing, in a terminal of any width and through a pipe that may close.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::{self, ExitCode};

use console::Term;
use textwrap::Options;

/// The width of text that does not go to a terminal.
const DEFAULT_COLUMNS: usize = 78;

/// Prints a line, as `println!` does, with three differences. It wraps at the width of the terminal, it ends the
/// program quietly if the reader has closed the pipe, and it prints no control characters.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::output::print_line(format_args!($($text)*)) };
}

/// The function behind `say!`.
pub fn print_line(text: fmt::Arguments<'_>) {
    let text = printable(&text.to_string());
    print(&match terminal_columns() {
        Some(columns) => wrap(&text, columns),
        None => text + "\n",
    });
}

/// Prints text that fits the terminal already.
pub fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        // The reader needs no more, as in `EXAMPLE | head -3`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            print_error(&format!("cannot print: {error}"));
            process::exit(1);
        }
    }
}

/// What each run of an example showed, printed after the last one, so that it is on the screen together.
#[derive(Default)]
pub struct Summary(Vec<String>);

impl Summary {
    /// Adds the facts of a run, as one paragraph of at most three lines of 80 columns.
    pub fn add(&mut self, run: impl Into<String>) {
        self.0.push(run.into());
    }

    pub fn print(&self) {
        say!("\nIn short");
        for run in &self.0 {
            say!("  {run}");
        }
    }
}

/// The exit status of an example, with its error printed.
pub fn exit(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn print_error(error: &str) {
    // There is no place left to report that the standard error is closed.
    let _ = writeln!(io::stderr(), "error: {}", printable(error));
}

/// The width to fit text into.
pub fn columns() -> usize {
    terminal_columns().unwrap_or(DEFAULT_COLUMNS)
}

fn terminal_columns() -> Option<usize> {
    let (_rows, columns) = Term::stdout().size_checked()?;
    Some(usize::from(columns))
}

/// Wraps at `columns`. A continuation is indented by two more columns.
fn wrap(text: &str, columns: usize) -> String {
    let wrap_line = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let indents = (" ".repeat(indent), " ".repeat(indent + 2));
        let options = Options::new(columns).initial_indent(&indents.0).subsequent_indent(&indents.1);
        textwrap::fill(line.trim(), options) + "\n"
    };
    text.split('\n').map(wrap_line).collect()
}

/// The text with its control characters written as escapes, so that a server cannot move the cursor, change colors or
/// reverse the direction of the text.
pub fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars() {
        match c {
            '\n' => printable.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => printable.extend(c.escape_unicode()),
            c if c.is_control() => printable.extend(c.escape_unicode()),
            c => printable.push(c),
        }
    }
    printable
}

/// As [`printable`], with line breaks written as escapes, too.
pub fn on_one_line(text: &str) -> String {
    printable(text).replace('\n', r"\u{a}")
}

/// "1 title", "20 titles".
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("\x1b[31mred\x07\u{202e}"), r"\u{1b}[31mred\u{7}\u{202e}");
        assert_eq!(printable("naïve ✓\nnext"), "naïve ✓\nnext");
        assert_eq!(on_one_line("\x1b✓\nnext"), r"\u{1b}✓\u{a}next");
    }

    #[test]
    fn a_long_line_is_wrapped_and_indented() {
        assert_eq!(wrap("  one two three", 11), "  one two\n    three\n");
        assert_eq!(wrap("short", 11), "short\n");
        assert_eq!(wrap("", 11), "\n");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| count(n, "turn")), ["0 turns", "1 turn", "2 turns"]);
    }
}
