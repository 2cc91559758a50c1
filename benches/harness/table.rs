//! Figures as a table: a row a contestant, a column a case, and behind each number how many times the
//! yardstick it is: the limit's number, or else the best of the other fair ones.

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
    let cases = distinct(figures.iter().map(|figure| figure.case.as_str()));
    let contestants = distinct(figures.iter().map(|figure| figure.contestant));
    let mut table = Table::new();
    table.set_header([String::new()].into_iter().chain(cases.iter().map(|case| heading(figures, case))));
    for contestant in contestants {
        let cells = cases.iter().map(|case| cell(figures, case, contestant));
        table.add_row([contestant.to_string()].into_iter().chain(cells));
    }
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
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

fn heading(figures: &[Figure], case: &str) -> String {
    let unit = figures.iter().find(|figure| figure.case == case).map_or("", |figure| figure.unit);
    format!("{case}, {unit}")
}

fn cell(figures: &[Figure], case: &str, contestant: &str) -> String {
    let in_case = || figures.iter().filter(|figure| figure.case == case);
    let Some(figure) = in_case().find(|figure| figure.contestant == contestant) else {
        return String::new();
    };
    match yardstick(in_case()) {
        Some(base) => format!("{}  ×{:.2}", number(figure.value), figure.value / base),
        None => number(figure.value),
    }
}

fn yardstick<'a>(figures: impl Iterator<Item = &'a Figure> + Clone) -> Option<f64> {
    let least =
        |kind| figures.clone().filter(|figure| figure.kind == kind).map(|f| f.value).reduce(f64::min);
    least(Kind::Limit).or_else(|| least(Kind::Fair)).filter(|base| *base > 0.0)
}

pub fn number(value: f64) -> String {
    match value {
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
