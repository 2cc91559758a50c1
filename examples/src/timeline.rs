//! Who waited when, who held a permit when: a row a task, drawn for the terminal.

use std::fmt;

const WIDTH: usize = 78;

/// What a task is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    Waiting,
    Holding,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Done,
    Throttled,
    TimedOut,
    Failed,
}

#[derive(Clone, Debug)]
pub struct Span {
    pub doing: Doing,
    pub from: f64,
    pub to: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub name: String,
    pub spans: Vec<Span>,
    pub ending: Option<Ending>,
}

/// Rows over one axis, which counts in `unit`s.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub unit: &'static str,
    pub rows: Vec<Row>,
}

impl Ending {
    pub const ALL: [Self; 4] = [Self::Done, Self::Throttled, Self::TimedOut, Self::Failed];

    pub fn mark(self) -> char {
        match self {
            Self::Done => '✓',
            Self::Throttled => '!',
            Self::TimedOut => '×',
            Self::Failed => '?',
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Throttled => "throttled",
            Self::TimedOut => "timed out",
            Self::Failed => "failed",
        }
    }
}

impl Timeline {
    pub fn end(&self) -> f64 {
        let spans = self.rows.iter().flat_map(|row| &row.spans);
        spans.map(|span| span.to).fold(0.0, f64::max)
    }

    /// The rows in the order in which they first held.
    pub fn served(&self) -> Vec<&str> {
        let first =
            |row: &Row| row.spans.iter().find(|span| span.doing == Doing::Holding).map(|span| span.from);
        let mut held: Vec<_> =
            self.rows.iter().filter_map(|row| Some((first(row)?, row.name.as_str()))).collect();
        held.sort_by(|a, b| a.0.total_cmp(&b.0));
        held.into_iter().map(|(_, name)| name).collect()
    }

    /// The most that held at once.
    pub fn most_at_once(&self) -> usize {
        let holds: Vec<_> = self.holds().collect();
        let holding_at = |at: f64| holds.iter().filter(|hold| hold.from <= at && at < hold.to).count();
        holds.iter().map(|hold| holding_at(hold.from)).max().unwrap_or(0)
    }

    fn holds(&self) -> impl Iterator<Item = &Span> {
        let spans = self.rows.iter().flat_map(|row| &row.spans);
        spans.filter(|span| span.doing == Doing::Holding)
    }
}

/// Distances between the numbers on an axis of this length: 1, 2 or 5 and noughts, at most nine.
pub fn step(length: f64) -> f64 {
    let rough = (length / 8.0).max(1.0);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|n| n * power);
    step.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * power)
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let columns = (WIDTH - names - 3) as f64;
        let column = |at: f64| (at / self.end().max(f64::MIN_POSITIVE) * columns) as usize;
        for row in &self.rows {
            writeln!(f, "  {:<names$} {}", row.name, bar(row, column))?;
        }
        writeln!(f, "  {:names$} {}", "", axis(self, column))?;
        writeln!(f, "  {:names$} {}", "", legend(self))
    }
}

fn bar(row: &Row, column: impl Fn(f64) -> usize) -> String {
    let mut bar: Vec<char> = Vec::new();
    for span in &row.spans {
        let (glyph, shortest) = match span.doing {
            Doing::Waiting => ('·', 0),
            Doing::Holding => ('█', 1),
        };
        let from = column(span.from).max(bar.len());
        bar.resize(from, ' ');
        bar.resize(column(span.to).max(from + shortest), glyph);
    }
    bar.extend(row.ending.map(Ending::mark));
    bar.into_iter().collect()
}

fn axis(timeline: &Timeline, column: impl Fn(f64) -> usize) -> String {
    let mut axis = String::new();
    let mut at = 0.0;
    while at <= timeline.end() {
        let number = format!("{at}");
        let start = column(at).max(axis.len());
        axis = format!("{axis:<start$}{number} ");
        at += step(timeline.end());
    }
    axis + timeline.unit
}

fn legend(timeline: &Timeline) -> String {
    let mut legend = "· waiting  █ holding".to_owned();
    for ending in Ending::ALL {
        if timeline.rows.iter().any(|row| row.ending == Some(ending)) {
            legend += &format!("  {} {}", ending.mark(), ending.word());
        }
    }
    legend
}
