//! One scenario with parameters: who holds what, who waits for how much, and what up to three threads then do at
//! once. `points.rs` names points of it.
//!
//! The first thread borrows the semaphore, the others own their part of it; the code is the same. So is what must
//! hold at the end, whatever was done: every permit is accounted for, nobody who could be served waits, nobody was
//! overtaken, and whoever was served was woken.

use std::mem;
use std::sync::Arc;

use fairgate_loom::{AcquireFrom, Handle, Permit, Semaphore};
use loom::thread::{self, JoinHandle};

use crate::check::check;
use crate::request::{Polled, Request};

use Act::*;

/// A start, arranged in one thread, and what each of three threads does from there.
pub struct Scenario {
    pub free: usize,
    /// The permits that each thread holds.
    pub held: [usize; 3],
    /// How many permits each waiter needs, from the front on.
    pub line: &'static [usize],
    pub acts: [&'static [Act]; 3],
}

/// What a thread does. It keeps the permits it gets, as one. Requests are counted from the front of the line; a
/// thread's newcomers stand behind.
#[derive(Clone, Copy)]
pub enum Act {
    Add(usize),
    Reduce(usize),
    Forget(usize),
    Close,
    /// A late asks.
    Ask(usize),
    Try(usize),
    /// Polls where nothing need have happened.
    Poll(usize),
    /// Polls with another waker.
    Elsewhere(usize),
    Cancel(usize),
    /// Gives back all that the thread holds.
    Give,
    /// Parts so many from what the thread holds, and gives them back.
    GivePart(usize),
    /// Parts so many from what the thread holds, and forgets them.
    Lose(usize),
}

impl Act {
    /// The request it is about.
    fn request(self) -> Option<usize> {
        match self {
            Poll(i) | Elsewhere(i) | Cancel(i) => Some(i),
            _ => None,
        }
    }
}

/// A request's place in the line: those before it that it must not overtake.
#[derive(Clone, Copy, Debug)]
struct Turn {
    index: usize,
    /// Newcomers of different threads do not know who came first.
    newcomer_of: Option<usize>,
}

impl Turn {
    fn is_before(self, other: Self) -> bool {
        self.index < other.index && (self.newcomer_of.is_none() || self.newcomer_of == other.newcomer_of)
    }
}

/// A thread with its part of the semaphore.
struct Actor<O: Handle<Target = Semaphore>> {
    me: usize,
    owner: O,
    waiting: Vec<(Turn, Request<AcquireFrom<O>>)>,
    held: Option<Permit<O>>,
    next: usize,
    told: Told,
}

/// What a thread has done and learnt that the accounts must know.
#[derive(Default)]
struct Told {
    served: Vec<Turn>,
    refused: Vec<Turn>,
    /// How many permits there are more than at the start.
    made: isize,
}

impl<O: Handle<Target = Semaphore> + Clone> Actor<O> {
    fn new(me: usize, owner: O, held: usize, next: usize) -> Self {
        let held = Some(Semaphore::try_acquire_from(owner.clone(), held).unwrap());
        Self { me, owner, waiting: Vec::new(), held, next, told: Told::default() }
    }

    /// Stands in line before the threads start.
    fn wait(&mut self, index: usize, need: usize) {
        let request = Request::pending(Semaphore::acquire_from(self.owner.clone(), need));
        self.waiting.push((Turn { index, newcomer_of: None }, request));
    }

    fn perform(mut self, acts: &[Act]) -> Self {
        acts.iter().for_each(|&act| self.act(act));
        self
    }

    fn act(&mut self, act: Act) {
        match act {
            Add(n) => {
                self.owner.add_permits(n);
                self.told.made += n as isize;
            }
            Reduce(n) => {
                self.owner.reduce_permits(n);
                self.told.made -= n as isize;
            }
            Forget(n) => self.told.made -= self.owner.forget_permits(n) as isize,
            Close => self.owner.close(),
            Ask(n) => {
                let turn = self.late();
                let asked = Request::poll_once(Semaphore::acquire_from(self.owner.clone(), n));
                self.note(turn, asked);
            }
            Try(n) => {
                let turn = self.late();
                if let Ok(permit) = Semaphore::try_acquire_from(self.owner.clone(), n) {
                    self.note(turn, Polled::Ready(Ok(permit)));
                }
            }
            Poll(index) => self.ask_again(index, Request::poll_again),
            Elsewhere(index) => self.ask_again(index, Request::poll_from_new_task),
            Cancel(index) => drop(self.take(index)),
            Give => drop(self.held.take()),
            GivePart(n) => drop(self.part(n)),
            Lose(n) => {
                self.part(n).forget();
                self.told.made -= n as isize;
            }
        }
    }

    fn late(&mut self) -> Turn {
        self.next += 1;
        Turn { index: self.next - 1, newcomer_of: Some(self.me) }
    }

    fn part(&mut self, n: usize) -> Permit<O> {
        self.held.as_mut().and_then(|held| held.split(n)).expect("it holds as many")
    }

    /// Takes a request out, if it has not been answered.
    fn take(&mut self, index: usize) -> Option<(Turn, Request<AcquireFrom<O>>)> {
        let at = self.waiting.iter().position(|(turn, _)| turn.index == index)?;
        Some(self.waiting.remove(at))
    }

    fn ask_again(&mut self, index: usize, ask: impl Fn(Request<AcquireFrom<O>>) -> Polled<AcquireFrom<O>>) {
        if let Some((turn, request)) = self.take(index) {
            self.note(turn, ask(request));
        }
    }

