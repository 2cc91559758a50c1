//! How many requests were sent in each period of the server's quota, and what was answered.

use std::fmt::Write;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::output::count;
use crate::picture::{self, Area, DONE, Drawn, Entry, MARGIN, REFUSED, Sign, TEXT_SIZE, WIDTH};

const LEFT: i32 = 70;
const PLOT: i32 = 210;
const AXIS: i32 = 60;

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

    fn description(&self) -> String {
        format!("{}: {} answered, {} refused.", self.title, self.answered(), self.refused())
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

/// Draws one chart below another, all on the same axes, into the file, if there is one.
pub fn save(file: Option<&Path>, title: &str, charts: &[Chart]) -> Result<(), String> {
    let legend = legend(charts);
    let height = charts.iter().map(height_of).sum::<i32>() + picture::legend_height(&legend);
    let descriptions: Vec<_> = charts.iter().map(Chart::description).collect();
    let description = format!(
        "A bar for each period of the quota, as high as the number of requests sent in it. A line marks the quota. {}",
        descriptions.join(" ")
    );
    picture::write_svg(file, height, title, &description, |area| draw(area, charts, &legend))
}

fn height_of(chart: &Chart) -> i32 {
    picture::title_height(&chart.title) + PLOT + AXIS
}

fn draw(area: &Area<'_>, charts: &[Chart], legend: &[Entry]) -> Drawn {
    let periods = charts.iter().map(|chart| chart.periods.len()).max().unwrap_or(0).max(1);
    let highest = charts.iter().map(Chart::highest).max().unwrap_or(0).max(1);
    let mut rest = area.clone();
    for chart in charts {
        let (above, below) = rest.split_vertically(height_of(chart));
        draw_chart(&above, chart, periods, highest)?;
        rest = below;
    }
    picture::draw_legend(&rest, legend)
}

fn draw_chart(area: &Area<'_>, chart: &Chart, periods: usize, highest: usize) -> Drawn {
    let width = (WIDTH - LEFT - MARGIN) / periods as i32;
    let title = picture::title_height(&chart.title);
    let y = |requests: usize| title + PLOT - (requests as f64 / highest as f64 * f64::from(PLOT)) as i32;
    picture::draw_title(area, &chart.title)?;
    for period in 0..periods {
        let center = LEFT + width * period as i32 + width / 2;
        picture::text(area, &chart.label(period), (center, title + PLOT + 20), TEXT_SIZE, HPos::Center)?;
    }
    for (number, period) in chart.periods.iter().enumerate() {
        let (from, to) = (LEFT + width * number as i32 + 20, LEFT + width * (number as i32 + 1) - 20);
        for (low, high, color, mark) in
            [(0, period.answered, DONE, '✓'), (period.answered, period.sent(), REFUSED, '!')]
        {
            if low == high {
                continue;
            }
            area.draw(&Rectangle::new([(from, y(high)), (to, y(low))], color.filled()))?;
            let (label, center) = (format!("{} {mark}", high - low), (from + to) / 2);
            if y(low) - y(high) >= TEXT_SIZE {
                let at = (center, (y(low) + y(high)) / 2);
                picture::colored_text(area, &label, at, TEXT_SIZE, HPos::Center, WHITE)?;
            } else if high == period.sent() {
                picture::text(area, &label, (center, y(high) - TEXT_SIZE / 2), TEXT_SIZE, HPos::Center)?;
            }
        }
    }
    let quota = y(chart.quota);
    area.draw(&PathElement::new([(LEFT, quota), (WIDTH - MARGIN, quota)], picture::TEXT.stroke_width(3)))?;
    picture::text(area, &chart.quota.to_string(), (LEFT - 12, quota), TEXT_SIZE, HPos::Right)?;
    area.draw(&PathElement::new([(LEFT, y(0)), (WIDTH - MARGIN, y(0))], picture::TEXT))?;
    picture::text(area, "0", (LEFT - 12, y(0)), TEXT_SIZE, HPos::Right)
}

fn legend(charts: &[Chart]) -> Vec<Entry> {
    let refused = charts.iter().any(|chart| chart.refused() > 0);
    let refused = refused.then_some(Entry { sign: Sign::Bar(REFUSED, 9), word: "! refused" });
    let answered = Entry { sign: Sign::Bar(DONE, 9), word: "✓ answered" };
    let quota = Entry { sign: Sign::Bar(picture::TEXT, 1), word: "the server's quota" };
    [answered].into_iter().chain(refused).chain([quota]).collect()
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
