//! Timelines as an SVG picture: one panel below another.

use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::output::count;
use crate::timeline::{Outcome, Phase, Row, Timeline, step};

/// So narrow that the text can be read on a phone, and from the back of a room.
pub const WIDTH: i32 = 760;
pub const MARGIN: i32 = 16;
pub const TEXT_SIZE: i32 = 28;
const TITLE_SIZE: i32 = 32;
const RIGHT: i32 = 44;
const ROW: i32 = 34;
const LINE: i32 = 40;
/// Below the rows of a panel.
const AXIS: i32 = 56;

// Each color has a contrast of at least 4.5 to 1 on white. None of them says anything alone: the bars of waiting are
// thinner, and each outcome has its mark.
pub const TEXT: RGBColor = RGBColor(30, 34, 42);
const GRID: RGBColor = RGBColor(222, 226, 231);
const WAITING: RGBColor = RGBColor(100, 108, 120);
pub const DONE: RGBColor = RGBColor(28, 100, 180);
pub const REFUSED: RGBColor = RGBColor(168, 82, 0);
const TIMED_OUT: RGBColor = RGBColor(192, 40, 50);
const FAILED: RGBColor = RGBColor(120, 60, 140);

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn = Result<(), Box<dyn Error>>;

pub struct Panel {
    pub title: String,
    pub timeline: Timeline,
}

impl Panel {
    pub fn new(title: impl Into<String>, timeline: Timeline) -> Self {
        Self { title: title.into(), timeline }
    }

    /// Where the rows begin: behind the longest name.
    fn left(&self) -> i32 {
        let names = self.timeline.rows.iter().map(|row| row.name.as_str()).chain([self.timeline.unit]);
        MARGIN + names.map(width_of).max().unwrap_or(0) + 12
    }

    fn x(&self, at: f64) -> i32 {
        let until = self.timeline.until.max(f64::MIN_POSITIVE);
        self.left() + (at / until * f64::from(WIDTH - self.left() - RIGHT)) as i32
    }

    fn height(&self) -> i32 {
        title_height(&self.title) + self.timeline.rows.len() as i32 * ROW + AXIS
    }

    /// The panel in a sentence.
    fn description(&self) -> String {
        let rows = count(self.timeline.rows.len(), "row");
        let outcomes = Outcome::ALL.into_iter().filter(|outcome| self.timeline.count(*outcome) > 0);
        let outcomes: Vec<_> = outcomes
            .map(|outcome| format!("{} {}", self.timeline.count(outcome), outcome.word()))
            .collect();
        format!(
            "{}: {rows}, at most {} {} at once; {}.",
            self.title,
            self.timeline.peak(),
            self.timeline.holding,
            outcomes.join(", ")
        )
    }
}

/// Draws the panels into the file, if there is one.
pub fn save(file: Option<&Path>, title: &str, panels: &[Panel]) -> Result<(), String> {
    let descriptions: Vec<_> = panels.iter().map(Panel::description).collect();
    let description = format!(
        "A row for each task. Thin bars: waiting. Thick bars: {}. {}",
        panels.first().map_or("", |panel| panel.timeline.holding),
        descriptions.join(" ")
    );
    let legend = legend(panels);
    let height = panels.iter().map(Panel::height).sum::<i32>() + legend_height(&legend);
    write_svg(file, height, title, &description, |area| draw(area, panels, &legend))
}

/// On a dark page the picture is dark: light and dark change places, and the colors stay what they are.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(0.93) hue-rotate(180deg) } }</style>";

/// Where to read on. Browsers follow the link if the picture is a separate page.
const LINK: &str = "https://docs.rs/fairgate/latest/fairgate/";

