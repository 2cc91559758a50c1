//! Timelines as an SVG picture: one panel under another.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::timeline::{Doing, Ending, Row, Timeline, step};

const WIDTH: i32 = 860;
const LEFT: i32 = 130;
const RIGHT: i32 = 30;
const ROW: i32 = 18;
/// What a panel needs besides its rows: the title above, the axis below.
const TITLE: i32 = 34;
const AXIS: i32 = 34;
const LEGEND: i32 = 30;

const INK: RGBColor = RGBColor(40, 44, 52);
const GRID: RGBColor = RGBColor(225, 228, 232);
const WAITING: RGBColor = RGBColor(176, 182, 190);
const HELD: RGBColor = RGBColor(38, 110, 190);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

pub struct Panel {
    pub title: String,
    pub timeline: Timeline,
    /// Where the axis ends.
    until: f64,
}

impl Panel {
    pub fn new(title: impl Into<String>, timeline: Timeline) -> Self {
        Self { title: title.into(), until: timeline.end(), timeline }
    }

    fn column(&self, at: f64) -> i32 {
        LEFT + (at / self.until.max(f64::MIN_POSITIVE) * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }

    fn height(&self) -> i32 {
        TITLE + self.timeline.rows.len() as i32 * ROW + AXIS
    }
}

/// Gives all panels one axis.
pub fn align(panels: &mut [Panel]) {
    let until = panels.iter().map(|panel| panel.until).fold(0.0, f64::max);
    panels.iter_mut().for_each(|panel| panel.until = until);
}

/// Draws the picture, if one was asked for.
pub fn save(file: Option<&Path>, panels: &[Panel]) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    draw(file, panels).map_err(|error| format!("cannot draw {}: {error}", file.display()))
}

fn draw(file: &Path, panels: &[Panel]) -> Drawn {
    let height = panels.iter().map(Panel::height).sum::<i32>() + LEGEND;
    let area = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut rest = area.clone();
    for panel in panels {
        let (above, below) = rest.split_vertically(panel.height());
        draw_panel(&above, panel)?;
        rest = below;
    }
    draw_legend(&rest, panels)?;
    area.present()?;
    Ok(())
}

fn draw_panel(area: &Area, panel: &Panel) -> Drawn {
    let timeline = &panel.timeline;
    text(area, &panel.title, (LEFT, TITLE / 2), 17, HPos::Left)?;
    let bottom = panel.height() - AXIS;
    let mut at = 0.0;
    while at <= panel.until {
        let x = panel.column(at);
        area.draw(&PathElement::new([(x, TITLE), (x, bottom + 4)], GRID))?;
        text(area, &at.to_string(), (x, bottom + 14), 12, HPos::Center)?;
        at += step(panel.until);
    }
    text(area, timeline.unit, (LEFT - 12, bottom + 14), 12, HPos::Right)?;
    for (number, row) in timeline.rows.iter().enumerate() {
        draw_row(area, panel, row, TITLE + number as i32 * ROW)?;
    }
    Ok(())
}

fn draw_row(area: &Area, panel: &Panel, row: &Row, top: i32) -> Drawn {
    let middle = top + ROW / 2;
    text(area, &row.name, (LEFT - 12, middle), 13, HPos::Right)?;
    // Whoever ended waiting shows in its line how.
    let in_vain = row.ending.filter(|_| row.spans.last().is_some_and(|span| span.doing == Doing::Waiting));
    for span in &row.spans {
        let (from, to) = (panel.column(span.from), panel.column(span.to));
        let (half, colour) = match span.doing {
            Doing::Waiting => (1, in_vain.map_or(WAITING, |ending| colour(Some(ending)))),
            Doing::Holding => (ROW / 2 - 3, colour(row.ending)),
        };
        let corners = [(from, middle - half), (to.max(from + 1), middle + half)];
        area.draw(&Rectangle::new(corners, colour.filled()))?;
    }
    Ok(())
}

fn draw_legend(area: &Area, panels: &[Panel]) -> Drawn {
    let rows = || panels.iter().flat_map(|panel| &panel.timeline.rows);
    let ended = |ending| rows().any(|row| row.ending == Some(ending));
    let endings = Ending::ALL.into_iter().filter(|ending| ended(*ending));
    let endings = endings.map(|ending| {
        (colour(Some(ending)), if ending == Ending::Done { "holding" } else { ending.word() })
    });
    let mut x = LEFT;
    for (colour, words) in [(WAITING, "waiting")].into_iter().chain(endings) {
        area.draw(&Rectangle::new([(x, 9), (x + 22, 17)], colour.filled()))?;
        text(area, words, (x + 30, 13), 13, HPos::Left)?;
        x += 150;
    }
    Ok(())
}

fn colour(ending: Option<Ending>) -> RGBColor {
    match ending {
        None | Some(Ending::Done) => HELD,
        Some(Ending::Throttled) => RGBColor(232, 150, 40),
        Some(Ending::TimedOut) => RGBColor(200, 55, 60),
        Some(Ending::Failed) => RGBColor(120, 60, 140),
    }
}

fn text(area: &Area, words: &str, at: (i32, i32), size: i32, side: HPos) -> Drawn {
    let style =
        TextStyle::from(("sans-serif", size).into_font()).color(&INK).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style))?;
    Ok(())
}
