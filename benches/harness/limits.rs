//! The ratios that fairgate must not exceed.

use comfy_table::Table;

use super::Figure;
use super::table::ratio;
use crate::peers::Kind;

/// In every case whose row begins with this text, the figure is at most so many times the lowest of the others.
struct Limit {
    benchmark: &'static str,
    row: &'static str,
    at_most: f64,
    others: Others,
}

#[derive(Clone, Copy)]
enum Others {
    Fair,
    Named(&'static [&'static str]),
}

use Others::{Fair, Named};

const fn limit(benchmark: &'static str, row: &'static str, at_most: f64, others: Others) -> Limit {
    Limit { benchmark, row, at_most, others }
}

const BASELINE: Others = Named(&["CAS pair"]);
const TOKIO: Others = Named(&["tokio"]);
const WITH_QUEUE: Others = Named(&["tokio", "asyncband", "maitake-sync", "async-lock"]);
const INTRUSIVE: Others = Named(&["tokio", "asyncband", "maitake-sync", "futures-intrusive"]);

const LIMITS: &[Limit] = &[
    limit("uncontended", "acquire", 1.15, BASELINE),
    limit("uncontended", "acquire", 0.5, WITH_QUEUE),
    limit("uncontended", "lock", 1.15, BASELINE),
    limit("uncontended", "lock", 0.8, WITH_QUEUE),
    limit("uncontended", "owned acquire", 1.0, Fair),
    limit("repoll", "same waker", 0.5, INTRUSIVE),
    limit("handoff", "", 1.05, Fair),
    limit("cancel", "", 1.10, Fair),
    limit("cancel", "", 0.8, TOKIO),
    limit("threads", "blocking, 2 threads", 1.0, Named(&["tokio", "asyncband", "maitake-sync"])),
    limit("threads", "polling, 2 threads", 1.05, Named(&["tokio", "asyncband", "maitake-sync"])),
    limit("blocking", "", 1.0, Named(&["parking_lot fair"])),
    limit("latency", "enqueue and cancel beside 2: p99", 4.0, TOKIO),
    limit("latency", "enqueue and cancel beside 8: p99", 4.0, TOKIO),
    limit("latency", "enqueue and cancel beside 64: p99", 4.0, TOKIO),
    limit("tasks", "", 1.05, Fair),
];

pub fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.set_header(["benchmark", "case", "fairgate", "lowest other", "peer", "ratio", "limit", ""]);
    for limit in LIMITS {
        let concerned =
            figures.iter().filter(|figure| figure.kind == Kind::Fairgate && limit.covers(figure));
        for fairgate in concerned {
            if let Some(other) = limit.lowest_other(figures, fairgate) {
                table.add_row(limit.row(fairgate, other));
            }
        }
    }
    table
}

impl Limit {
    fn covers(&self, figure: &Figure) -> bool {
        figure.benchmark == self.benchmark && figure.row().starts_with(self.row)
    }

    fn lowest_other<'a>(&self, figures: &'a [Figure], fairgate: &Figure) -> Option<&'a Figure> {
        let others = figures.iter().filter(|figure| {
            figure.benchmark == self.benchmark && figure.row() == fairgate.row() && self.includes(figure)
        });
        others.min_by(|a, b| a.value.total_cmp(&b.value))
    }

    fn includes(&self, figure: &Figure) -> bool {
        match self.others {
            Fair => figure.kind == Kind::Fair,
            Named(names) => names.contains(&figure.peer.as_str()),
        }
    }

    fn row(&self, fairgate: &Figure, other: &Figure) -> [String; 8] {
        let actual = fairgate.value / other.value;
        [
            self.benchmark.to_string(),
            fairgate.row(),
            fairgate.amount(),
            other.amount(),
            other.peer.clone(),
            ratio(actual),
            ratio(self.at_most),
            if actual <= self.at_most { "kept" } else { "exceeded" }.to_string(),
        ]
    }
}
