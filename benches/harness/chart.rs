//! Figures as a picture: a panel for each case and measure, a bar for each peer, a colour for each kind.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Figure;
use super::table::distinct;
use crate::peers::Kind;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

const COLUMN: i32 = 480;
const COLUMNS: usize = 2;
const NAME: i32 = 130;
const BAR: i32 = 250;
const ROW: i32 = 20;
const HEADING: i32 = 34;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 44, 52);

const fn colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::Fairgate => RGBColor(0, 110, 180),
        Kind::Baseline => RGBColor(60, 60, 60),
        Kind::Fair => RGBColor(150, 170, 190),
        Kind::Barging => RGBColor(225, 150, 80),
        Kind::Blocking => RGBColor(200, 200, 200),
    }
}

pub fn svg(title: &str, figures: &[Figure]) -> String {
    let panels: Vec<_> = distinct(figures.iter().map(Figure::row))
        .into_iter()
        .map(|row| figures.iter().filter(|figure| figure.row() == row).collect::<Vec<_>>())
        .collect();
    let heights = panels.chunks(COLUMNS).map(height);
    let size =
        ((panels.len().min(COLUMNS) as i32 * COLUMN) as u32, (2 * HEADING + heights.sum::<i32>()) as u32);
    let mut text = String::new();
    draw(SVGBackend::with_string(&mut text, size), title, &panels).expect("text can be drawn to");
    text
}

/// The height of panels side by side.
fn height(panels: &[Vec<&Figure>]) -> i32 {
    let bars = panels.iter().map(Vec::len).max().unwrap_or(0);
    HEADING + bars as i32 * ROW + 16
}

fn draw<'a>(backend: SVGBackend<'a>, title: &str, panels: &[Vec<&Figure>]) -> Drawn<'a> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    write(&area, title, (12, HEADING / 2), 18, HPos::Left)?;
    legend(&area, panels, HEADING)?;
    let mut top = 2 * HEADING;
    for row in panels.chunks(COLUMNS) {
        for (i, panel) in row.iter().enumerate() {
            draw_panel(&area, panel, (i as i32 * COLUMN, top))?;
        }
        top += height(row);
    }
    area.present()
}

fn legend<'a>(area: &Area<'a>, panels: &[Vec<&Figure>], y: i32) -> Drawn<'a> {
    let kinds = [
        (Kind::Fairgate, "fairgate"),
        (Kind::Baseline, "CAS pair"),
        (Kind::Fair, "FIFO"),
        (Kind::Barging, "barging"),
        (Kind::Blocking, "barging, blocks the thread"),
    ];
    let mut x = 12;
    for (kind, label) in kinds {
        if panels.iter().flatten().any(|figure| figure.kind == kind) {
            area.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], colour(kind).filled()))?;
            write(area, label, (x + 18, y + 6), 12, HPos::Left)?;
            x += 40 + 7 * label.len() as i32;
        }
    }
    Ok(())
}

fn draw_panel<'a>(area: &Area<'a>, panel: &[&Figure], (left, top): (i32, i32)) -> Drawn<'a> {
    let longest = panel.iter().map(|figure| figure.value).fold(f64::MIN_POSITIVE, f64::max);
    write(area, &panel[0].row(), (left + 12, top + HEADING / 2), 14, HPos::Left)?;
    for (i, figure) in panel.iter().enumerate() {
        let y = top + HEADING + i as i32 * ROW;
        let start = left + NAME;
        let end = start + (figure.value / longest * f64::from(BAR)) as i32;
        let bar = [(start, y + 3), (end.max(start + 1), y + ROW - 3)];
        write(area, &figure.peer, (start - 6, y + ROW / 2), 12, HPos::Right)?;
        area.draw(&Rectangle::new(bar, colour(figure.kind).filled()))?;
        write(area, &figure.amount(), (end + 6, y + ROW / 2), 12, HPos::Left)?;
    }
    Ok(())
}

fn write<'a>(area: &Area<'a>, text: &str, at: (i32, i32), size: i32, side: HPos) -> Drawn<'a> {
    let style = (FONT, size).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text.to_string(), at, style))
}
