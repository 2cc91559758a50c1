//! A world of tasks: the futures, the moves, and what they lead to.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use serde::Serialize;

use crate::board::{Board, Flag, Kind, Limit, Standing, TaskId, Verdict, name};
use crate::gates::{Closed, Gate, inside};
use crate::kit::{Barrier, Clock, Counter, Idle, Lock, Outcome, Record, Server, Slot, Slots, Work};

/// A step of the game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// Polls a task.
    Poll(usize),
    /// Drops the future of a task.
    Cancel(usize),
    /// Lets the clock go to the next timer.
    Tick,
    /// One of the level's own actions, such as a release.
    Act(usize),
}

/// What the player may do.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rules {
    /// Drop the future of a task.
    pub cancel: bool,
    /// Poll a task that was not woken.
    pub spurious: bool,
}

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not polled yet.
    New,
    /// It woke itself: it has something to do.
    Ready,
    /// Woken by another task or by a timer.
    Woken,
    /// Pending, and not woken.
    Waiting,
    /// Completed.
    Done,
    /// Completed because a semaphore is closed.
    Closed,
    /// Completed without a page: the server refused its request.
    Refused,
    /// Completed without a page: its time limit passed.
    TimedOut,
    /// Completed without a connection.
    NoConnection,
    /// Dropped.
    Cancelled,
}

pub(crate) struct Task {
    pub(crate) title: &'static str,
    pub(crate) function: &'static str,
    future: Option<Pin<Box<dyn Future<Output = Outcome>>>>,
    flag: Arc<TaskWaker>,
    started: bool,
    woke_itself: bool,
    end: Option<Status>,
    pub(crate) line: Option<u32>,
}

struct TaskWaker {
    task: TaskId,
    woken: Flag,
    /// Tasks in the order in which they were woken, for a scheduler.
    run_queue: Arc<Mutex<Vec<TaskId>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.is_set() {
            self.woken.set(true);
            if let Ok(mut queue) = self.run_queue.lock() {
                queue.push(self.task);
            }
        }
    }
}

impl Task {
    pub(crate) fn status(&self) -> Status {
        match self.end {
            Some(end) => end,
            None if !self.started => Status::New,
            None if !self.flag.woken.is_set() => Status::Waiting,
            None if self.woke_itself => Status::Ready,
            None => Status::Woken,
        }
    }

    fn can_run(&self) -> bool {
        matches!(self.status(), Status::New | Status::Ready | Status::Woken)
    }
}

/// An action of the player.
pub(crate) struct Action {
    pub(crate) label: &'static str,
    pub(crate) left: usize,
    run: Box<dyn FnMut()>,
}

/// The tasks, and what they share.
pub struct World {
    pub(crate) board: Rc<Board>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) actions: Vec<Action>,
    pub(crate) rules: Rules,
    pub(crate) moves: usize,
    run_queue: Arc<Mutex<Vec<TaskId>>>,
}

impl World {
    pub(crate) fn new(rules: Rules, build: impl FnOnce(&mut Self)) -> Self {
        inside::start();
        let mut world = Self {
            board: Board::new(),
            tasks: Vec::new(),
            actions: Vec::new(),
            rules,
            moves: 0,
            run_queue: Arc::default(),
        };
        build(&mut world);
        world.board.note(|inner| inner.log.clear());
        world
    }

    // What levels are built from.

    pub(crate) fn task(
        &mut self,
        title: &'static str,
        function: &'static str,
        code: impl Future<Output = Outcome> + 'static,
    ) {
        let task = self.tasks.len();
        let flag = TaskWaker { task, woken: Flag::default(), run_queue: self.run_queue.clone() };
        self.tasks.push(Task {
            title,
            function,
            future: Some(Box::pin(code)),
            flag: Arc::new(flag),
            started: false,
            woke_itself: false,
            end: None,
            line: None,
        });
    }

    pub(crate) fn semaphore(&self, name: &'static str, gate: Rc<dyn Gate>) -> Slots {
        Slots::new(&self.board, name, gate, false)
    }

    pub(crate) fn plain_lock(&self, name: &'static str, gate: Rc<dyn Gate>) -> Slots {
        Slots::new(&self.board, name, gate, true)
    }

