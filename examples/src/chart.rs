//! How many requests were sent in each period of the server's quota, and what was answered.

use std::fmt::Write;

use crate::output::count;

#[derive(Clone, Copy, Default)]
struct Period {
    answered: usize,
    refused: usize,
}

impl Period {
    fn sent(self) -> usize {
        self.answered + self.refused
    }
}

/// The requests of one run.
pub struct Chart {
    title: String,
    quota: usize,
    /// The length of the quota's period.
    seconds: u32,
    periods: Vec<Period>,
}

impl Chart {
    pub fn new(title: impl Into<String>, quota: usize, seconds: u32) -> Self {
        Self { title: title.into(), quota, seconds, periods: Vec::new() }
    }

    /// Adds a request that was sent at this time.
    pub fn add(&mut self, seconds: f64, refused: bool) {
        let period = (seconds / f64::from(self.seconds)) as usize;
        if self.periods.len() <= period {
            self.periods.resize(period + 1, Period::default());
        }
        match refused {
            true => self.periods[period].refused += 1,
            false => self.periods[period].answered += 1,
        }
    }

    pub fn answered(&self) -> usize {
        self.periods.iter().map(|period| period.answered).sum()
    }

    pub fn refused(&self) -> usize {
        self.periods.iter().map(|period| period.refused).sum()
    }

    /// The most requests that were sent in one period.
    pub fn busiest(&self) -> usize {
        self.periods.iter().map(|period| period.sent()).max().unwrap_or(0)
    }

    fn highest(&self) -> usize {
        self.busiest().max(self.quota)
    }

    /// "second 1", or "seconds 1-5".
    fn label(&self, period: usize) -> String {
        let (first, last) = (period as u32 * self.seconds + 1, (period as u32 + 1) * self.seconds);
        if first == last { format!("second {first}") } else { format!("seconds {first}-{last}") }
    }

    fn labels(&self) -> Vec<String> {
        (0..self.periods.len()).map(|period| self.label(period)).collect()
    }

    /// The bars, on a scale of `each` requests to a sign.
    fn draw(&self, widest: usize, each: usize) -> String {
        let mut text = String::new();
        for (label, period) in self.labels().iter().zip(&self.periods) {
            let answered = "█".repeat(period.answered.div_ceil(each));
            let refused = "!".repeat(period.refused / each);
            let mut bar: Vec<char> = (answered + &refused).chars().collect();
            let quota = self.quota / each;
            bar.resize(bar.len().max(quota), ' ');
            bar.insert(quota, '|');
            let bar: String = bar.into_iter().collect();
            let _ = writeln!(text, "  {label:<widest$} {bar} {}", period.sent());
        }
        text
    }
}

/// The charts in a terminal or file of this width, all on one scale, and a legend.
pub fn draw_all(charts: &[Chart], columns: usize) -> String {
    let widest = charts.iter().flat_map(Chart::labels).map(|label| label.len()).max().unwrap_or(0);
    // Two columns before the label, one behind it, one for the quota's line, and four for the total.
    let room = columns.saturating_sub(widest + 9).max(1);
    let each = charts.iter().map(Chart::highest).max().unwrap_or(1).div_ceil(room);
    let mut text = String::new();
    for chart in charts {
        for line in textwrap::wrap(&chart.title, columns.saturating_sub(2).max(10)) {
            let _ = writeln!(text, "  {line}");
        }
        text += &chart.draw(widest, each);
    }
    let mut legend = vec!["█ answered"];
    if charts.iter().any(|chart| chart.refused() > 0) {
        legend.push("! refused");
    }
    legend.push("| quota");
    let scale = if each > 1 { format!("; each sign is {}", count(each, "request")) } else { String::new() };
    let indent = " ".repeat(widest + 3);
    let legend = legend.join("  ") + &scale;
    for line in textwrap::wrap(&legend, columns.saturating_sub(indent.len()).max(10)) {
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let mut chart = Chart::new("a chart", 30, 1);
        (0..60).for_each(|n| chart.add(0.5, n >= 30));
        (0..20).for_each(|_| chart.add(1.5, false));
        chart
    }

    #[test]
    fn a_chart_shows_the_quota_and_the_rest() {
        let blocks = |n| "█".repeat(n);
        let expected = format!(
            "  a chart\n  second 1 {}|{} 60\n  second 2 {}          | 20\n           █ answered  ! refused  | quota\n",
            blocks(30),
            "!".repeat(30),
            blocks(20)
        );
        assert_eq!(draw_all(&[chart()], 80), expected);
    }

    #[test]
    fn a_chart_is_never_wider_than_asked() {
        for columns in 40..200 {
            let drawn = draw_all(&[chart()], columns);
            let widest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{widest} > {columns}:\n{drawn}");
        }
    }

    #[test]
    fn longer_periods_have_their_seconds_in_the_label() {
        let mut chart = Chart::new("slow", 30, 5);
        chart.add(7.0, true);
        let drawn = draw_all(&[chart], 60);
        assert!(drawn.contains("seconds 6-10"), "{drawn}");
    }

    #[test]
    fn charts_are_drawn_on_one_scale() {
        let mut small = Chart::new("small", 30, 1);
        (0..20).for_each(|_| small.add(0.5, false));
        let mut large = Chart::new("large", 30, 1);
        (0..100).for_each(|_| large.add(0.5, false));
        let drawn = draw_all(&[small, large], 60);
        let bars: Vec<_> = drawn.lines().map(|line| line.matches('█').count()).collect();
        assert_eq!((bars[1], bars[3]), (7, 34), "{drawn}");
        assert!(drawn.contains("each sign is 3 requests"), "{drawn}");
    }
}
