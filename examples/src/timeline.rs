//! Which task waited and which held a permit, and when: one row for each task, drawn in characters.

use std::fmt::Write;

/// A timeline narrower than this would show nothing.
const MIN_COLUMNS: usize = 40;

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Waiting,
    Holding,
}

/// How a task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    Refused,
    TimedOut,
    Failed,
}

#[derive(Clone, Debug)]
pub struct Span {
    pub phase: Phase,
    pub from: f64,
    pub to: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub name: String,
    pub spans: Vec<Span>,
    pub outcome: Option<Outcome>,
}

/// Rows over one axis, which counts in `unit`s.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub unit: &'static str,
    /// What a task does that holds a permit.
    pub holding: &'static str,
    pub rows: Vec<Row>,
    /// Where the axis ends.
    pub until: f64,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Done, Self::Refused, Self::TimedOut, Self::Failed];

    pub fn mark(self) -> char {
        match self {
            Self::Done => '✓',
            Self::Refused => '!',
            Self::TimedOut => '×',
            Self::Failed => '?',
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Failed => "failed",
        }
    }
}

impl Timeline {
    pub fn new(unit: &'static str, holding: &'static str, rows: Vec<Row>) -> Self {
        let ends = rows.iter().flat_map(|row| &row.spans).map(|span| span.to);
        Self { unit, holding, until: ends.fold(0.0, f64::max), rows }
    }

    /// The names of the rows in the order in which they first held a permit.
    pub fn served(&self) -> Vec<&str> {
        let first_hold =
            |row: &Row| row.spans.iter().find(|span| span.phase == Phase::Holding).map(|span| span.from);
        let mut served: Vec<_> =
            self.rows.iter().filter_map(|row| Some((first_hold(row)?, row.name.as_str()))).collect();
        served.sort_by(|a, b| a.0.total_cmp(&b.0));
        served.into_iter().map(|(_, name)| name).collect()
    }

    /// The most permits that were held at one time.
    pub fn peak(&self) -> usize {
        let holds: Vec<_> = self.spans(Phase::Holding).collect();
        let held_at = |at: f64| holds.iter().filter(|hold| hold.from <= at && at < hold.to).count();
        holds.iter().map(|hold| held_at(hold.from)).max().unwrap_or(0)
    }

    pub fn spans(&self, phase: Phase) -> impl Iterator<Item = &Span> {
        self.rows.iter().flat_map(|row| &row.spans).filter(move |span| span.phase == phase)
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        self.rows.iter().filter(|row| row.outcome == Some(outcome)).count()
    }

    /// The timeline in a terminal or file of this width.
    pub fn draw(&self, columns: usize) -> String {
        if columns < MIN_COLUMNS {
            return format!(
                "(No timeline: it needs {MIN_COLUMNS} columns, and there are {columns}.\nWiden the window.)\n"
            );
        }
        let names = self.rows.iter().map(|row| row.name.as_str()).chain([self.unit]);
        let names = names.map(|name| name.chars().count()).max().unwrap_or(0);
        // Two columns before the name, one behind it, and one for the mark at the end.
        let scale = Scale { until: self.until, columns: columns - names - 4 };
        let mut text = String::new();
        let bars: Vec<_> = self.rows.iter().map(|row| bar(row, &scale)).collect();
        for (row, bar) in self.rows.iter().zip(&bars) {
            let _ = writeln!(text, "  {:<names$} {bar}", row.name);
        }
        let _ = writeln!(text, "  {:>names$} {}", self.unit, axis(self, &scale));
        let indent = " ".repeat(names + 3);
        let legend = textwrap::fill(&legend(self, &bars.concat()), columns - indent.len());
        for line in legend.lines() {
            // No-break spaces kept each entry on one line.
            let _ = writeln!(text, "{indent}{}", line.replace('\u{a0}', " "));
        }
        text
    }
}

/// Gives all timelines the longest axis, so that they can be compared.
pub fn align<'a>(timelines: impl IntoIterator<Item = &'a mut Timeline>) {
    let mut timelines: Vec<_> = timelines.into_iter().collect();
    let until = timelines.iter().map(|timeline| timeline.until).fold(0.0, f64::max);
    timelines.iter_mut().for_each(|timeline| timeline.until = until);
}

