//! Requests polled by hand: who asks, who is woken, who holds what.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::kind::{Counting, Kind, Start};
use super::log::Log;
use super::step::{Answer, Ask, Change, Seen, Step, Turn, Word};

pub struct Scene<K: Kind> {
    pub kind: K,
    pub log: Log,
    cast: Vec<Part<K>>,
}

struct Part<K: Kind> {
    request: Option<K::Request>,
    held: Option<K::Held>,
    voice: usize,
}

impl<K: Start> Scene<K> {
    /// So many permits lie free.
    pub fn new(free: usize) -> Self {
        Self::over(K::with(free))
    }
}

impl<K: Kind> Scene<K> {
    pub fn over(kind: K) -> Self {
        Self { kind, log: Log::default(), cast: Vec::new() }
    }

    fn join(&mut self, request: Option<K::Request>, held: Option<K::Held>) -> usize {
        self.cast.push(Part { request, held, voice: 0 });
        self.cast.len() - 1
    }

    /// Makes a request and does not poll it.
    pub fn make(&mut self, ask: impl Into<Ask>) -> usize {
        let request = self.kind.request(ask.into());
        self.join(Some(request), None)
    }

    /// Makes a request and polls it once.
    pub fn ask(&mut self, ask: impl Into<Ask>) -> usize {
        let who = self.make(ask);
        self.poll(who);
        who
    }

    /// As `ask`, through a waker of the test's own.
    pub fn ask_by(&mut self, ask: impl Into<Ask>, waker: &Waker) -> usize {
        let who = self.make(ask);
        self.poll_by(who, waker);
        who
    }

    pub fn poll(&mut self, who: usize) -> Answer {
        let waker = self.log.waker(who, self.cast[who].voice);
        self.poll_by(who, &waker)
    }

    /// Polls with a waker of another voice, now and from now on.
    pub fn poll_anew(&mut self, who: usize) -> Answer {
        self.cast[who].voice += 1;
        self.poll(who)
    }

    pub fn poll_by(&mut self, who: usize, waker: &Waker) -> Answer {
        let part = &mut self.cast[who];
        let request = part.request.as_mut().expect("a request still open");
        match Pin::new(request).poll(&mut Context::from_waker(waker)) {
            Poll::Pending => Answer::Waits,
            Poll::Ready(held) => {
                part.request = None;
                part.held = held;
                part.held.as_ref().map_or(Answer::Refused, |held| Answer::Got(K::count(held)))
            }
        }
    }

    pub fn try_take(&mut self, n: usize) -> Answer {
        let held = self.kind.try_take(n);
        let answer = held.as_ref().map_or(Answer::Refused, |held| Answer::Got(K::count(held)));
        self.join(None, held);
        answer
    }

    /// Drops the request, or what it got.
    pub fn leave(&mut self, who: usize) {
        self.cast[who].request = None;
        self.cast[who].held = None;
    }

    pub fn everybody_leaves(&mut self) {
        (0..self.cast.len()).for_each(|who| self.leave(who));
    }

    /// Takes a request out of the scene.
    pub fn take_request(&mut self, who: usize) -> K::Request {
        self.cast[who].request.take().expect("a request still open")
    }

    /// Who was woken since the last look, in order.
    pub fn woken(&self) -> Vec<usize> {
        self.log.take().into_iter().map(|(who, _)| who).collect()
    }

    pub fn turn(&mut self, turn: Turn) -> Answer {
        match turn {
            Turn::Make(ask) => {
                self.make(ask);
                Answer::Done
            }
            Turn::Ask(ask) => {
                let who = self.make(ask);
                self.poll(who)
            }
            Turn::Poll(who) => self.poll(who),
            Turn::PollAnew(who) => self.poll_anew(who),
            Turn::Leave(who) => {
                self.leave(who);
                Answer::Done
            }
            Turn::Try(n) => self.try_take(n),
        }
    }
}

/// The accounting.
impl<K: Kind> Scene<K> {
    /// What was picked up and not given back.
    pub fn held(&self) -> usize {
        self.cast.iter().filter_map(|part| part.held.as_ref()).map(K::count).sum()
    }

    /// Whether the turn means something here.
    pub fn allows(&self, turn: Turn) -> bool {
        match turn {
            Turn::Poll(who) | Turn::PollAnew(who) => self.cast[who].request.is_some(),
            _ => true,
        }
    }
}

impl<K: Counting> Scene<K> {
    /// What was granted and not picked up.
    pub fn granted(&self) -> usize {
        self.cast.iter().filter_map(|part| part.request.as_ref()).map(K::granted).sum()
    }

    fn change(&mut self, change: Change) -> Answer {
        match change {
            Change::Forget(who) => self.holding(who).forget(),
            Change::Split(who, n) => return self.split(who, n),
            Change::Merge(into, from) => {
                let from = self.holding(from);
                self.cast[into].held.as_mut().expect("permits").merge(from);
            }
            Change::Add(n) => self.kind.add_permits(n),
            Change::Reduce(n) => self.kind.reduce_permits(n),
            Change::ForgetFree(n) => return Answer::Count(self.kind.forget_permits(n)),
            Change::Resize(from, to) => self.kind.resize(from, to),
            Change::Close => self.kind.close(),
        }
        Answer::Done
    }

    fn holding(&mut self, who: usize) -> K::Held {
        self.cast[who].held.take().expect("permits")
    }

    fn split(&mut self, who: usize, n: usize) -> Answer {
        let Some(part) = self.cast[who].held.as_mut().expect("permits").split(n) else {
            return Answer::Refused;
        };
        let n = K::count(&part);
        self.join(None, Some(part));
        Answer::Got(n)
    }

    pub fn word(&self) -> Word {
        Word {
            free: self.kind.available_permits(),
            waiters: self.kind.waiters(),
            closed: self.kind.is_closed(),
        }
    }

    pub fn play(&mut self, step: Step) -> Seen {
        let answer = match step {
            Step::Turn(turn) => self.turn(turn),
            Step::Change(change) => self.change(change),
        };
        Seen { answer, woken: self.log.take(), word: Some(self.word()) }
    }
}
