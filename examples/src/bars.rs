//! Requests over time: how many were answered and how many refused in each half second.

use std::error::Error;
use std::fmt;
use std::path::Path;

use plotters::coord::types::RangedCoordusize;
use plotters::prelude::*;

/// A bar counts the requests of this many milliseconds.
const BIN: usize = 500;

const ANSWERED: RGBColor = RGBColor(38, 110, 190);
const REFUSED: RGBColor = RGBColor(232, 150, 40);

type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordusize, RangedCoordusize>>;

/// From where to where a part of a bar reaches.
type Part = fn(&Bar) -> (usize, usize);

#[derive(Clone, Copy, Default)]
struct Bar {
    answered: usize,
    refused: usize,
}

pub struct Bars {
    title: String,
    bars: Vec<Bar>,
}

impl Bars {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), bars: Vec::new() }
    }

    pub fn count(&mut self, at_ms: usize, refused: bool) {
        let bin = at_ms / BIN;
        if self.bars.len() <= bin {
            self.bars.resize(bin + 1, Bar::default());
        }
        match refused {
            true => self.bars[bin].refused += 1,
            false => self.bars[bin].answered += 1,
        }
    }

    fn highest(&self) -> usize {
        self.bars.iter().map(|bar| bar.answered + bar.refused).max().unwrap_or(0)
    }
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bin, Bar { answered, refused }) in self.bars.iter().enumerate() {
            let (blocks, bangs) = ("█".repeat(*answered), "!".repeat(*refused));
            writeln!(f, "  {:>4} ms {blocks}{bangs} {}", bin * BIN, answered + refused)?;
        }
        writeln!(f, "          █ a request answered  ! a request refused")
    }
}

/// Draws one chart under another, on the same axes, if a picture was asked for.
pub fn save(file: Option<&Path>, charts: &[Bars]) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    draw(file, charts).map_err(|error| format!("cannot draw {}: {error}", file.display()))
}

fn draw(file: &Path, charts: &[Bars]) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, (860, 260 * charts.len() as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let bins = charts.iter().map(|chart| chart.bars.len()).max().unwrap_or(0);
    let highest = charts.iter().map(Bars::highest).max().unwrap_or(0);
    for (area, chart) in area.split_evenly((charts.len(), 1)).iter().zip(charts) {
        let mut axes = ChartBuilder::on(area)
            .caption(&chart.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(46)
            .build_cartesian_2d(0..bins * BIN, 0..highest + 4)?;
        axes.configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("ms")
            .y_desc(format!("requests in {BIN} ms"))
            .draw()?;
        draw_series(&mut axes, &chart.bars)?;
    }
    area.present()?;
    Ok(())
}

fn draw_series<'a, 'b: 'a>(axes: &mut Axes<'a, 'b>, bars: &[Bar]) -> Result<(), Box<dyn Error>> {
    let answered: Part = |bar| (0, bar.answered);
    let refused: Part = |bar| (bar.answered, bar.answered + bar.refused);
    for (name, colour, part) in [("answered", ANSWERED, answered), ("refused", REFUSED, refused)] {
        let boxes = bars.iter().enumerate().map(|(bin, bar)| {
            let (low, high) = part(bar);
            Rectangle::new(
                [(bin * BIN + BIN / 20, low), ((bin + 1) * BIN - BIN / 20, high)],
                colour.filled(),
            )
        });
        axes.draw_series(boxes)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
    }
    axes.configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(TRANSPARENT)
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(())
}
