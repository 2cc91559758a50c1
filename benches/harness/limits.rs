//! The ratios that fairgate must not exceed.

use std::fmt::{self, Display, Formatter};

use comfy_table::Table;

use super::Figure;
use super::table::ratio;
use crate::peers::Kind;

/// In every case of a benchmark whose name begins with `cases`, fairgate's figure of the measure is at most `at_most`
/// times the lowest one of the others.
struct Limit {
    benchmark: &'static str,
    cases: &'static str,
    measure: &'static str,
    others: Others,
    at_most: f64,
}

#[derive(Clone, Copy)]
enum Others {
    Fair,
    Named(&'static [&'static str]),
}

use Others::{Fair, Named};

const BASELINE: Others = Named(&["CAS pair"]);
const TOKIO: Others = Named(&["tokio"]);
const PARKING_LOT: Others = Named(&["parking_lot fair"]);
const WITH_QUEUE: Others = Named(&["tokio", "asyncband", "maitake-sync", "async-lock"]);

const fn limit(benchmark: &'static str, cases: &'static str, others: Others, at_most: f64) -> Limit {
    Limit { benchmark, cases, measure: "", others, at_most }
}

const fn measure(measure: &'static str, limit: Limit) -> Limit {
    Limit { measure, ..limit }
}

const LIMITS: &[Limit] = &[
    limit("uncontended", "acquire", BASELINE, 1.15),
    limit("uncontended", "acquire", WITH_QUEUE, 0.5),
    limit("uncontended", "owned acquire", Fair, 1.0),
    limit("uncontended", "lock", BASELINE, 1.15),
    limit("uncontended", "lock", WITH_QUEUE, 0.8),
    limit("repoll", "same waker", Fair, 0.5),
    limit("handoff", "", Fair, 1.05),
    limit("handoff", "", TOKIO, 0.8),
    measure("enqueue and cancel", limit("cancel", "", Fair, 1.1)),
    measure("enqueue and cancel", limit("cancel", "", TOKIO, 0.8)),
    limit("threads", "blocking, 2 threads", TOKIO, 1.0),
    limit("threads", "polling, 2 threads", TOKIO, 1.0),
    // A ninth more time is nine tenths of the throughput. Two threads with short sections pay for the order.
    limit("blocking", "long critical section", PARKING_LOT, 1.11),
    limit("blocking", "short critical section, 4 threads", PARKING_LOT, 1.11),
    limit("adapter", "uncontended blocking lock", Named(&["blocking_lock"]), 1.3),
    measure("p99", limit("latency", "try_acquire", TOKIO, 4.0)),
    measure("p99", limit("latency", "available_permits", TOKIO, 4.0)),
    measure("p99", limit("latency", "enqueue and cancel", TOKIO, 4.0)),
    limit("tasks", "", Fair, 1.05),
];

/// The limits of the benchmarks that were measured. An exceeded limit names the case with the highest ratio.
pub fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.set_header(["benchmark", "cases", "compared with", "limit", "ratio", ""]);
    LIMITS.iter().filter_map(|limit| limit.row(figures)).for_each(|row| _ = table.add_row(row));
    table
}

impl Limit {
    fn row(&self, figures: &[Figure]) -> Option<[String; 6]> {
        let concerned =
            figures.iter().filter(|figure| figure.kind == Kind::Fairgate && self.covers(figure));
        let mut ratios: Vec<_> = concerned
            .filter_map(|figure| {
                Some((figure.value / self.lowest_other(figures, figure)?, figure.case.as_str()))
            })
            .collect();
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ((lowest, _), (highest, case)) = (ratios.first()?, ratios.last()?);
        let range = match (ratio(*lowest), ratio(*highest)) {
            (lowest, highest) if lowest == highest => highest,
            (lowest, highest) => format!("{lowest} to {highest}"),
        };
        let cases =
            [self.cases, self.measure].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
        Some([
            self.benchmark.to_string(),
            if cases.is_empty() { "all".to_string() } else { cases.join(": ") },
            self.others.to_string(),
            format!("{:.2}", self.at_most),
            range,
            if *highest <= self.at_most { "kept".to_string() } else { format!("exceeded: {case}") },
        ])
    }

    fn covers(&self, figure: &Figure) -> bool {
        figure.benchmark == self.benchmark
            && figure.case.starts_with(self.cases)
            && figure.measure == self.measure
    }

    fn lowest_other(&self, figures: &[Figure], fairgate: &Figure) -> Option<f64> {
        let others = figures.iter().filter(|figure| {
            (&figure.benchmark, &figure.case, &figure.measure)
                == (&fairgate.benchmark, &fairgate.case, &fairgate.measure)
                && self.others.include(figure)
        });
        others.map(|figure| figure.value).reduce(f64::min)
    }
}

impl Others {
    fn include(self, figure: &Figure) -> bool {
        match self {
            Fair => figure.kind == Kind::Fair,
            Named(names) => names.contains(&figure.peer.as_str()),
        }
    }
}

impl Display for Others {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Fair => write!(f, "the fastest FIFO peer"),
            Named(names) => write!(f, "{}", names.join(", ")),
        }
    }
}
