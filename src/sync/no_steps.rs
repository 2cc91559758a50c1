//! No reports: the state word is a plain atomic.

pub(crate) type Word = super::AtomicUsize;

#[inline(always)]
pub(crate) fn report(_step: super::Step) {}
