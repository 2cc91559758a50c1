//! The recorder behind a timeline. Each task reports to it what it does.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::live::{Live, Words};
use crate::timeline::{Outcome, Phase, Row, Span, Timeline};

/// Collects the reports of all tasks.
pub struct Recorder {
    clock: Clock,
    /// What a task does that holds a permit.
    holding: &'static str,
    rows: Mutex<Vec<OpenRow>>,
    live: Option<Live>,
}

struct OpenRow {
    row: Row,
    /// Whether the last span goes on.
    open: bool,
}

/// What the axis of the timeline counts.
enum Clock {
    Milliseconds(Instant),
    Turns(AtomicUsize),
}

/// What one task reports to.
pub struct TaskRecorder {
    recorder: Arc<Recorder>,
    row: usize,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Self::start(Clock::Milliseconds(Instant::now()), "holding", None)
    }

    /// Also shows the tasks while they run.
    pub fn live(words: Words) -> Arc<Self> {
        Self::start(Clock::Milliseconds(Instant::now()), words.one, Some(Live::new(words)))
    }

    /// Its time is the number of turns that have ended, so each run records the same.
    pub fn live_in_turns(words: Words) -> Arc<Self> {
        Self::start(Clock::Turns(AtomicUsize::new(0)), words.one, Some(Live::new(words)))
    }

    fn start(clock: Clock, holding: &'static str, live: Option<Live>) -> Arc<Self> {
        Arc::new(Self { clock, holding, rows: Mutex::default(), live })
    }

    /// Adds a row for a task.
    pub fn task(self: &Arc<Self>, name: impl Into<String>) -> TaskRecorder {
        let name = name.into();
        let mut rows = self.rows.lock().unwrap();
        if let Some(live) = &self.live {
            live.add(&name);
        }
        rows.push(OpenRow { row: Row { name, ..Row::default() }, open: false });
        TaskRecorder { row: rows.len() - 1, recorder: self.clone() }
    }

    /// Ends the live display.
    pub fn finish(&self) {
        if let Some(live) = &self.live {
            live.finish();
        }
    }

    /// What has been reported. Ends the live display.
    pub fn timeline(&self) -> Timeline {
        self.finish();
        let unit = match self.clock {
            Clock::Milliseconds(_) => "ms",
            Clock::Turns(_) => "turns",
        };
        let rows = self.rows.lock().unwrap();
        Timeline::new(unit, self.holding, rows.iter().map(|open| open.row.clone()).collect())
    }

    /// Ends a turn.
    pub fn next_turn(&self) {
        if let Clock::Turns(turns) = &self.clock {
            turns.fetch_add(1, Relaxed);
        }
    }

    fn now(&self) -> f64 {
        match &self.clock {
            Clock::Milliseconds(start) => start.elapsed().as_secs_f64() * 1000.0,
            Clock::Turns(turns) => turns.load(Relaxed) as f64,
        }
    }
}

impl TaskRecorder {
    pub fn waiting(&self) {
        self.enter(Phase::Waiting);
    }

    pub fn holding(&self) {
        self.enter(Phase::Holding);
    }

    /// Reports that the task does not wait and does not hold a permit.
    pub fn idle(&self) {
        self.write(OpenRow::end_span);
        if let Some(live) = &self.recorder.live {
            live.idle(self.row);
        }
    }

    /// Call it before the permit is released: after that, another task may already report that it holds the permit.
    pub fn end(&self, outcome: Outcome) {
        self.write(|row, now| {
            row.end_span(now);
            row.row.outcome = Some(outcome);
        });
        if let Some(live) = &self.recorder.live {
            live.end(self.row, outcome);
        }
    }

    fn enter(&self, phase: Phase) {
        self.write(|row, now| {
            row.end_span(now);
            row.row.spans.push(Span { phase, from: now, to: now });
            row.open = true;
        });
        if let Some(live) = &self.recorder.live {
            live.enter(self.row, phase);
        }
    }

    /// The clock is read under the lock, so that all rows agree on the order of the reports.
    fn write(&self, report: impl FnOnce(&mut OpenRow, f64)) {
        let mut rows = self.recorder.rows.lock().unwrap();
        report(&mut rows[self.row], self.recorder.now());
    }
}

impl OpenRow {
    fn end_span(&mut self, now: f64) {
        if let Some(span) = self.row.spans.last_mut().filter(|_| self.open) {
            span.to = now;
        }
        self.open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_task_has_no_span() {
        let recorder = Recorder::start(Clock::Turns(AtomicUsize::new(0)), "holding", None);
        let task = recorder.task("a");
        task.holding();
        recorder.next_turn();
        task.idle();
        recorder.next_turn();
        task.waiting();
        recorder.next_turn();
        task.end(Outcome::TimedOut);
        let row = &recorder.timeline().rows[0];
        let spans: Vec<_> = row.spans.iter().map(|span| (span.phase, span.from, span.to)).collect();
        assert_eq!(spans, [(Phase::Holding, 0.0, 1.0), (Phase::Waiting, 2.0, 3.0)]);
    }
}
