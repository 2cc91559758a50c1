//! No reports: the state word and the limit are plain atomics.

pub(crate) use super::imp::AtomicIsize;

pub(crate) type Word = super::AtomicUsize;

#[inline(always)]
pub(crate) fn report(_step: super::Step) {}
