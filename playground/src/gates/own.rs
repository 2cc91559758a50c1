//! A semaphore of the learner's own: a few lines for each of `acquire`, `release` and `cancel`, out of a small language.

use std::cell::Cell;
use std::rc::Rc;

use super::promise::on_cancel;
use super::{Closed, Plain};
use waiter::{State, Waiter, Waiters};

/// No function has more lines.
const MOST_LINES: usize = 6;

/// A line of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// `while free == 0 { join the queue and wait }`
    WhileNoneWait,
    /// `if free == 0 { join the queue and wait }`
    IfNoneWait,
    /// `if free == 0 or others wait { join the queue and wait }`
    IfOthersWait,
    /// `free -= 1`
    Take,
    /// `free -= 1, unless a permit was handed over`
    TakeUnlessHanded,
    /// `if free > 0 { wake the first }`
    WakeIfFree,
    /// `free += 1`
    Add,
    /// `wake the first`
    WakeFirst,
    /// `wake all`
    WakeAll,
    /// `hand a permit to the first; if none waits, free += 1`
    HandOver,
    /// `if it was woken { wake the first }`
    PassOn,
    /// `if a permit was handed to it { release() }`
    Release,
}

/// The lines of the three functions, each with its letter in links, in the order of the editor.
const ACQUIRE: [(char, Line); 6] = [
    ('a', Line::WhileNoneWait),
    ('b', Line::IfNoneWait),
    ('c', Line::IfOthersWait),
    ('d', Line::Take),
    ('e', Line::TakeUnlessHanded),
    ('f', Line::WakeIfFree),
];
const RELEASE: [(char, Line); 4] =
    [('g', Line::Add), ('h', Line::WakeFirst), ('i', Line::WakeAll), ('j', Line::HandOver)];
const CANCEL: [(char, Line); 3] = [('k', Line::PassOn), ('l', Line::Release), ('h', Line::WakeFirst)];

/// The lines of a function.
type Lines = [Option<Line>; MOST_LINES];

/// The code of a semaphore.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    acquire: Lines,
    release: Lines,
    cancel: Lines,
}

impl Program {
    /// Reads `ACQUIRE-RELEASE-CANCEL`, a letter for each line.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut functions = text.split('-');
        let (Some(acquire), Some(release), Some(cancel), None) =
            (functions.next(), functions.next(), functions.next(), functions.next())
        else {
            return Err("a semaphore of your own is ACQUIRE-RELEASE-CANCEL".to_owned());
        };
        Ok(Self {
            acquire: lines(acquire, &ACQUIRE)?,
            release: lines(release, &RELEASE)?,
            cancel: lines(cancel, &CANCEL)?,
        })
    }
}

fn lines(letters: &str, known: &[(char, Line)]) -> Result<Lines, String> {
    let mut lines = [None; MOST_LINES];
    for (index, letter) in letters.chars().enumerate() {
        let found = known.iter().find(|(other, _)| *other == letter).map(|(_, line)| *line);
        let line = found.ok_or_else(|| format!("there is no line {letter:?} here"))?;
        let place = lines.get_mut(index);
        *place.ok_or_else(|| format!("a function has at most {MOST_LINES} lines"))? = Some(line);
    }
    Ok(lines)
}

pub(crate) struct Own {
    program: Program,
    free: Cell<isize>,
    waiters: Waiters,
}

impl Own {
    /// Without permits.
    pub(crate) fn new(program: Program) -> Self {
        Self { program, free: Cell::new(0), waiters: Waiters::default() }
    }

    fn add(&self, by: isize) {
        self.free.set(self.free.get() + by);
    }

    async fn wait(&self, waiter: &Rc<Waiter>) {
        self.waiters.join(waiter);
        let cancelled = on_cancel(|| {
            self.waiters.leave(waiter);
            self.cancel(waiter.state());
        });
        waiter.wait().await;
        cancelled.completed();
        self.waiters.leave(waiter);
    }

    fn cancel(&self, state: State) {
        for line in self.program.cancel.iter().flatten() {
            match line {
                Line::PassOn if state == State::Woken => self.waiters.wake_first(),
                Line::Release if state == State::Handed => self.run_release(),
                Line::WakeFirst => self.waiters.wake_first(),
                _ => {}
            }
        }
    }

