use std::time::{Duration, Instant};

use super::Figure;
use crate::peers::Kind;

/// What to run, from the command line.
#[derive(Clone, Default)]
pub struct Options {
    /// Only groups whose name contains this text.
    pub case: Option<String>,
    /// How long a group runs, instead of the benchmark's own budget.
    pub budget: Option<Duration>,
}

pub struct Benchmark {
    pub name: &'static str,
    pub statistic: Statistic,
    /// How long each group runs.
    pub budget: Duration,
    pub run: fn(&mut Runner),
}

/// How the figures of all rounds become one.
#[derive(Clone, Copy)]
pub enum Statistic {
    /// For single-threaded work: anything above the minimum is noise from outside.
    Min,
    /// For several threads, whose interleaving varies.
    Median,
    /// For samples that accumulate: the last one covers all rounds.
    Last,
}

impl Statistic {
    fn of(self, mut values: Vec<f64>) -> f64 {
        let last = values[values.len() - 1];
        values.sort_by(f64::total_cmp);
        match self {
            Self::Min => values[0],
            Self::Median => values[values.len() / 2],
            Self::Last => last,
        }
    }
}

/// Runs the groups of one benchmark and collects their figures.
pub struct Runner {
    benchmark: &'static Benchmark,
    options: Options,
    figures: Vec<Figure>,
}

impl Runner {
    pub fn run(benchmark: &'static Benchmark, options: &Options) -> Vec<Figure> {
        let mut runner = Self { benchmark, options: options.clone(), figures: Vec::new() };
        (benchmark.run)(&mut runner);
        runner.figures
    }

    /// Runs one group: the peers that `add` adds to it do the same work by turns. A measure is a name, which may be
    /// empty, and a unit.
    pub fn group<const N: usize>(
        &mut self,
        case: &str,
        measures: [(&str, &str); N],
        add: impl FnOnce(&mut Group<N>),
    ) {
        if !self.includes(case) {
            return;
        }
        let mut group = Group { entries: Vec::new() };
        add(&mut group);
        group.run(self.options.budget.unwrap_or(self.benchmark.budget));
        for (i, (measure, unit)) in measures.into_iter().enumerate() {
            for entry in &group.entries {
                let values = entry.samples.iter().map(|sample| sample[i]).collect();
                self.figure(
                    case,
                    measure,
                    entry.peer,
                    entry.kind,
                    self.benchmark.statistic.of(values),
                    unit,
                );
            }
        }
    }

    fn includes(&self, case: &str) -> bool {
        self.options.case.as_ref().is_none_or(|text| case.contains(text.as_str()))
    }

    pub fn figure(&mut self, case: &str, measure: &str, peer: &str, kind: Kind, value: f64, unit: &str) {
        if !self.includes(case) {
            return;
        }
        self.figures.push(Figure {
            benchmark: self.benchmark.name.to_string(),
            case: case.to_string(),
            measure: measure.to_string(),
            peer: peer.to_string(),
            kind,
            value,
            unit: unit.to_string(),
        });
    }
}

pub struct Group<const N: usize> {
    entries: Vec<Entry<N>>,
}

struct Entry<const N: usize> {
    peer: &'static str,
    kind: Kind,
    sample: Box<dyn FnMut() -> [f64; N]>,
    samples: Vec<[f64; N]>,
}

impl<const N: usize> Group<N> {
    const MIN_ROUNDS: usize = 5;

    pub fn add(&mut self, peer: &'static str, kind: Kind, sample: impl FnMut() -> [f64; N] + 'static) {
        self.entries.push(Entry { peer, kind, sample: Box::new(sample), samples: Vec::new() });
    }

    /// One round to warm up, then rounds until the time is up. Each round starts with another peer.
    fn run(&mut self, budget: Duration) {
        for entry in &mut self.entries {
            (entry.sample)();
        }
        let start = Instant::now();
        for round in 0.. {
            if round >= Self::MIN_ROUNDS && start.elapsed() > budget {
                break;
            }
            let peers = self.entries.len();
            for turn in 0..peers {
                let entry = &mut self.entries[(round + turn) % peers];
                entry.samples.push((entry.sample)());
            }
        }
    }
}
