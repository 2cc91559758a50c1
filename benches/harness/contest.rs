use std::time::{Duration, Instant};

use super::Figure;
use crate::contestants::{Gate, Kind};

/// How many rounds speak as one figure.
#[derive(Clone, Copy)]
pub enum Statistic {
    /// For work of one thread: whatever is above the least was somebody else's doing.
    Min,
    /// For work of several threads, whose meetings vary.
    Median,
}

impl Statistic {
    fn of(self, mut samples: Vec<f64>) -> f64 {
        samples.sort_by(f64::total_cmp);
        match self {
            Self::Min => samples[0],
            Self::Median => samples[samples.len() / 2],
        }
    }
}

/// One thing that a sample tells.
#[derive(Clone, Copy)]
pub struct Measure {
    pub name: &'static str,
    pub unit: &'static str,
}

/// What is asked, and how carefully.
pub struct Question {
    pub name: &'static str,
    pub title: &'static str,
    pub statistic: Statistic,
    /// How long each of its contests may take.
    pub budget: Duration,
}

impl Question {
    const FEWEST_ROUNDS: usize = 5;

    /// A contest in one case of this question; each sample tells all of the measures.
    pub fn contest<const N: usize>(
        &self,
        case: impl Into<String>,
        measures: [Measure; N],
    ) -> Contest<'_, N> {
        Contest { question: self, case: case.into(), measures, entries: Vec::new() }
    }
}

pub struct Contest<'a, const N: usize> {
    question: &'a Question,
    case: String,
    measures: [Measure; N],
    entries: Vec<Entry<N>>,
}

struct Entry<const N: usize> {
    name: &'static str,
    kind: Kind,
    sample: Box<dyn FnMut() -> [f64; N]>,
    samples: Vec<[f64; N]>,
}

impl<const N: usize> Contest<'_, N> {
    pub fn enter<G: Gate>(&mut self, sample: impl FnMut() -> [f64; N] + 'static) {
        self.enter_as(G::NAME, G::KIND, sample);
    }

    pub fn enter_as(&mut self, name: &'static str, kind: Kind, sample: impl FnMut() -> [f64; N] + 'static) {
        self.entries.push(Entry { name, kind, sample: Box::new(sample), samples: Vec::new() });
    }

    /// Lets all have their turn until the time is up. The first round only warms up.
    pub fn run(mut self) -> Vec<Figure> {
        let start = Instant::now();
        for entry in &mut self.entries {
            (entry.sample)();
        }
        for round in 0.. {
            if round >= Question::FEWEST_ROUNDS && start.elapsed() > self.question.budget {
                break;
            }
            let turns = self.entries.len();
            for turn in 0..turns {
                let entry = &mut self.entries[(round + turn) % turns];
                entry.samples.push((entry.sample)());
            }
        }
        self.figures()
    }

    fn figures(self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (i, measure) in self.measures.iter().enumerate() {
            for entry in &self.entries {
                let samples = entry.samples.iter().map(|sample| sample[i]).collect();
                figures.push(Figure {
                    question: self.question.name,
                    case: [measure.name, &self.case].join(" ").trim().to_string(),
                    contestant: entry.name,
                    kind: entry.kind,
                    value: self.question.statistic.of(samples),
                    unit: measure.unit,
                });
            }
        }
        figures
    }
}
