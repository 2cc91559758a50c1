//! The tasks while they run: a line of counts above a grid with the state of each task, drawn ten times a second.
//! Where the output is not a terminal, a line for each change, if asked for.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use console::{Style, Term, style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::say;
use crate::timeline::{Outcome, Phase};

/// How the display calls a task that holds a permit, and several of them.
#[derive(Clone, Copy)]
pub struct Words {
    pub one: &'static str,
    pub many: &'static str,
    /// Whether to print each change where the output is not a terminal.
    pub log: bool,
}

pub struct Live {
    /// It locks itself, then the tasks, to draw them. So no code may call it while it holds the tasks.
    bar: ProgressBar,
    tasks: Arc<Mutex<Vec<Task>>>,
    words: Words,
    prints_log: bool,
}

struct Task {
    name: String,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    In(Phase),
    Ended(Outcome),
}

impl Live {
    pub fn new(words: Words) -> Self {
        Self::draw_to(ProgressDrawTarget::stdout(), Duration::from_millis(100), words)
    }

    fn draw_to(target: ProgressDrawTarget, interval: Duration, words: Words) -> Self {
        let tasks: Arc<Mutex<Vec<Task>>> = Arc::default();
        let shown = tasks.clone();
        // Evaluated at each tick: what is drawn is the state at that moment.
        let draw = move |_: &ProgressState, out: &mut dyn Write| {
            let (rows, columns) = Term::stdout().size();
            let _ = out.write_str(&frame(&shown.lock().unwrap(), words, rows.into(), columns.into()));
        };
        let template =
            ProgressStyle::with_template("{tasks}").expect("a valid template").with_key("tasks", draw);
        let prints_log = words.log && target.is_hidden();
        let bar = ProgressBar::with_draw_target(None, target).with_style(template);
        bar.enable_steady_tick(interval);
        Self { bar, tasks, words, prints_log }
    }

    pub fn add(&self, name: &str) {
        self.tasks.lock().unwrap().push(Task { name: name.to_owned(), state: State::Idle });
    }

    pub fn idle(&self, task: usize) {
        self.set(task, State::Idle);
    }

    pub fn enter(&self, task: usize, phase: Phase) {
        self.set(task, State::In(phase));
    }

    pub fn end(&self, task: usize, outcome: Outcome) {
        self.set(task, State::Ended(outcome));
    }

