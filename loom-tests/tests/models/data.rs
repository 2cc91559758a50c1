//! What the permits guard.

use std::rc::Rc;

use loom::cell::UnsafeCell;

/// Loom stops at two accesses of which neither happens before the other, if one of them writes. (Its
/// threads share one real thread, so an `Rc` is shared by them all, and orders nothing.)
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
