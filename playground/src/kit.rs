//! What the code of the levels is written with. Each handle does the real thing and reports it to the board.
//!
//! The functions that are awaited are `#[track_caller]`: so the page knows at which line a task stands.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::board::{Board, Granted, Happening, Kind, Limit, RequestWaker, TaskId, Verdict, name};
use crate::gates::{Closed, Gate, MutexPermit, Permit, Waiting};

/// How every task ends.
pub(crate) type Outcome = Result<(), Closed>;

/// A semaphore, or a lock that protects nothing that the level shows.
#[derive(Clone)]
pub(crate) struct Slots {
    board: Rc<Board>,
    gate: Rc<dyn Gate>,
    id: usize,
    name: &'static str,
}

impl Slots {
    pub(crate) fn new(board: &Rc<Board>, name: &'static str, gate: Rc<dyn Gate>, is_lock: bool) -> Self {
        let id = board.add_gate(name, gate.clone(), is_lock);
        Self { board: board.clone(), gate, id, name }
    }

    #[track_caller]
    pub(crate) fn acquire(&self) -> Acquiring {
        self.acquire_many(1)
    }

    /// [`acquire`](Self::acquire), in the words of a lock.
    #[track_caller]
    pub(crate) fn lock(&self) -> Acquiring {
        self.acquire_many(1)
    }

    #[track_caller]
    pub(crate) fn acquire_many(&self, n: usize) -> Acquiring {
        Acquiring {
            slots: self.clone(),
            n,
            line: Location::caller().line(),
            future: Rc::new(Shared(RefCell::new(Some(self.gate.clone().acquire(n))))),
            asked: None,
        }
    }

    pub(crate) fn available(&self) -> usize {
        self.gate.available()
    }

    /// Adds permits, as `fairgate::Semaphore` does.
    pub(crate) fn add_permits(&self, n: usize) {
        self.board.resized(self.id, n as isize);
        self.gate.add(n);
        let verb = if self.board.running().is_some() { "adds" } else { "add" };
        self.board.say_of_running(|actor| format!("{actor} {verb} {n} to `{}`.", self.name));
    }

    /// The number of permits is another one now.
    pub(crate) fn resized(&self, by: isize) {
        self.board.resized(self.id, by);
    }

    pub(crate) fn closed(&self) {
        self.board.closed(self.id);
    }

    /// Acquires a permit for the player, before the game.
    pub(crate) fn hold(&self) -> Option<Slot> {
        let mut acquiring = self.acquire();
        let result = self
            .board
            .run(None, || Pin::new(&mut acquiring).poll(&mut Context::from_waker(Waker::noop())))
            .0;
        match result {
            Poll::Ready(Ok(slot)) => Some(slot),
            _ => None,
        }
    }
}

struct Shared(RefCell<Option<Waiting>>);

impl Granted for Shared {
    fn is_granted(&self) -> bool {
        // During a poll it is borrowed, and not asked.
        self.0.try_borrow().is_ok_and(|future| future.as_ref().is_some_and(|future| future.is_granted()))
    }
}

/// A request for permits.
#[must_use = "futures do nothing unless polled or awaited"]
pub(crate) struct Acquiring {
    slots: Slots,
    n: usize,
    line: u32,
    future: Rc<Shared>,
    asked: Option<(usize, Arc<RequestWaker>)>,
}

impl Future for Acquiring {
    type Output = Result<Slot, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let board = this.slots.board.clone();
        let (id, waker) = this.asked.get_or_insert_with(|| {
            let waker = RequestWaker::new(board.running(), cx.waker());
            (board.asks(this.slots.id, this.n, this.future.clone(), waker.clone()), waker)
        });
        let (id, was_woken) = (*id, waker.woken.is_set());
        waker.woken.set(false);
        let own = Waker::from(waker.clone());
        let result = {
            let mut future = this.future.0.borrow_mut();
            let future = future.as_mut().expect("polled again after completion");
            future.as_mut().poll(&mut Context::from_waker(&own))
        };
        match result {
            Poll::Pending => {
                board.waits(id, was_woken);
                board.stands_at(this.line);
                Poll::Pending
            }
            Poll::Ready(result) => {
                this.asked = None;
                this.future.0.replace(None);
                Poll::Ready(match result {
                    Ok(permit) => {
                        board.acquired(id);
                        Ok(Slot { board, id, permit: Some(permit) })
                    }
                    Err(Closed) => {
                        board.withdrawn(id, true);
                        Err(Closed)
                    }
                })
            }
        }
    }
}

impl Drop for Acquiring {
    fn drop(&mut self) {
        if let Some((id, _)) = self.asked.take() {
            self.slots.board.withdrawn(id, false);
            self.future.0.replace(None);
        }
    }
}