    /// Clears the display.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn set(&self, task: usize, state: State) {
        let mut tasks = self.tasks.lock().unwrap();
        tasks[task].state = state;
        let is_logged = matches!(state, State::In(Phase::Holding) | State::Ended(_));
        if self.prints_log && is_logged {
            let word = word(state, self.words);
            say!("  {} {word:<9} | {}", tasks[task].name, counts(&tasks, self.words));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

fn word(state: State, words: Words) -> &'static str {
    match state {
        State::Idle => "",
        State::In(Phase::Waiting) => "waiting",
        State::In(Phase::Holding) => words.one,
        State::Ended(outcome) => outcome.word(),
    }
}

fn mark(state: State) -> char {
    match state {
        State::Idle => ' ',
        State::In(Phase::Waiting) => '·',
        State::In(Phase::Holding) => '█',
        State::Ended(outcome) => outcome.mark(),
    }
}

fn look(state: State) -> Style {
    match state {
        State::Idle | State::In(Phase::Waiting) => Style::new(),
        State::In(Phase::Holding) => Style::new().cyan(),
        State::Ended(Outcome::Done) => Style::new().green(),
        State::Ended(_) => Style::new().red(),
    }
}

fn counts(tasks: &[Task], words: Words) -> String {
    let count = |state| tasks.iter().filter(|task| task.state == state).count();
    let mut counts = format!(
        "{} {}, {} waiting",
        count(State::In(Phase::Holding)),
        words.many,
        count(State::In(Phase::Waiting))
    );
    for outcome in Outcome::ALL {
        match count(State::Ended(outcome)) {
            0 => {}
            n => counts += &format!(", {n} {}", outcome.word()),
        }
    }
    counts
}

/// One frame of the display. The tasks fill as few columns as the height of the terminal allows. If there are too
/// many even so, those at the beginning that have ended are left out first.
fn frame(tasks: &[Task], words: Words, rows: usize, columns: usize) -> String {
    // The last column and the last two rows stay empty: a terminal that wraps or scrolls would garble the display.
    let width = columns.saturating_sub(3).max(1);
    let mut lines: Vec<String> = textwrap::wrap(&counts(tasks, words), width)
        .into_iter()
        .map(|line| format!("  {}", style(line).bold()))
        .collect();
    let height = rows.saturating_sub(lines.len() + 3).max(1);
    let names = tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0);
    let cell = names + 4 + ["timed out", words.one].map(str::len).into_iter().max().unwrap_or(0);
    let across = tasks.len().div_ceil(height).clamp(1, (width / cell).max(1));
    let room = height * across;
    let ended = tasks.iter().take_while(|task| matches!(task.state, State::Ended(_))).count();
    let shown = &tasks[ended.min(tasks.len().saturating_sub(room))..];
    let hidden = shown.len().saturating_sub(room);
    let shown = &shown[..shown.len() - hidden];
    let down = shown.len().div_ceil(across);
    for row in 0..down {
        let mut line = " ".to_owned();
        for task in shown.iter().skip(row).step_by(down.max(1)) {
            let text = format!("{:<names$} {} {}", task.name, mark(task.state), word(task.state, words));
            let text: String = text.chars().take(width).collect();
            let _ =
                write!(line, " {}", look(task.state).apply_to(format!("{text:<0$}", cell.min(width) - 1)));
        }
        lines.push(line.trim_end().to_owned());
    }
    if hidden > 0 {
        lines.push(format!("  … {hidden} more").chars().take(columns).collect());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use console::strip_ansi_codes;
    use indicatif::InMemoryTerm;

    use super::*;

    const WORDS: Words = Words { one: "fetching", many: "in flight", log: false };

    fn tasks(states: impl IntoIterator<Item = State>) -> Vec<Task> {
        let task = |(n, state)| Task { name: format!("post {n:>2}"), state };
        (1..).zip(states).map(task).collect()
    }

    fn plain(tasks: &[Task], rows: usize, columns: usize) -> Vec<String> {
        frame(tasks, WORDS, rows, columns).lines().map(|line| strip_ansi_codes(line).into_owned()).collect()
    }

    #[test]
    fn each_task_has_its_state_below_the_counts() {
        let states = [
            State::Ended(Outcome::Done),
            State::In(Phase::Holding),
            State::In(Phase::Waiting),
            State::Ended(Outcome::TimedOut),
        ];
        let lines = plain(&tasks(states), 24, 80).join("\n");
        let expected = "  1 in flight, 1 waiting, 1 done, 1 timed out\n  post  1 ✓ done\n  post  2 █ fetching\n  \
                        post  3 · waiting\n  post  4 × timed out";
        assert_eq!(lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"), expected);
    }

    #[test]
    fn a_frame_fits_every_terminal() {
        for n in [1, 5, 20, 100, 1000] {
            let tasks = tasks((0..n).map(|n| match n % 3 {
                0 => State::In(Phase::Holding),
                1 => State::Ended(Outcome::TimedOut),
                _ => State::In(Phase::Waiting),
            }));
            for rows in [5, 10, 24, 50] {
                for columns in [20, 39, 40, 60, 80, 120, 300] {
                    let lines = plain(&tasks, rows, columns);
                    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
                    assert!(widest < columns, "{widest} of {columns} columns: {lines:#?}");
                    assert!(lines.len() < rows.max(7), "{} of {rows} rows: {lines:#?}", lines.len());
                }
            }
        }
    }

    #[test]
    fn tasks_may_change_while_they_are_drawn() {
        let terminal = Box::new(InMemoryTerm::new(24, 80));
        let words = Words { log: true, ..WORDS };
        let target = ProgressDrawTarget::term_like_with_hz(terminal, 255);
        let live = Live::draw_to(target, Duration::from_millis(1), words);
        live.add("a task");
        let (done, wait_until_done) = mpsc::channel();
        thread::spawn(move || {
            for phase in [Phase::Waiting, Phase::Holding].repeat(100_000) {
                live.enter(0, phase);
            }
            let _ = done.send(());
        });
        wait_until_done
            .recv_timeout(Duration::from_secs(60))
            .expect("the display and the tasks do not deadlock");
    }

    #[test]
    fn ended_tasks_make_room_first() {
        let states =
            (0..40).map(|n| if n < 34 { State::Ended(Outcome::Done) } else { State::In(Phase::Waiting) });
        let lines = plain(&tasks(states), 12, 24);
        assert!(lines.iter().any(|line| line.contains("post 40")), "{lines:#?}");
    }
}
