//! The tasks while they run: a line each that moves from waiting to fetching to done, under a line of
//! counts. Where the output is no terminal, a plain line for each task that ends.

use std::sync::Mutex;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::timeline::{Doing, Ending};

pub struct Live {
    screen: MultiProgress,
    counts: ProgressBar,
    tasks: Mutex<Vec<Task>>,
}

struct Task {
    name: String,
    line: ProgressBar,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Started,
    At(Doing),
    Ended(Ending),
}

impl Live {
    pub fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let counts = screen.add(ProgressBar::no_length());
        counts.set_style(style("  {msg:.bold}"));
        Self { screen, counts, tasks: Mutex::default() }
    }

    pub fn add(&self, name: &str) {
        let state = State::Started;
        let line = ProgressBar::no_length().with_style(style(words(state).1)).with_prefix(name.to_owned());
        let line = self.screen.add(line);
        self.tasks.lock().unwrap().push(Task { name: name.to_owned(), line, state });
    }

    pub fn turns_to(&self, task: usize, doing: Doing) {
        self.show(task, State::At(doing));
    }

    pub fn ends(&self, task: usize, ending: Ending) {
        self.show(task, State::Ended(ending));
    }

    /// Leaves the screen to whoever prints next.
    pub fn finish(&self) {
        // A terminal that went away takes its picture with it.
        let _ = self.screen.clear();
    }

    fn show(&self, task: usize, state: State) {
        let mut tasks = self.tasks.lock().unwrap();
        tasks[task].state = state;
        let counts = counts(&tasks);
        let Task { name, line, .. } = &tasks[task];
        let (word, look) = words(state);
        if !self.screen.is_hidden() {
            line.set_style(style(look));
            line.set_message(word);
            self.counts.set_message(counts);
        } else if matches!(state, State::Ended(_)) {
            println!("  {name} {word:<9} | {counts}");
        }
    }
}

fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Started => ("", "  {prefix}"),
        State::At(Doing::Waiting) => ("waiting", "  {prefix} {msg:.dim}"),
        State::At(Doing::Holding) => ("fetching", "  {prefix} {msg:.cyan}"),
        State::Ended(Ending::Done) => ("done", "  {prefix} {msg:.green}"),
        State::Ended(ending) => (ending.word(), "  {prefix} {msg:.red}"),
    }
}

fn counts(tasks: &[Task]) -> String {
    let count = |state| tasks.iter().filter(|task| task.state == state).count();
    let mut counts = format!(
        "{} in flight, {} waiting",
        count(State::At(Doing::Holding)),
        count(State::At(Doing::Waiting)),
    );
    for ending in Ending::ALL {
        match count(State::Ended(ending)) {
            0 => {}
            n => counts += &format!(", {n} {}", ending.word()),
        }
    }
    counts
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are all in this file")
}
