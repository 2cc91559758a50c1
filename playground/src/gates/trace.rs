//! What a semaphore does inside a move, statement by statement. Its fields report where they are read and written, so the
//! code on the page stays as it is. For fairgate, see [`inside`](super::inside).

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::panic::Location;

use serde::Serialize;

/// A statement that ran.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    line: u32,
    /// The field that it changed, or else read.
    field: &'static str,
    changed: bool,
    text: String,
}

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

/// Forgets what was reported before.
pub(crate) fn start() {
    STEPS.with_borrow_mut(Vec::clear);
}

pub(crate) fn take() -> Vec<Step> {
    STEPS.take()
}

/// The caller's line has read or changed a field. What one line reports in a row is one statement.
#[track_caller]
pub(crate) fn report(field: &'static str, changed: bool, text: String) {
    report_at(Location::caller(), field, changed, text);
}

/// The same, for a future, which runs later than the line that made it.
pub(crate) fn report_at(at: &Location<'_>, field: &'static str, changed: bool, text: String) {
    let line = at.line();
    STEPS.with_borrow_mut(|steps| match steps.last_mut() {
        Some(last) if last.line == line && (last.changed || !changed) => {
            last.text = format!("{}, {text}", last.text);
        }
        // A read that is part of the change.
        Some(last) if last.line == line && last.field == field => {
            *last = Step { line, field, changed, text };
        }
        _ => steps.push(Step { line, field, changed, text }),
    });
}

/// A field of a semaphore.
pub(super) struct Field<T> {
    name: &'static str,
    value: Cell<T>,
}

impl<T: Copy + Display> Field<T> {
    pub(super) const fn new(name: &'static str, value: T) -> Self {
        Self { name, value: Cell::new(value) }
    }

    #[track_caller]
    pub(super) fn get(&self) -> T {
        let value = self.value.get();
        report(self.name, false, format!("{} is {value}", self.name));
        value
    }

    #[track_caller]
    pub(super) fn set(&self, value: T) {
        let old = self.value.replace(value);
        report(self.name, true, format!("{}: {old} → {value}", self.name));
    }

    /// Without a report, for the picture.
    pub(super) fn peek(&self) -> T {
        self.value.get()
    }
}
