//! Figures as a table: a row a case, a column a contestant, and behind each number how many times the
//! yardstick it is: the limit's number, or else the least of the other fair ones.

use comfy_table::{CellAlignment, Table, presets};

use super::Figure;
use crate::contestants::Kind;

pub fn plain(figures: &[Figure]) -> String {
    table(figures).load_preset(presets::NOTHING).to_string()
}

pub fn markdown(figures: &[Figure]) -> String {
    table(figures).load_preset(presets::ASCII_MARKDOWN).to_string()
}

fn table(figures: &[Figure]) -> Table {
    let contestants = distinct(figures.iter().map(|figure| figure.contestant));
    let mut table = Table::new();
    table.set_header([""].iter().chain(&contestants));
    for case in distinct(figures.iter().map(|figure| figure.case.as_str())) {
        let figures: Vec<_> = figures.iter().filter(|figure| figure.case == case).collect();
        let cells = contestants.iter().map(|contestant| cell(&figures, contestant));
        table.add_row([format!("{case}, {}", figures[0].unit)].into_iter().chain(cells));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

pub fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    names.for_each(|name| {
        if !seen.contains(&name) {
            seen.push(name);
        }
    });
    seen
}

fn cell(figures: &[&Figure], contestant: &str) -> String {
    let Some(figure) = figures.iter().find(|figure| figure.contestant == contestant) else {
        return String::new();
    };
    match yardstick(figures) {
        Some(base) => format!("{} ×{:.2}", number(figure.value), figure.value / base),
        None => number(figure.value),
    }
}

fn yardstick(figures: &[&Figure]) -> Option<f64> {
    let least = |kind| {
        let of_kind = figures.iter().filter(|figure| figure.kind == kind);
        of_kind.map(|figure| figure.value).reduce(f64::min)
    };
    least(Kind::Limit).or_else(|| least(Kind::Fair)).filter(|base| *base > 0.0)
}

pub fn number(value: f64) -> String {
    match value {
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