/// Permits that a task holds. Dropping it releases them.
pub(crate) struct Slot {
    board: Rc<Board>,
    id: usize,
    permit: Option<Box<dyn Permit>>,
}

impl Slot {
    /// Uses the permits up.
    pub(crate) fn forget(mut self) {
        if let Some(permit) = self.permit.take() {
            self.board.released(self.id, true);
            permit.forget();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.board.released(self.id, false);
            drop(permit);
        }
    }
}

/// A real `fairgate::Mutex` around a value.
pub(crate) struct Lock<T> {
    slots: Slots,
    value: PhantomData<T>,
}

impl<T> Clone for Lock<T> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), value: PhantomData }
    }
}

impl<T: 'static> Lock<T> {
    pub(crate) fn new(board: &Rc<Board>, name: &'static str, value: T) -> Self {
        let mutex = Rc::new(fairgate::Mutex::new(value));
        Self { slots: Slots::new(board, name, mutex, true), value: PhantomData }
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> impl Future<Output = Guard<T>> + use<T> {
        let acquiring = self.slots.acquire();
        async move {
            match acquiring.await {
                Ok(slot) => Guard { slot, value: PhantomData },
                Err(Closed) => unreachable!("a mutex is never closed"),
            }
        }
    }
}

pub(crate) struct Guard<T> {
    slot: Slot,
    value: PhantomData<T>,
}

impl<T: 'static> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let permit =
            self.slot.permit.as_ref().and_then(|permit| permit.as_any().downcast_ref::<MutexPermit<T>>());
        permit.expect("a lock is only ever made of a mutex around this type")
    }
}

/// Something to do that takes a while. It is done at the next poll.
#[derive(Clone)]
pub(crate) struct Work(pub(crate) Rc<Board>);

impl Work {
    #[track_caller]
    pub(crate) fn step(&self) -> Pause {
        Pause { board: self.0.clone(), line: Location::caller().line(), polled: false }
    }

    /// What the running task keeps in a local variable.
    pub(crate) fn note(&self, note: String) {
        self.0.set_note(note);
    }
}

/// Comes back at the next poll: the task is ready again at once.
pub(crate) struct Pause {
    board: Rc<Board>,
    line: u32,
    polled: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polled {
            return Poll::Ready(());
        }
        self.polled = true;
        self.board.stands_at(self.line);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Longer than any game.
const NEVER: u64 = u64::MAX;

/// The clock of the world.
#[derive(Clone)]
pub(crate) struct Clock(pub(crate) Rc<Board>);

impl Clock {
    #[track_caller]
    pub(crate) fn sleep(&self, ticks: u64) -> Sleep {
        let line = Location::caller().line();
        Sleep { board: self.0.clone(), ticks, line, marked: true, state: Timing::New }
    }
}

pub(crate) struct Sleep {
    board: Rc<Board>,
    ticks: u64,
    line: u32,
    marked: bool,
    state: Timing,
}

enum Timing {
    New,
    Set { id: usize, at: u64 },
    Fired,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ticks == NEVER {
            self.board.stands_at(self.line);
            return Poll::Pending;
        }
        if let Timing::New = self.state {
            let at = self.board.now() + self.ticks;
            self.state = Timing::Set { id: self.board.set_timer(at, cx.waker()), at };
        }
        match self.state {
            Timing::Set { at, .. } if self.board.now() < at => {
                if self.marked {
                    self.board.stands_at(self.line);
                }
                Poll::Pending
            }
            _ => {
                self.clear();
                Poll::Ready(())
            }
        }
    }
}

impl Sleep {
    /// Not what the task awaits, but the limit of something else.
    fn unmarked(mut self) -> Self {
        self.marked = false;
        self
    }

    fn clear(&mut self) {
        if let Timing::Set { id, .. } = std::mem::replace(&mut self.state, Timing::Fired) {
            self.board.clear_timer(id);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The crate's own `with_timeout`. The mark of the task stands at the await inside `work`, if there is one.
pub(crate) fn with_timeout<F: Future>(
    work: F,
    limit: Sleep,
) -> impl Future<Output = Result<F::Output, fairgate::Elapsed>> {
    let board = limit.board.clone();
    TimeLimit { board, future: Box::pin(fairgate::with_timeout(work, limit.unmarked())) }
}

struct TimeLimit<F> {
    board: Rc<Board>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for TimeLimit<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = self.board.pending();
        let result = self.future.as_mut().poll(cx);
        if result.is_ready() {
            self.board.only_pending(before);
        }
        result
    }
}

/// Polls a future until the time limit, like `select!` over `&mut future`: the future is not dropped when the time is
/// up. `None` then.
#[track_caller]
pub(crate) fn select<F: Future>(future: Pin<&mut F>, limit: Sleep) -> Select<'_, F> {
    let line = Location::caller().line();
    Select { future, limit: limit.unmarked(), line }
}

pub(crate) struct Select<'a, F> {
    future: Pin<&'a mut F>,
    limit: Sleep,
    line: u32,
}

