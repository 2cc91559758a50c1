//! What the crate set itself, held against what was measured.

use comfy_table::{Table, presets};

use super::Figure;
use super::table::number;
use crate::contestants::Kind;

/// In this case, ours is at most so many times the least of theirs.
struct Bar {
    question: &'static str,
    case: &'static str,
    at_most: f64,
    of: Whom,
}

#[derive(Clone, Copy)]
enum Whom {
    Fair,
    Each(&'static [&'static str]),
}

use Whom::{Each, Fair};

const fn bar(question: &'static str, case: &'static str, at_most: f64, of: Whom) -> Bar {
    Bar { question, case, at_most, of }
}

const BARE: Whom = Each(&["bare atomics"]);
const WAITING: Whom = Each(&["tokio", "asyncband", "maitake-sync", "async-lock"]);
const INTRUSIVE: Whom = Each(&["tokio", "asyncband", "maitake-sync", "futures-intrusive"]);
const TOKIO: Whom = Each(&["tokio"]);

/// A case stands for all cases that begin with it.
const BARS: &[Bar] = &[
    bar("uncontended", "acquire", 1.15, BARE),
    bar("uncontended", "acquire", 0.5, WAITING),
    bar("uncontended", "acquire", 1.0, Each(&["saa"])),
    bar("uncontended", "mutex", 1.15, BARE),
    bar("uncontended", "mutex", 0.7, WAITING),
    bar("uncontended", "mutex", 1.15, Each(&["futures-util"])),
    bar(
        "uncontended",
        "owned acquire",
        1.0,
        Each(&["tokio", "asyncband", "maitake-sync", "async-lock", "futures-intrusive"]),
    ),
    bar("repoll", "same waker", 0.5, INTRUSIVE),
    bar("handover", "whole", 1.05, Fair),
    bar("handover", "whole", 0.8, TOKIO),
    bar("cancel", "leave", 1.05, Fair),
    bar("cancel", "leave", 0.8, TOKIO),
    bar("cancel", "whole", 1.05, Fair),
    bar("cancel", "whole", 0.8, TOKIO),
    bar("threads", "sleeping, 2 threads", 1.0, Each(&["tokio", "asyncband", "maitake-sync"])),
    bar("threads", "polling, 2 threads", 1.0, Each(&["tokio", "asyncband", "maitake-sync"])),
    bar("tasks", "", 1.05, Fair),
];

pub fn plain(figures: &[Figure]) -> String {
    table(figures).load_preset(presets::NOTHING).to_string()
}

pub fn markdown(figures: &[Figure]) -> String {
    table(figures).load_preset(presets::ASCII_MARKDOWN).to_string()
}

fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.set_header(["question", "case", "ours", "theirs", "who", "ratio", "at most", ""]);
    for bar in BARS {
        let of_ours = figures.iter().filter(|figure| {
            figure.kind == Kind::Ours && figure.question == bar.question && bar.covers(&figure.case)
        });
        for ours in of_ours {
            if let Some(theirs) = bar.best_of_theirs(figures, &ours.case) {
                table.add_row(bar.row(ours, theirs));
            }
        }
    }
    table
}

impl Bar {
    fn covers(&self, case: &str) -> bool {
        case.starts_with(self.case)
    }

    fn best_of_theirs<'a>(&self, figures: &'a [Figure], case: &str) -> Option<&'a Figure> {
        let theirs = figures.iter().filter(|figure| {
            figure.question == self.question && figure.case == case && self.concerns(figure)
        });
        theirs.min_by(|a, b| a.value.total_cmp(&b.value))
    }

    fn concerns(&self, figure: &Figure) -> bool {
        match self.of {
            Fair => figure.kind == Kind::Fair,
            Each(names) => names.contains(&figure.contestant),
        }
    }

    fn row(&self, ours: &Figure, theirs: &Figure) -> [String; 8] {
        let ratio = ours.value / theirs.value;
        [
            self.question.to_string(),
            ours.case.clone(),
            number(ours.value),
            number(theirs.value),
            theirs.contestant.to_string(),
            format!("{ratio:.2}"),
            format!("{:.2}", self.at_most),
            if ratio <= self.at_most { "held" } else { "missed" }.to_string(),
        ]
    }
}