    fn note(&mut self, turn: Turn, asked: Polled<AcquireFrom<O>>) {
        match asked {
            Polled::Pending(request) => self.waiting.push((turn, request)),
            Polled::Ready(Err(_)) => self.told.refused.push(turn),
            Polled::Ready(Ok(permit)) => {
                self.told.served.push(turn);
                match &mut self.held {
                    Some(held) => held.merge(permit),
                    None => self.held = Some(permit),
                }
            }
        }
    }
}

/// A thread that is done, whatever it owns its part by.
trait Done {
    fn told(&self) -> &Told;

    /// Those who wait, and for how much.
    fn needs(&self) -> Vec<(Turn, usize)>;

    fn holds(&self) -> usize;

    /// Looks whether whoever was served meanwhile was woken, and nobody else.
    fn check_wakes(&mut self);

    fn give(&mut self);

    fn leave(&mut self);
}

impl<O: Handle<Target = Semaphore> + Clone> Done for Actor<O> {
    fn told(&self) -> &Told {
        &self.told
    }

    fn needs(&self) -> Vec<(Turn, usize)> {
        self.waiting.iter().map(|(turn, request)| (*turn, request.future().num_permits())).collect()
    }

    fn holds(&self) -> usize {
        self.held.as_ref().map_or(0, Permit::num_permits)
    }

    fn check_wakes(&mut self) {
        for (turn, request) in mem::take(&mut self.waiting) {
            self.note(turn, request.check_wakes());
        }
    }

    fn give(&mut self) {
        self.held = None;
    }

    fn leave(&mut self) {
        self.waiting.clear();
    }
}

impl Scenario {
    #[track_caller]
    pub fn check(self) {
        check(move || self.run());
    }

    fn run(&self) {
        let start = self.free + self.held.iter().sum::<usize>();
        let semaphore = Arc::new(Semaphore::new(start));
        let next = self.line.len();
        let mut first = Actor::new(0, &*semaphore, self.held[0], next);
        let mut others = [1, 2].map(|me| Actor::new(me, semaphore.clone(), self.held[me], next));
        for (index, &need) in self.line.iter().enumerate() {
            match others.iter_mut().find(|other| self.is_about(other.me, index)) {
                Some(other) => other.wait(index, need),
                None => first.wait(index, need),
            }
        }
        let others = others.map(|other| self.start(other));
        let mut first = first.perform(self.acts[0]);
        let mut others = others.map(|other| other.unwrap_or_else(|thread| thread.join().unwrap()));
        let [second, third] = &mut others;
        self.account(&semaphore, start, [&mut first, second, third]);
    }

    /// Starts a thread, if it has anything to do.
    fn start<O>(&self, actor: Actor<O>) -> Result<Actor<O>, JoinHandle<Actor<O>>>
    where
        O: Handle<Target = Semaphore> + Clone + 'static,
    {
        match self.acts[actor.me] {
            [] => Ok(actor),
            acts => Err(thread::spawn(move || actor.perform(acts))),
        }
    }

    /// Whether a thread does something with a request.
    fn is_about(&self, thread: usize, index: usize) -> bool {
        self.acts[thread].iter().any(|act| act.request() == Some(index))
    }

    fn does(&self, what: impl Fn(&Act) -> bool) -> bool {
        self.acts.iter().any(|acts| acts.iter().any(&what))
    }

    /// What must hold when the threads are done, and again each time that one of them gives back what it holds.
    fn account(&self, semaphore: &Semaphore, start: usize, mut all: [&mut dyn Done; 3]) {
        let total = start as isize + all.iter().map(|done| done.told().made).sum::<isize>();
        loop {
            all.iter_mut().for_each(|done| done.check_wakes());
            let held = all.iter().map(|done| done.holds()).sum::<usize>();
            let left = total - held as isize;
            assert!(left >= 0 || self.does(|act| matches!(act, Reduce(_))), "nothing else makes debts");
            let free = left.max(0) as usize;
            assert_eq!(semaphore.available_permits(), free, "every permit is accounted for");
            self.line_is_just(&all, free);
            match all.iter_mut().find(|done| done.holds() > 0) {
                Some(holder) => holder.give(),
                None => break,
            }
        }
        all.iter_mut().for_each(|done| done.leave());
        assert_eq!(semaphore.is_closed(), self.does(|act| matches!(act, Close)), "closed is closed");
        assert_eq!(semaphore.waiters(), 0);
        let debt = (-total).max(0) as usize;
        semaphore.add_permits(debt);
        assert_eq!(
            semaphore.available_permits(),
            (total + debt as isize) as usize,
            "the debt is what is owed"
        );
    }

    /// Nobody was overtaken, and nobody waits who could be served.
    fn line_is_just(&self, all: &[&mut dyn Done; 3], free: usize) {
        let needs: Vec<_> = all.iter().flat_map(|done| done.needs()).collect();
        let refused: Vec<_> = all.iter().flat_map(|done| done.told().refused.clone()).collect();
        let behind = needs.iter().map(|(turn, _)| turn).chain(&refused);
        for (unserved, served) in behind.flat_map(|turn| all.iter().map(move |done| (turn, done.told()))) {
            assert!(
                !served.served.iter().any(|served| unserved.is_before(*served)),
                "somebody was overtaken"
            );
        }
        if self.does(|act| matches!(act, Close)) {
            assert!(needs.is_empty(), "nobody waits at a closed semaphore");
        } else {
            assert!(refused.is_empty(), "nobody is refused at an open semaphore");
        }
        // Of newcomers of different threads nobody knows who stands in front.
        let mut fronts =
            needs.iter().filter(|(turn, _)| !needs.iter().any(|(other, _)| other.is_before(*turn)));
        assert!(needs.is_empty() || fronts.any(|&(_, need)| need > free), "the front could be served");
    }
}
