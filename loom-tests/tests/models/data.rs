//! The data that the permits protect.

use std::rc::Rc;

use loom::cell::UnsafeCell;

/// A cell that only the holder of a permit may access. Loom fails on two accesses, one of them a write, if neither
/// happens before the other.
///
/// All threads of a model run on one real thread, so they can share an `Rc`, which orders nothing.
#[derive(Clone, Debug)]
pub struct Data(Rc<UnsafeCell<()>>);

impl Data {
    pub fn new() -> Self {
        Self(Rc::new(UnsafeCell::new(())))
    }

    pub fn write(&self) {
        self.0.with_mut(|_| ());
    }

    pub fn read(&self) {
        self.0.with(|_| ());
    }
}
