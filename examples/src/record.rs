//! The recorder behind a timeline: each task gets a pen and says what it is at.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::live::Live;
use crate::timeline::{Doing, Ending, Row, Span, Timeline};

/// Collects what the pens write.
pub struct Recorder {
    start: Instant,
    rows: Mutex<Vec<Row>>,
    live: Option<Live>,
}

/// One task's pen.
pub struct Pen {
    recorder: Arc<Recorder>,
    row: usize,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Self::start(None)
    }

    /// Shows the tasks while they run, too.
    pub fn watched() -> Arc<Self> {
        Self::start(Some(Live::new()))
    }

    fn start(live: Option<Live>) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), rows: Mutex::default(), live })
    }

    /// A row for one more task, and the pen to write it.
    pub fn pen(self: &Arc<Self>, name: impl Into<String>) -> Pen {
        let name = name.into();
        if let Some(live) = &self.live {
            live.add(&name);
        }
        let mut rows = self.rows.lock().unwrap();
        rows.push(Row { name, ..Row::default() });
        Pen { row: rows.len() - 1, recorder: self.clone() }
    }

    /// What has been written.
    pub fn timeline(&self) -> Timeline {
        if let Some(live) = &self.live {
            live.finish();
        }
        Timeline { unit: "ms", rows: self.rows.lock().unwrap().clone() }
    }

    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1000.0
    }
}

impl Pen {
    pub fn waits(&self) {
        self.turns_to(Doing::Waiting);
    }

    pub fn holds(&self) {
        self.turns_to(Doing::Holding);
    }

    /// Neither waits nor holds.
    pub fn rests(&self) {
        self.write(close);
    }

    /// To be called while the permit is still held, or the next holder might be seen beside it.
    pub fn ends(&self, ending: Ending) {
        self.write(|row, now| {
            close(row, now);
            row.ending = Some(ending);
        });
        if let Some(live) = &self.recorder.live {
            live.ends(self.row, ending);
        }
    }

    fn turns_to(&self, doing: Doing) {
        self.write(|row, now| {
            close(row, now);
            row.spans.push(Span { doing, from: now, to: now });
        });
        if let Some(live) = &self.recorder.live {
            live.turns_to(self.row, doing);
        }
    }

    /// The clock is read under the lock, so that the rows agree on what came first.
    fn write(&self, entry: impl FnOnce(&mut Row, f64)) {
        let mut rows = self.recorder.rows.lock().unwrap();
        entry(&mut rows[self.row], self.recorder.now());
    }
}

fn close(row: &mut Row, now: f64) {
    if let Some(span) = row.spans.last_mut().filter(|_| row.ending.is_none()) {
        span.to = now;
    }
}