impl<F: Future> Future for Select<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let board = self.limit.board.clone();
        let before = board.pending();
        let result = match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Pin::new(&mut self.limit).poll(cx).map(|()| None),
        };
        // The await is that of the `select`, not the line that made the future.
        board.only_pending(before);
        if result.is_pending() {
            board.stands_at(self.line);
        }
        result
    }
}

/// A server that counts the requests in flight and refuses those beyond its limit.
#[derive(Clone)]
pub(crate) struct Server {
    board: Rc<Board>,
    room: usize,
    /// How long an answer takes. Without it, it is there at the next poll.
    ticks: Option<u64>,
    /// A request that is sent now gets no answer.
    is_cut: Rc<Cell<bool>>,
}

impl Server {
    pub(crate) fn new(board: &Rc<Board>, limit: Limit, ticks: Option<u64>) -> Self {
        Self { board: board.clone(), room: board.add_room("server", limit), ticks, is_cut: Rc::default() }
    }

    pub(crate) fn cut(&self) {
        self.is_cut.set(true);
        self.board.add_fact("network", "cut");
    }

    /// Whether the server answered. It refuses at once and answers in its time.
    #[track_caller]
    pub(crate) fn get(&self) -> impl Future<Output = bool> + use<> {
        self.get_within(self.ticks)
    }

    #[track_caller]
    pub(crate) fn get_within(&self, ticks: Option<u64>) -> impl Future<Output = bool> + use<> {
        let line = Location::caller().line();
        let this = self.clone();
        async move {
            if !this.board.enters(this.room) {
                return false;
            }
            let task = this.board.running().unwrap_or(0);
            let mut visit = Visit { board: this.board.clone(), room: this.room, task, answered: false };
            match ticks {
                Some(ticks) => {
                    let ticks = if this.is_cut.get() { NEVER } else { ticks };
                    Sleep { board: this.board.clone(), ticks, line, marked: true, state: Timing::New }.await
                }
                None => Pause { board: this.board.clone(), line, polled: false }.await,
            }
            visit.answered = true;
            true
        }
    }

    /// The running task has stopped waiting, as it should.
    pub(crate) fn gave_up(&self) {
        self.board.say_of_running(|actor| format!("The time limit of {actor} has passed."));
        self.board.judge(Some(Verdict::TimedOut));
    }

    pub(crate) fn timed_out(&self, text: impl FnOnce(String) -> String) {
        let actor = name(self.board.running());
        self.board.say(format!("The time limit of {actor} has passed."));
        self.board.judge(Some(Verdict::TimedOut));
        self.board.violated(Kind::TimedOut, text(actor));
        self.board.happened(Happening::TimedOut);
    }
}

struct Visit {
    board: Rc<Board>,
    room: usize,
    task: TaskId,
    answered: bool,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.board.leaves(self.room, self.task, self.answered);
    }
}

/// A number that tasks read, and write back later.
pub(crate) struct Counter {
    board: Rc<Board>,
    fact: usize,
    value: Cell<u32>,
    /// How often it was written.
    version: Cell<u32>,
    read: RefCell<Vec<(TaskId, u32)>>,
}

impl Counter {
    pub(crate) fn new(board: &Rc<Board>) -> Self {
        Self {
            board: board.clone(),
            fact: board.add_fact("counter", "0"),
            value: Cell::new(0),
            version: Cell::new(0),
            read: RefCell::default(),
        }
    }

    pub(crate) fn read(&self) -> u32 {
        let (task, value) = (self.board.running().unwrap_or(0), self.value.get());
        self.read.borrow_mut().retain(|(other, _)| *other != task);
        self.read.borrow_mut().push((task, self.version.get()));
        self.board.set_note(format!("seen = {value}"));
        self.board.say_of_running(|actor| format!("{actor} reads {value}."));
        value
    }

    pub(crate) fn write(&self, value: u32) {
        let task = self.board.running().unwrap_or(0);
        let read = self.read.borrow().iter().find(|(other, _)| *other == task).map(|(_, version)| *version);
        let old = self.value.replace(value);
        self.board.set_fact(self.fact, value.to_string());
        self.board.say_of_running(|actor| format!("{actor} writes {value}."));
        if read != Some(self.version.get()) {
            let actor = name(Some(task));
            self.board.violated(
                Kind::LostUpdate,
                format!("{actor} wrote {value} over {old}: the update in between was lost."),
            );
        }
        self.version.set(self.version.get() + 1);
    }
}