    fn run_release(&self) {
        for line in self.program.release.iter().flatten() {
            match line {
                Line::Add => self.add(1),
                Line::WakeFirst => self.waiters.wake_first(),
                Line::WakeAll => self.waiters.wake_all(),
                Line::HandOver if !self.waiters.hand_to_first() => self.add(1),
                _ => {}
            }
        }
    }
}

impl Plain for Own {
    type Ticket = Rc<Waiter>;

    async fn acquire(&self, _: usize, waiter: Rc<Waiter>) -> Result<(), Closed> {
        for line in self.program.acquire.iter().flatten() {
            match line {
                Line::WhileNoneWait => {
                    while self.free.get() <= 0 {
                        self.wait(&waiter).await;
                    }
                }
                Line::IfNoneWait if self.free.get() <= 0 => self.wait(&waiter).await,
                Line::IfOthersWait if self.free.get() <= 0 || self.waiters.any() => {
                    self.wait(&waiter).await
                }
                Line::Take => self.add(-1),
                Line::TakeUnlessHanded if waiter.state() != State::Handed => self.add(-1),
                Line::WakeIfFree if self.free.get() > 0 => self.waiters.wake_first(),
                _ => {}
            }
        }
        Ok(())
    }

    fn release(&self, _: usize) {
        self.run_release();
    }

    fn is_granted(waiter: &Rc<Waiter>) -> bool {
        waiter.state() == State::Handed
    }

    fn available(&self) -> usize {
        self.free.get().max(0) as usize
    }

    fn inside(&self) -> String {
        format!("free = {}, queue = {}", self.free.get(), self.waiters.describe())
    }
}

mod waiter {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::{Poll, Waker};

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) enum State {
        #[default]
        Waiting,
        Woken,
        Handed,
    }

    /// A request, in the queue or not.
    #[derive(Default)]
    pub(crate) struct Waiter {
        state: Cell<State>,
        waker: RefCell<Option<Waker>>,
    }

    impl Waiter {
        pub(super) fn state(&self) -> State {
            self.state.get()
        }

        fn set(&self, state: State) {
            self.state.set(state);
            let waker = self.waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }

        pub(super) async fn wait(&self) {
            poll_fn(|cx| {
                if self.state.get() != State::Waiting {
                    return Poll::Ready(());
                }
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
        }
    }

    #[derive(Default)]
    pub(super) struct Waiters(RefCell<VecDeque<Rc<Waiter>>>);

    impl Waiters {
        pub(super) fn join(&self, waiter: &Rc<Waiter>) {
            waiter.state.set(State::Waiting);
            self.0.borrow_mut().push_back(waiter.clone());
        }

        pub(super) fn leave(&self, waiter: &Rc<Waiter>) {
            self.0.borrow_mut().retain(|other| !Rc::ptr_eq(other, waiter));
        }

        fn waiting(&self) -> Vec<Rc<Waiter>> {
            self.0.borrow().iter().filter(|waiter| waiter.state() == State::Waiting).cloned().collect()
        }

        /// Whether one waits that was handed no permit.
        pub(super) fn any(&self) -> bool {
            self.0.borrow().iter().any(|waiter| waiter.state() != State::Handed)
        }

        pub(super) fn wake_first(&self) {
            if let Some(first) = self.waiting().first() {
                first.set(State::Woken);
            }
        }

        pub(super) fn wake_all(&self) {
            self.waiting().iter().for_each(|waiter| waiter.set(State::Woken));
        }

        /// Whether there was one.
        pub(super) fn hand_to_first(&self) -> bool {
            let first = self.waiting().first().cloned();
            first.is_some_and(|first| {
                first.set(State::Handed);
                true
            })
        }

        /// For a person to read.
        pub(super) fn describe(&self) -> String {
            let states = self
                .0
                .borrow()
                .iter()
                .map(|waiter| match waiter.state() {
                    State::Waiting => "waiting",
                    State::Woken => "woken",
                    State::Handed => "handed a permit",
                })
                .collect::<Vec<_>>();
            format!("[{}]", states.join(", "))
        }
    }
}
