//! `cargo bench` asks them all; `cargo bench --bench questions -- handover cancel` asks these two.

mod contestants;
mod harness;
mod questions {
    pub mod adapter;
    pub mod cancel;
    pub mod fairness;
    pub mod handover;
    pub mod repoll;
    pub mod tasks;
    pub mod threads;
    pub mod timeouts;
    pub mod uncontended;
}

use harness::{Figure, Question, Results};
use questions::*;

type Ask = fn(&Question) -> Vec<Figure>;

const ALL: &[(Question, Ask)] = &[
    (uncontended::QUESTION, uncontended::ask),
    (repoll::QUESTION, repoll::ask),
    (handover::QUESTION, handover::ask),
    (cancel::QUESTION, cancel::ask),
    (threads::QUESTION, threads::ask),
    (tasks::QUESTION, tasks::ask),
    (fairness::QUESTION, fairness::ask),
    (adapter::QUESTION, adapter::ask),
    (timeouts::QUESTION, timeouts::ask),
];

fn main() {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let results = Results::open();
    let mut all = Vec::new();
    for (question, ask) in ALL {
        if wanted.is_empty() || wanted.iter().any(|word| question.name.contains(word.as_str())) {
            let figures = ask(question);
            results.keep(question.name, question.title, &figures);
            all.extend(figures);
        }
    }
    results.judge(&all);
}
