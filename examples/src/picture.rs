//! Timelines as an SVG picture: one panel below another.

use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::output::count;
use crate::timeline::{Outcome, Phase, Row, Timeline, step};

/// Wide enough for a projector, with text that can be read from the back of the room.
pub const WIDTH: i32 = 1280;
pub const TITLE_SIZE: i32 = 36;
pub const TEXT_SIZE: i32 = 28;
const LEFT: i32 = 240;
const RIGHT: i32 = 60;
const ROW: i32 = 34;
/// A panel's title is above its rows, its axis below.
const TITLE: i32 = 60;
const AXIS: i32 = 56;
const LEGEND: i32 = 56;

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

    fn x(&self, at: f64) -> i32 {
        let until = self.timeline.until.max(f64::MIN_POSITIVE);
        LEFT + (at / until * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }

    fn height(&self) -> i32 {
        TITLE + self.timeline.rows.len() as i32 * ROW + AXIS
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
    let height = panels.iter().map(Panel::height).sum::<i32>() + LEGEND;
    write_svg(file, height, title, &description, |area| draw(area, panels))
}

/// On a dark page the picture is dark: light and dark change places, and the colors stay what they are.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(0.93) hue-rotate(180deg) } }</style>";

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
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(|error| failed(&error))?;
        draw(&area).map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    let names = format!(
        " role=\"img\" aria-labelledby=\"title description\">\n<title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n{DARK}",
        escape(title),
        escape(description)
    );
    // plotters writes the element `svg` first, without a title.
    let svg = svg.replacen('>', &names, 1);
    fs::write(file, svg).map_err(|error| failed(&error))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn draw(area: &Area<'_>, panels: &[Panel]) -> Drawn {
    let mut rest = area.clone();
    for panel in panels {
        let (above, below) = rest.split_vertically(panel.height());
        draw_panel(&above, panel)?;
        rest = below;
    }
    draw_legend(&rest, panels)
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Drawn {
    let timeline = &panel.timeline;
    text(area, &panel.title, (LEFT, TITLE / 2 + 4), TITLE_SIZE, HPos::Left)?;
    let bottom = panel.height() - AXIS;
    let mut at = 0.0;
    while at <= timeline.until {
        let x = panel.x(at);
        area.draw(&PathElement::new([(x, TITLE), (x, bottom + 6)], GRID))?;
        text(area, &at.to_string(), (x, bottom + 20), TEXT_SIZE, HPos::Center)?;
        at += step(timeline.until, 8);
    }
    text(area, timeline.unit, (LEFT - 16, bottom + 20), TEXT_SIZE, HPos::Right)?;
    for (number, row) in timeline.rows.iter().enumerate() {
        draw_row(area, panel, row, TITLE + number as i32 * ROW)?;
    }
    Ok(())
}

fn draw_row(area: &Area<'_>, panel: &Panel, row: &Row, top: i32) -> Drawn {
    let middle = top + ROW / 2;
    text(area, &row.name, (LEFT - 16, middle), TEXT_SIZE, HPos::Right)?;
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

/// Only what the panels show.
fn draw_legend(area: &Area<'_>, panels: &[Panel]) -> Drawn {
    let has = |phase| panels.iter().any(|panel| panel.timeline.spans(phase).next().is_some());
    let (mut x, y) = (LEFT, LEGEND / 2 - 6);
    let holding = panels.first().map_or("", |panel| panel.timeline.holding);
    for (phase, word, half, color) in
        [(Phase::Waiting, "waiting", 3, WAITING), (Phase::Holding, holding, 9, DONE)]
    {
        if has(phase) {
            area.draw(&Rectangle::new([(x, y - half), (x + 36, y + half)], color.filled()))?;
            text(area, word, (x + 46, y), TEXT_SIZE, HPos::Left)?;
            x += 80 + width_of(word);
        }
    }
    for outcome in Outcome::ALL {
        if panels.iter().any(|panel| panel.timeline.count(outcome) > 0) {
            let color = color(Some(outcome));
            colored_text(area, &outcome.mark().to_string(), (x, y), TEXT_SIZE + 4, HPos::Left, color)?;
            text(area, outcome.word(), (x + 26, y), TEXT_SIZE, HPos::Left)?;
            x += 60 + width_of(outcome.word());
        }
    }
    Ok(())
}

/// About as wide as the text is in most fonts.
pub fn width_of(text: &str) -> i32 {
    text.chars().count() as i32 * TEXT_SIZE / 2
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