/// Writes an SVG file with a title and a description for screen readers.
pub fn write_svg(
    file: Option<&Path>,
    height: i32,
    title: &str,
    description: &str,
    draw: impl Fn(&Area<'_>) -> Drawn,
) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    let failed = |error: &dyn std::fmt::Display| format!("cannot draw {}: {error}", file.display());
    let mut svg = String::new();
    {
        let size = (WIDTH as u32, (height + LINE) as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(|error| failed(&error))?;
        draw(&area).map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    let names = format!(
        " role=\"img\" aria-labelledby=\"title description\">\n<title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n{DARK}",
        escape(title),
        escape(description)
    );
    // plotters writes the element `svg` first, without a title, and knows no links.
    let link = format!(
        "<a href=\"{LINK}\"><text x=\"{MARGIN}\" y=\"{}\" text-anchor=\"start\" font-family=\"sans-serif\" font-size=\"22\" fill=\"#1C64B4\">Read on: the documentation</text></a>\n</svg>",
        height + LINE / 2
    );
    let svg = svg.replacen('>', &names, 1).replace("</svg>", &link);
    fs::write(file, svg).map_err(|error| failed(&error))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn draw(area: &Area<'_>, panels: &[Panel], legend: &[Entry]) -> Drawn {
    let mut rest = area.clone();
    for panel in panels {
        let (above, below) = rest.split_vertically(panel.height());
        draw_panel(&above, panel)?;
        rest = below;
    }
    draw_legend(&rest, legend)
}

/// A title goes on below if it is too long.
fn title_lines(title: &str) -> Vec<String> {
    let columns = (WIDTH - 2 * MARGIN) * 12 / (5 * TITLE_SIZE);
    textwrap::wrap(title, columns as usize).into_iter().map(|line| line.into_owned()).collect()
}

pub fn title_height(title: &str) -> i32 {
    title_lines(title).len() as i32 * LINE + 20
}

pub fn draw_title(area: &Area<'_>, title: &str) -> Drawn {
    for (number, line) in title_lines(title).iter().enumerate() {
        text(area, line, (MARGIN, (number as i32 + 1) * LINE - 8), TITLE_SIZE, HPos::Left)?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Drawn {
    let timeline = &panel.timeline;
    draw_title(area, &panel.title)?;
    let top = title_height(&panel.title);
    let bottom = panel.height() - AXIS;
    let mut at = 0.0;
    while at <= timeline.until {
        let x = panel.x(at);
        area.draw(&PathElement::new([(x, top), (x, bottom + 6)], GRID))?;
        text(area, &at.to_string(), (x, bottom + 20), TEXT_SIZE, HPos::Center)?;
        at += step(timeline.until, 5);
    }
    text(area, timeline.unit, (panel.left() - 12, bottom + 20), TEXT_SIZE, HPos::Right)?;
    for (number, row) in timeline.rows.iter().enumerate() {
        draw_row(area, panel, row, top + number as i32 * ROW)?;
    }
    Ok(())
}

fn draw_row(area: &Area<'_>, panel: &Panel, row: &Row, top: i32) -> Drawn {
    let middle = top + ROW / 2;
    text(area, &row.name, (panel.left() - 12, middle), TEXT_SIZE, HPos::Right)?;
    for span in &row.spans {
        let (from, to) = (panel.x(span.from), panel.x(span.to));
        let (half, color) = match span.phase {
            Phase::Waiting => (3, WAITING),
            Phase::Holding => (ROW / 2 - 4, color(row.outcome)),
        };
        area.draw(&Rectangle::new(
            [(from, middle - half), (to.max(from + 1), middle + half)],
            color.filled(),
        ))?;
    }
    if let (Some(outcome), Some(span)) = (row.outcome, row.spans.last()) {
        let at = (panel.x(span.to) + 8, middle);
        colored_text(area, &outcome.mark().to_string(), at, TEXT_SIZE, HPos::Left, color(row.outcome))?;
    }
    Ok(())
}

/// What a sign in a picture means.
pub struct Entry {
    pub sign: Sign,
    pub word: &'static str,
}

#[derive(Clone, Copy)]
pub enum Sign {
    /// A bar, and half its height.
    Bar(RGBColor, i32),
    Mark(char, RGBColor),
}

/// Only what the panels show.
fn legend(panels: &[Panel]) -> Vec<Entry> {
    let holding = panels.first().map_or("", |panel| panel.timeline.holding);
    let has = |phase| panels.iter().any(|panel| panel.timeline.spans(phase).next().is_some());
    let phases = [(Phase::Waiting, "waiting", 3, WAITING), (Phase::Holding, holding, 9, DONE)];
    let phases = phases.into_iter().filter(|(phase, ..)| has(*phase));
    let phases = phases.map(|(_, word, half, color)| Entry { sign: Sign::Bar(color, half), word });
    let ended = |outcome: &Outcome| panels.iter().any(|panel| panel.timeline.count(*outcome) > 0);
    let ends = Outcome::ALL.into_iter().filter(ended).map(|outcome| Entry {
        sign: Sign::Mark(outcome.mark(), color(Some(outcome))),
        word: outcome.word(),
    });
    phases.chain(ends).collect()
}

impl Entry {
    /// From its sign to its word.
    fn indent(&self) -> i32 {
        match self.sign {
            Sign::Bar(..) => 46,
            Sign::Mark(..) => 26,
        }
    }
}

/// Where the entries are: as many in a line as it holds.
fn places(entries: &[Entry]) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (MARGIN, LINE / 2);
    let mut places = Vec::new();
    for entry in entries {
        let width = entry.indent() + width_of(entry.word);
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        places.push((x, y));
        x += width + 30;
    }
    places
}

pub fn legend_height(entries: &[Entry]) -> i32 {
    places(entries).last().map_or(0, |(_, y)| y + LINE / 2 + 8)
}

pub fn draw_legend(area: &Area<'_>, entries: &[Entry]) -> Drawn {
    for (entry, (x, y)) in entries.iter().zip(places(entries)) {
        match entry.sign {
            Sign::Bar(color, half) => {
                area.draw(&Rectangle::new([(x, y - half), (x + 36, y + half)], color.filled()))?;
            }
            Sign::Mark(mark, color) => {
                colored_text(area, &mark.to_string(), (x, y), TEXT_SIZE + 4, HPos::Left, color)?;
            }
        }
        text(area, entry.word, (x + entry.indent(), y), TEXT_SIZE, HPos::Left)?;
    }
    Ok(())
}

/// About as wide as the text is in most fonts.
pub fn width_of(text: &str) -> i32 {
    text.chars().count() as i32 * TEXT_SIZE * 3 / 7
}

fn color(outcome: Option<Outcome>) -> RGBColor {
    match outcome {
        None | Some(Outcome::Done) => DONE,
        Some(Outcome::Refused) => REFUSED,
        Some(Outcome::TimedOut) => TIMED_OUT,
        Some(Outcome::Failed) => FAILED,
    }
}

pub fn text(area: &Area<'_>, words: &str, at: (i32, i32), size: i32, side: HPos) -> Drawn {
    colored_text(area, words, at, size, side, TEXT)
}

pub fn colored_text(
    area: &Area<'_>,
    words: &str,
    at: (i32, i32),
    size: i32,
    side: HPos,
    color: RGBColor,
) -> Drawn {
    let style =
        TextStyle::from(("sans-serif", size).into_font()).color(&color).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of a color on white, as WCAG defines it.
    fn contrast(color: RGBColor) -> f64 {
        let linear = |part: u8| match f64::from(part) / 255.0 {
            part if part <= 0.04045 => part / 12.92,
            part => ((part + 0.055) / 1.055).powf(2.4),
        };
        let luminance = 0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2);
        1.05 / (luminance + 0.05)
    }

    #[test]
    fn every_color_can_be_told_from_the_background() {
        for color in [TEXT, WAITING, DONE, REFUSED, TIMED_OUT, FAILED] {
            assert!(contrast(color) >= 4.5, "{color:?}: {:.2}", contrast(color));
        }
    }
}