/// Counts the tasks that arrive in each round. It makes none of them wait.
#[derive(Clone)]
pub(crate) struct Barrier {
    board: Rc<Board>,
    fact: usize,
    parties: usize,
    /// Per round.
    arrived: Rc<RefCell<[usize; 2]>>,
}

impl Barrier {
    pub(crate) fn new(board: &Rc<Board>, parties: usize) -> Self {
        let fact = board.add_fact("arrived in rounds 1 and 2", "0 and 0");
        Self { board: board.clone(), fact, parties, arrived: Rc::default() }
    }

    /// Whether all have arrived in this round now.
    pub(crate) fn arrive(&self, round: usize) -> bool {
        let mut arrived = self.arrived.borrow_mut();
        arrived[round - 1] += 1;
        self.board.set_fact(self.fact, format!("{} and {}", arrived[0], arrived[1]));
        self.board.say_of_running(|actor| format!("{actor} arrives in round {round}."));
        arrived[round - 1] == self.parties
    }

    pub(crate) fn pass(&self, round: usize) {
        let actor = name(self.board.running());
        self.board.say(format!("{actor} passes the barrier of round {round}."));
        let missing = self.parties - self.arrived.borrow()[round - 1];
        if missing > 0 {
            let text = format!(
                "{actor} passed the barrier of round {round}, and {missing} of {} had not arrived there.",
                self.parties
            );
            self.board.violated(Kind::TooEarly, text);
        }
    }
}

/// A value in two halves, which are written one after the other.
#[derive(Clone)]
pub(crate) struct Record {
    board: Rc<Board>,
    fact: usize,
    halves: Rc<Cell<[&'static str; 2]>>,
}

impl Record {
    pub(crate) fn new(board: &Rc<Board>) -> Self {
        let fact = board.add_fact("record", "old, old");
        Self { board: board.clone(), fact, halves: Rc::new(Cell::new(["old", "old"])) }
    }

    pub(crate) fn write_first_half(&self) {
        self.write("first", ["new", self.halves.get()[1]]);
    }

    pub(crate) fn write_second_half(&self) {
        self.write("second", [self.halves.get()[0], "new"]);
    }

    fn write(&self, which: &str, halves: [&'static str; 2]) {
        self.halves.set(halves);
        self.board.set_fact(self.fact, halves.join(", "));
        self.board.say_of_running(|actor| format!("{actor} writes the {which} half."));
    }

    pub(crate) fn read(&self) {
        let [first, second] = self.halves.get();
        let actor = name(self.board.running());
        self.board.say(format!("{actor} reads the record: {first}, {second}."));
        if first != second {
            let text =
                format!("{actor} read a record of which one half was {first} and the other {second}.");
            self.board.violated(Kind::TornRead, text);
        }
    }
}

/// The connections of a pool that are idle.
#[derive(Clone)]
pub(crate) struct Idle {
    board: Rc<Board>,
    fact: usize,
    connections: Rc<RefCell<Vec<&'static str>>>,
}

impl Idle {
    pub(crate) fn new(board: &Rc<Board>) -> Self {
        let this = Self {
            board: board.clone(),
            fact: board.add_fact("idle connections", ""),
            connections: Rc::default(),
        };
        this.connections.borrow_mut().push("№ 1");
        this.show();
        this
    }

    /// `None`, and that is what must not happen, if there is none.
    pub(crate) fn pop(&self) -> Option<&'static str> {
        let connection = self.connections.borrow_mut().pop();
        self.show();
        let actor = name(self.board.running());
        match connection {
            Some(connection) => self.board.say(format!("{actor} takes connection {connection}.")),
            None => {
                self.board.say(format!("{actor} finds no idle connection."));
                self.board.judge(Some(Verdict::NoConnection));
                let text =
                    format!("{actor} had a permit of the pool, and the pool had no idle connection.");
                self.board.violated(Kind::NoConnection, text);
            }
        }
        connection
    }

    pub(crate) fn push(&self, connection: &'static str) {
        self.connections.borrow_mut().push(connection);
        self.show();
        self.board.say_of_running(|actor| format!("{actor} puts connection {connection} back."));
    }

    fn show(&self) {
        let connections = self.connections.borrow().join(", ");
        self.board
            .set_fact(self.fact, if connections.is_empty() { "none".to_owned() } else { connections });
    }
}
