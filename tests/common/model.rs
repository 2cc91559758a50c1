//! The specification: a strictly fair semaphore as a number and a queue. What it says of a program, every
//! semaphore and mutex of the crate must say, step for step.

use std::collections::VecDeque;

use super::log::Ring;
use super::step::{Answer, Ask, Change, Seen, Step, Turn, Word};

#[derive(Clone)]
pub struct Model {
    /// Below zero: so many are owed.
    free: isize,
    closed: bool,
    line: VecDeque<usize>,
    cast: Vec<Part>,
    rung: Vec<Ring>,
}

#[derive(Clone)]
struct Part {
    ask: Ask,
    voice: usize,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Made,
    Waiting,
    Granted(usize),
    Refused,
    Holds(usize),
    Gone,
}

/// The semaphore itself.
impl Model {
    pub fn new(free: usize) -> Self {
        let (line, cast, rung) = Default::default();
        Self { free: free as isize, closed: false, line, cast, rung }
    }

    fn share(&self, ask: Ask) -> Option<usize> {
        (self.free >= ask.least() as isize).then(|| ask.most().min(self.free as usize))
    }

    fn enter(&mut self, ask: Ask) -> Fate {
        match self.share(ask) {
            _ if self.closed => Fate::Refused,
            Some(n) if self.line.is_empty() => {
                self.free -= n as isize;
                Fate::Holds(n)
            }
            _ if ask.least() == 0 => Fate::Holds(0),
            _ if self.line.len() >= ask.room() => Fate::Refused,
            _ => Fate::Waiting,
        }
    }

    fn serve(&mut self) {
        while let Some(&front) = self.line.front() {
            let fate = match self.share(self.cast[front].ask) {
                _ if self.closed => Fate::Refused,
                Some(n) => Fate::Granted(n),
                None => return,
            };
            if let Fate::Granted(n) = fate {
                self.free -= n as isize;
            }
            self.line.pop_front();
            self.cast[front].fate = fate;
            self.rung.push((front, self.cast[front].voice));
        }
    }
}

/// Those who take part.
impl Model {
    pub fn fate(&self, who: usize) -> Fate {
        self.cast.get(who).map_or(Fate::Gone, |part| part.fate)
    }

    /// What the first in line asks for.
    pub fn front(&self) -> Option<Ask> {
        self.line.front().map(|&who| self.cast[who].ask)
    }

    pub fn cast(&self) -> usize {
        self.cast.len()
    }

    fn join(&mut self, ask: Ask, fate: Fate) -> usize {
        self.cast.push(Part { ask, voice: 0, fate });
        self.cast.len() - 1
    }

    fn poll(&mut self, who: usize) -> Answer {
        let Part { ask, fate, .. } = self.cast[who];
        self.cast[who].fate = match fate {
            Fate::Made => self.enter(ask),
            Fate::Granted(n) => Fate::Holds(n),
            other => other,
        };
        match (fate, self.cast[who].fate) {
            (_, Fate::Holds(n)) => return Answer::Got(n),
            (_, Fate::Refused) => self.cast[who].fate = Fate::Gone,
            (Fate::Made, _) => self.line.push_back(who),
            _ => {}
        }
        if self.cast[who].fate == Fate::Gone { Answer::Refused } else { Answer::Waits }
    }

    fn leave(&mut self, who: usize) {
        match std::mem::replace(&mut self.cast[who].fate, Fate::Gone) {
            Fate::Waiting => self.line.retain(|&other| other != who),
            Fate::Granted(n) | Fate::Holds(n) => self.free += n as isize,
            _ => {}
        }
        self.serve();
    }
}

/// The steps.
impl Model {
    /// Whether the step means something here.
    pub fn allows(&self, step: Step) -> bool {
        let open =
            |who| matches!(self.fate(who), Fate::Made | Fate::Waiting | Fate::Granted(_) | Fate::Refused);
        let holds = |who| matches!(self.fate(who), Fate::Holds(_));
        match step {
            Step::Turn(Turn::Poll(who) | Turn::PollAnew(who)) => open(who),
            Step::Turn(Turn::Leave(who)) => open(who) || holds(who),
            Step::Change(Change::Forget(who) | Change::Split(who, _)) => holds(who),
            Step::Change(Change::Merge(into, from)) => into != from && holds(into) && holds(from),
            _ => true,
        }
    }

    pub fn play(&mut self, step: Step) -> Seen {
        let answer = match step {
            Step::Turn(turn) => self.turn(turn),
            Step::Change(change) => self.change(change),
        };
        let (free, waiters) = (self.free.max(0) as usize, self.line.len());
        let word = Some(Word { free, waiters, closed: self.closed });
        Seen { answer, woken: std::mem::take(&mut self.rung), word }
    }

    fn turn(&mut self, turn: Turn) -> Answer {
        match turn {
            Turn::Make(ask) => {
                self.join(ask, Fate::Made);
                return Answer::Done;
            }
            Turn::Ask(ask) => {
                let who = self.join(ask, Fate::Made);
                return self.poll(who);
            }
            Turn::Poll(who) => return self.poll(who),
            Turn::PollAnew(who) => {
                self.cast[who].voice += 1;
                return self.poll(who);
            }
            Turn::Leave(who) => self.leave(who),
            Turn::Try(n) => {
                let who = self.join(Ask::Behind(0, n), Fate::Made);
                return self.poll(who);
            }
        }
        Answer::Done
    }

    fn change(&mut self, change: Change) -> Answer {
        match change {
            Change::Forget(who) => self.cast[who].fate = Fate::Gone,
            Change::Split(who, n) => return self.split(who, n),
            Change::Merge(into, from) => self.merge(into, from),
            Change::Add(n) => self.free += n as isize,
            Change::Reduce(n) => self.free -= n as isize,
            Change::ForgetFree(n) => {
                let forgotten = n.min(self.free.max(0) as usize);
                self.free -= forgotten as isize;
                return Answer::Count(forgotten);
            }
            Change::Resize(from, to) => self.free += to as isize - from as isize,
            Change::Close => self.closed = true,
        }
        self.serve();
        Answer::Done
    }

    fn split(&mut self, who: usize, n: usize) -> Answer {
        let Fate::Holds(all) = self.cast[who].fate else { return Answer::Refused };
        if n > all {
            return Answer::Refused;
        }
        self.cast[who].fate = Fate::Holds(all - n);
        self.join(Ask::For(n), Fate::Holds(n));
        Answer::Got(n)
    }

    fn merge(&mut self, into: usize, from: usize) {
        let (Fate::Holds(a), Fate::Holds(b)) = (self.fate(into), self.fate(from)) else { return };
        self.cast[into].fate = Fate::Holds(a + b);
        self.cast[from].fate = Fate::Gone;
    }
}

/// The accounting.
impl Model {
    /// What lies free, is held and is granted, together: nothing but a change may change it.
    pub fn total(&self) -> isize {
        let taken = |part: &Part| match part.fate {
            Fate::Granted(n) | Fate::Holds(n) => n as isize,
            _ => 0,
        };
        self.free + self.cast.iter().map(taken).sum::<isize>()
    }
}