    pub(crate) fn lock<T: 'static>(&self, name: &'static str, value: T) -> Lock<T> {
        Lock::new(&self.board, name, value)
    }

    pub(crate) fn server(&self, limit: Limit, ticks: Option<u64>) -> Server {
        Server::new(&self.board, limit, ticks)
    }

    pub(crate) fn counter(&self) -> Counter {
        Counter::new(&self.board)
    }

    pub(crate) fn idle_connections(&self) -> Idle {
        Idle::new(&self.board)
    }

    pub(crate) fn barrier(&self, parties: usize) -> Barrier {
        Barrier::new(&self.board, parties)
    }

    pub(crate) fn record(&self) -> Record {
        Record::new(&self.board)
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock(self.board.clone())
    }

    pub(crate) fn work(&self) -> Work {
        Work(self.board.clone())
    }

    /// Something the player can do `times` times.
    pub(crate) fn action(&mut self, label: &'static str, times: usize, run: impl FnMut() + 'static) {
        self.actions.push(Action { label, left: times, run: Box::new(run) });
    }

    /// The player holds this many permits from the start and may release them one by one.
    pub(crate) fn player_holds(&mut self, slots: &Slots, permits: usize, label: &'static str) {
        let mut held: Vec<Slot> = (0..permits).filter_map(|_| slots.hold()).collect();
        self.action(label, permits, move || drop(held.pop()));
    }

    // The game.

    /// All moves that are possible now.
    pub fn legal(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (index, task) in self.tasks.iter().enumerate() {
            let waiting = task.status() == Status::Waiting;
            if task.can_run() || waiting && self.rules.spurious {
                moves.push(Move::Poll(index));
            }
        }
        if self.can_tick() {
            moves.push(Move::Tick);
        }
        for (index, action) in self.actions.iter().enumerate() {
            if action.left > 0 {
                moves.push(Move::Act(index));
            }
        }
        if self.rules.cancel {
            let started = |task: &Task| task.end.is_none() && task.started;
            moves.extend(
                (0..self.tasks.len()).filter(|index| started(&self.tasks[*index])).map(Move::Cancel),
            );
        }
        moves
    }

    /// Time passes only when no started task can run. The others may start later.
    fn can_tick(&self) -> bool {
        let runs = |task: &Task| task.started && task.can_run();
        self.board.next_timer().is_some() && !self.tasks.iter().any(runs)
    }

    /// Makes a move.
    ///
    /// # Errors
    /// A sentence that says why the move is not possible. The world is unchanged then.
    pub fn make(&mut self, step: Move) -> Result<(), String> {
        self.possible(step)?;
        self.moves += 1;
        self.board.begin_move();
        match step {
            Move::Poll(task) => self.poll(task),
            Move::Cancel(task) => self.cancel(task),
            Move::Tick => {
                self.board.advance();
                self.board.say(format!("The clock shows {} s.", self.board.now()));
            }
            Move::Act(action) => {
                self.actions[action].left -= 1;
                let run = &mut self.actions[action].run;
                self.board.run(None, run);
            }
        }
        self.explain(step);
        self.board.check_gates();
        self.check_standstill();
        Ok(())
    }

    /// A move that did nothing worth a sentence is named, at least.
    fn explain(&self, step: Move) {
        if !self.board.look(|inner| inner.log.is_empty()) {
            return;
        }
        match step {
            Move::Poll(task) => self.board.say(format!("{} runs to its next `.await`.", name(Some(task)))),
            Move::Act(action) => {
                let mut label = self.actions[action].label.to_owned();
                if let Some(first) = label.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                self.board.say(format!("You {label}."));
            }
            Move::Cancel(_) | Move::Tick => {}
        }
    }

    fn possible(&self, step: Move) -> Result<(), String> {
        if let Move::Poll(task) | Move::Cancel(task) = step {
            let actor = name(Some(task));
            let task = self.tasks.get(task).ok_or_else(|| format!("there is no task {actor}"))?;
            match (task.status(), step) {
                (Status::Cancelled, _) => return Err(format!("{actor} is cancelled")),
                (Status::Done, _) => return Err(format!("{actor} is done")),
                _ if task.end.is_some() => return Err(format!("{actor} has ended")),
                (Status::New, Move::Cancel(_)) => return Err(format!("{actor} has not started")),
                _ => {}
            }
        }
        if self.legal().contains(&step) {
            return Ok(());
        }
        Err(match step {
            Move::Poll(task) => format!("{} waits and was not woken", name(Some(task))),
            Move::Cancel(_) => "this level has no cancellation".to_owned(),
            Move::Tick if self.board.next_timer().is_none() => "no timer is set".to_owned(),
            Move::Tick => "time passes only when no task that has started can run".to_owned(),
            Move::Act(action) => format!("action {} is not possible", action + 1),
        })
    }

    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let Some(mut future) = task.future.take() else { return };
        task.started = true;
        task.flag.woken.set(false);
        let waker = Waker::from(task.flag.clone());
        let mut cx = Context::from_waker(&waker);
        let (result, line) = self.board.run(Some(index), || {
            let result = future.as_mut().poll(&mut cx);
            match result {
                Poll::Pending => task.future = Some(future),
                // A future may hold something until it is dropped.
                Poll::Ready(_) => drop(future),
            }
            result
        });
        task.line = line.filter(|_| result.is_pending());
        task.woke_itself = task.flag.woken.is_set();
        if let Poll::Ready(result) = result {
            task.end = Some(match (result, self.board.verdict(index)) {
                (Err(Closed), _) => Status::Closed,
                (Ok(()), Some(Verdict::Refused)) => Status::Refused,
                (Ok(()), Some(Verdict::TimedOut)) => Status::TimedOut,
                (Ok(()), Some(Verdict::NoConnection)) => Status::NoConnection,
                (Ok(()), None) => Status::Done,
            });
            self.board.clear_note(index);
            self.board.say(match result {
                Ok(()) if task.end == Some(Status::Done) => format!("{} is done.", name(Some(index))),
                Ok(()) => format!("{} ends without a result.", name(Some(index))),
                Err(Closed) => format!("{} ends: the semaphore is closed.", name(Some(index))),
            });
        }
    }

    fn cancel(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let future = task.future.take();
        self.board.say(format!("{} is cancelled.", name(Some(index))));
        self.board.run(Some(index), || drop(future));
        task.end = Some(Status::Cancelled);
        task.line = None;
        self.board.clear_note(index);
    }

    fn check_standstill(&mut self) {
        let unfinished: Vec<_> =
            (0..self.tasks.len()).filter(|index| self.tasks[*index].end.is_none()).collect();
        let runs = unfinished.iter().any(|index| self.tasks[*index].can_run());
        let can_act = self.actions.iter().any(|action| action.left > 0);
        if !unfinished.is_empty() && !runs && !can_act && self.board.next_timer().is_none() {
            self.board.check_standstill(&unfinished);
        }
    }

    /// How often this kind of violation has happened.
    pub fn count(&self, kind: Kind) -> usize {
        self.board
            .look(|inner| inner.violations.iter().filter(|violation| kind.includes(violation.kind)).count())
    }

    /// The kinds of all violations so far.
    pub fn violations(&self) -> Vec<Kind> {
        self.board.look(|inner| inner.violations.iter().map(|violation| violation.kind).collect())
    }

    /// A number that two worlds of the same level share if the same moves lead to the same things in both.
    pub fn fingerprint(&self) -> u64 {
        let mut state = DefaultHasher::new();
        for task in &self.tasks {
            (task.status(), task.line, task.flag.woken.is_set()).hash(&mut state);
        }
        for action in &self.actions {
            action.left.hash(&mut state);
        }
        self.board.hash_state(&mut state);
        state.finish()
    }

    /// For the timeline: one letter for how a task stands.
    pub(crate) fn phase(&self, index: usize) -> char {
        let (holds, standing) = self.board.look(|inner| {
            let mut own = inner.requests.iter().filter(|request| request.task == Some(index));
            let holds = own.clone().any(|request| request.standing() == Standing::Holding);
            (
                holds,
                own.find(|request| request.standing() != Standing::Holding)
                    .map(|request| request.standing()),
            )
        });
        let in_flight =
            self.board.look(|inner| inner.rooms.iter().any(|room| room.inside.contains(&index)));
        match (self.tasks[index].status(), holds, standing) {
            (Status::New, ..) => '.',
            (Status::Done, ..) => 'd',
            (Status::Closed, ..) => 'c',
            (Status::Refused, ..) => 'f',
            (Status::TimedOut, ..) => 'o',
            (Status::NoConnection, ..) => 'n',
            (Status::Cancelled, ..) => 'x',
            (_, true, Some(_)) => 'b',
            (_, true, None) => 'h',
            (_, false, Some(Standing::Granted)) => 'g',
            (_, false, Some(Standing::Woken)) => 'k',
            (_, false, Some(_)) => 'w',
            (_, false, None) if in_flight => 's',
            (_, false, None) => 'r',
        }
    }

    /// Runs the tasks as a plain executor does: first woken, first polled. Stops when only timers that never fire are
    /// left, or at the end of time.
    pub(crate) fn run_to_the_end(&mut self, end: u64) {
        if let Ok(mut queue) = self.run_queue.lock() {
            queue.clear();
        }
        for task in &self.tasks {
            task.flag.wake_by_ref();
        }
        self.drain();
        while self.board.next_timer().is_some_and(|at| at <= end) {
            self.board.advance();
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            let first = |queue: &mut Vec<TaskId>| (!queue.is_empty()).then(|| queue.remove(0));
            let next = self.run_queue.lock().ok().and_then(|mut queue| first(&mut queue));
            let Some(next) = next else { return };
            self.poll(next);
        }
    }
}
