//! Figures as a table: a row for each case and measure, a column for each peer. The ratio beside a figure is to the
//! baseline, or else to the lowest of the fair peers.

use comfy_table::{CellAlignment, Table};

use super::Figure;
use crate::peers::Kind;

pub fn table(figures: &[Figure]) -> Table {
    let peers = distinct(figures.iter().map(|figure| figure.peer.as_str()));
    let mut table = Table::new();
    table.set_header([""].iter().chain(&peers));
    for row in distinct(figures.iter().map(Figure::row)) {
        let figures: Vec<_> = figures.iter().filter(|figure| figure.row() == row).collect();
        let cells = peers.iter().map(|peer| cell(&figures, peer));
        table.add_row([row].into_iter().chain(cells));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// The different items in the order of their first occurrence.
pub fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    items.for_each(|item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
    });
    seen
}

fn cell(figures: &[&Figure], peer: &str) -> String {
    let Some(figure) = figures.iter().find(|figure| figure.peer == peer) else {
        return String::new();
    };
    match reference(figures) {
        Some(reference) => format!("{} ×{}", figure.amount(), ratio(figure.value / reference)),
        None => figure.amount(),
    }
}

pub fn ratio(ratio: f64) -> String {
    let decimals = if ratio < 100.0 { 2 } else { 0 };
    format!("{ratio:.decimals$}")
}

fn reference(figures: &[&Figure]) -> Option<f64> {
    let min = |kind| {
        let of_kind = figures.iter().filter(|figure| figure.kind == kind);
        of_kind.map(|figure| figure.value).reduce(f64::min)
    };
    min(Kind::Baseline).or_else(|| min(Kind::Fair)).filter(|reference| *reference > 0.0)
}
