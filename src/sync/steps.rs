//! Reports of what the algorithm does, for checks and for programs that show it.

use core::cell::Cell;

use super::{AtomicUsize, Ordering, Step, imp};

/// An access to the state word, or a step that the algorithm reports.
///
/// Loom switches threads before an access and never after it, so each event is reported before any other thread runs.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A word was created. `word` is a number that no other word has.
    Created { word: usize, value: usize },
    /// A word was dropped.
    Dropped { word: usize },
    /// A load returned `value`, which may be an old value.
    Loaded { word: usize, value: usize },
    /// A read-modify-write wrote the word; `by_addition` if it was not a compare-and-swap.
    Changed { word: usize, old: usize, new: usize, by_addition: bool },
    /// A load of the limit that belongs to the word returned `value`, which may be an old value.
    LimitLoaded { word: usize, value: isize },
    /// A read-modify-write wrote the limit that belongs to the word.
    LimitChanged { word: usize, old: isize, new: isize },
    /// A compare-and-swap of the word failed.
    Failed { word: usize, actual: usize },
    /// A thread waits until another thread unlocks the queue, or stores an outcome.
    Waiting,
    /// A blocked thread is woken, which only a waker does while another thread runs.
    Unparked,
    /// A step that no access shows.
    Reported(Step),
}

std::thread_local! {
    static OBSERVER: Cell<Option<fn(Event)>> = const { Cell::new(None) };
    /// The number of words that were created on this thread.
    static WORDS: Cell<usize> = const { Cell::new(0) };
}

/// Calls `observer` for all events on this real thread, which under loom runs all threads of a model.
pub fn observe(observer: Option<fn(Event)>) {
    OBSERVER.set(observer);
}

pub(crate) fn emit(event: Event) {
    if let Some(observer) = OBSERVER.get() {
        observer(event);
    }
}

/// Reports a step that the accesses do not show.
pub(crate) fn report(step: Step) {
    emit(Event::Reported(step));
}

/// The state word, whose accesses are reported.
#[derive(Debug)]
pub(crate) struct Word {
    atomic: AtomicUsize,
    word: usize,
}

impl Word {
    pub(crate) fn new(value: usize) -> Self {
        let word = WORDS.get();
        WORDS.set(word + 1);
        emit(Event::Created { word, value });
        Self { atomic: AtomicUsize::new(value), word }
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> usize {
        let value = self.atomic.load(order);
        emit(Event::Loaded { word: self.word, value });
        value
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        let result = self.atomic.compare_exchange(current, new, success, failure);
        let word = self.word;
        emit(match result {
            Ok(old) => Event::Changed { word, old, new, by_addition: false },
            Err(actual) => Event::Failed { word, actual },
        });
        result
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, n: usize, order: Ordering) -> usize {
        let old = self.atomic.fetch_add(n, order);
        let new = old.wrapping_add(n);
        emit(Event::Changed { word: self.word, old, new, by_addition: true });
        old
    }

    #[track_caller]
    pub(crate) fn fetch_and(&self, mask: usize, order: Ordering) -> usize {
        let old = self.atomic.fetch_and(mask, order);
        emit(Event::Changed { word: self.word, old, new: old & mask, by_addition: false });
        old
    }

    /// Loads the newest value; `mask` is 0.
    #[track_caller]
    pub(crate) fn fetch_or(&self, mask: usize, order: Ordering) -> usize {
        self.atomic.fetch_or(mask, order)
    }
}

/// The limit, whose changes are reported. It belongs to the word that was created before it.
#[derive(Debug)]
pub(crate) struct AtomicIsize {
    atomic: imp::AtomicIsize,
    word: usize,
}

impl AtomicIsize {
    pub(crate) fn new(value: isize) -> Self {
        Self { atomic: imp::AtomicIsize::new(value), word: WORDS.get().wrapping_sub(1) }
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> isize {
        let value = self.atomic.load(order);
        emit(Event::LimitLoaded { word: self.word, value });
        value
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: isize,
        new: isize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<isize, isize> {
        let result = self.atomic.compare_exchange(current, new, success, failure);
        if let Ok(old) = result {
            emit(Event::LimitChanged { word: self.word, old, new });
        }
        result
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, n: isize, order: Ordering) -> isize {
        let old = self.atomic.fetch_sub(n, order);
        emit(Event::LimitChanged { word: self.word, old, new: old.wrapping_sub(n) });
        old
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        emit(Event::Dropped { word: self.word });
    }
}