/// Distance between the numbers on an axis of this length: 1, 2 or 5 times a power of ten, so that at most `most`
/// numbers follow the 0.
pub fn step(length: f64, most: usize) -> f64 {
    let rough = (length / most.max(1) as f64).max(1.0);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|n| n * power);
    step.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * power)
}

/// From times to columns.
struct Scale {
    until: f64,
    columns: usize,
}

impl Scale {
    fn column(&self, at: f64) -> usize {
        (at / self.until.max(f64::MIN_POSITIVE) * self.columns as f64) as usize
    }
}

fn bar(row: &Row, scale: &Scale) -> String {
    let mut bar: Vec<char> = Vec::new();
    for span in &row.spans {
        let (glyph, min) = match span.phase {
            Phase::Waiting => ('·', 0),
            Phase::Holding => ('█', 1),
        };
        let from = scale.column(span.from).max(bar.len());
        bar.resize(from, ' ');
        bar.resize(scale.column(span.to).max(from + min), glyph);
    }
    bar.truncate(scale.columns);
    bar.extend(row.outcome.map(Outcome::mark));
    bar.into_iter().collect()
}

fn axis(timeline: &Timeline, scale: &Scale) -> String {
    let widest = format!("{:.0}", timeline.until).len();
    let step = step(timeline.until, scale.columns / (widest + 4));
    let mut axis = String::new();
    let mut at = 0.0;
    while at <= timeline.until && scale.column(at) + widest <= scale.columns {
        let start = scale.column(at);
        axis = format!("{axis:<start$}{at}");
        at += step;
    }
    axis
}

/// Only what the bars show.
fn legend(timeline: &Timeline, bars: &str) -> String {
    let phases = [('·', "waiting"), ('█', timeline.holding)];
    let outcomes = Outcome::ALL.map(|outcome| (outcome.mark(), outcome.word()));
    let entries = phases.into_iter().chain(outcomes).filter(|(glyph, _)| bars.contains(*glyph));
    let entries: Vec<_> =
        entries.map(|(glyph, word)| format!("{glyph} {word}").replace(' ', "\u{a0}")).collect();
    entries.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_rows() -> Timeline {
        let span = |phase, from, to| Span { phase, from, to };
        let row = |name: &str, spans, outcome| Row { name: name.to_owned(), spans, outcome: Some(outcome) };
        let rows = vec![
            row("a", vec![span(Phase::Holding, 0.0, 1500.0)], Outcome::Done),
            row(
                "b",
                vec![span(Phase::Waiting, 0.0, 1500.0), span(Phase::Holding, 1500.0, 3000.0)],
                Outcome::TimedOut,
            ),
        ];
        Timeline::new("ms", "holding", rows)
    }

    #[test]
    fn a_timeline_shows_which_task_waited_and_which_held() {
        let timeline = two_rows();
        let (half, wait) = ("█".repeat(30), "·".repeat(30));
        let expected = format!(
            "  a  {half}✓\n  b  {wait}{half}×\n  ms 0         500       1000      1500      2000      2500\n     \
             · waiting  █ holding  ✓ done  × timed out\n"
        );
        assert_eq!(timeline.draw(66), expected);
        assert_eq!(timeline.served(), ["a", "b"]);
        assert_eq!(timeline.peak(), 1);
    }

    #[test]
    fn a_timeline_is_never_wider_than_asked() {
        for columns in MIN_COLUMNS..200 {
            let drawn = two_rows().draw(columns);
            let widest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{widest} > {columns}:\n{drawn}");
            assert!(widest >= columns - 1, "{widest} of {columns}:\n{drawn}");
        }
        assert!(two_rows().draw(39).contains("40 columns"));
    }

    #[test]
    fn the_legend_lists_only_what_is_there() {
        let mut timeline = two_rows();
        timeline.rows.pop();
        assert!(timeline.draw(80).ends_with("    █ holding  ✓ done\n"));
    }

    #[test]
    fn aligned_timelines_share_their_axis() {
        let mut short = two_rows();
        short.rows.pop();
        let mut both = [Timeline::new("ms", "holding", short.rows), two_rows()];
        align(&mut both);
        assert!(both[0].draw(79).starts_with(&format!("  a  {}✓\n", "█".repeat(36))));
    }
}
