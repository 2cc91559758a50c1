//! A scenario with parameters: how many permits are available, held and waited for at the start, and what up to
//! three threads then do concurrently. `scenarios.rs` lists instances.
//!
//! The first thread borrows the semaphore and the others hold an `Arc` to it; the code is the same. At the end of
//! every scenario each permit must be accounted for, no request that can be granted may be pending, no request may
//! have been overtaken, and each request that completed must have been woken.

use std::mem;
use std::sync::Arc;

use fairgate_loom::futures::Acquire;
use fairgate_loom::{Handle, Permit, Semaphore};
use loom::thread::{self, JoinHandle};

use crate::check::check;
use crate::request::{Polled, Request};

use Step::*;

/// A start, arranged in one thread, and the steps of three threads from there.
pub struct Scenario {
    pub available: usize,
    /// The permits that each thread holds.
    pub held: [usize; 3],
    /// How many permits each waiter needs, from the front of the queue.
    pub queue: &'static [usize],
    pub steps: [&'static [Step]; 3],
}

/// One step of a thread. A thread merges all permits that it acquires into one. Requests are numbered from the
/// front of the queue; the new requests of a thread continue from there.
#[derive(Clone, Copy)]
pub enum Step {
    Add(usize),
    Reduce(usize),
    Forget(usize),
    Close,
    /// Polls a new request.
    Enqueue(usize),
    Try(usize),
    /// Polls a request again, although it may not have been woken.
    Poll(usize),
    /// Polls a request again with a new waker.
    PollFromNewTask(usize),
    Cancel(usize),
    /// Releases all permits that the thread holds.
    Release,
    /// Splits off this many of the permits that the thread holds, and releases them.
    ReleasePart(usize),
    /// Splits off this many of the permits that the thread holds, and forgets them.
    ForgetPart(usize),
}

impl Step {
    /// The number of the request that it needs.
    fn request(self) -> Option<usize> {
        match self {
            Poll(i) | PollFromNewTask(i) | Cancel(i) => Some(i),
            _ => None,
        }
    }
}

/// The position of a request, which says what requests it must not overtake.
#[derive(Clone, Copy, Debug)]
struct Position {
    index: usize,
    /// The thread, if the request was first polled while the threads ran. The order of such requests is known
    /// only within a thread.
    new_in: Option<usize>,
}

impl Position {
    fn is_before(self, other: Self) -> bool {
        self.index < other.index && (self.new_in.is_none() || self.new_in == other.new_in)
    }
}

/// A thread with its handle, its requests and its permits.
struct Worker<O: Handle<Target = Semaphore>> {
    index: usize,
    handle: O,
    pending: Vec<(Position, Request<Acquire<O>>)>,
    held: Option<Permit<O>>,
    next: usize,
    log: Log,
}

/// What the final checks must know of a thread.
#[derive(Default)]
struct Log {
    granted: Vec<Position>,
    refused: Vec<Position>,
    /// The number of permits that this thread has added to the total, less the number that it has removed.
    added: isize,
}

impl<O: Handle<Target = Semaphore> + Clone> Worker<O> {
    fn new(index: usize, handle: O, held: usize, next: usize) -> Self {
        let held = Some(Semaphore::acquire_from(handle.clone(), held).try_wait().unwrap());
        Self { index, handle, pending: Vec::new(), held, next, log: Log::default() }
    }

    /// Enqueues a request before the threads start.
    fn enqueue(&mut self, index: usize, permits: usize) {
        let request = Request::pending(Semaphore::acquire_from(self.handle.clone(), permits));
        self.pending.push((Position { index, new_in: None }, request));
    }

    fn run(mut self, steps: &[Step]) -> Self {
        steps.iter().for_each(|&step| self.step(step));
        self
    }

    fn step(&mut self, step: Step) {
        match step {
            Add(n) => {
                self.handle.add_permits(n);
                self.log.added += n as isize;
            }
            Reduce(n) => {
                self.handle.reduce_permits(n);
                self.log.added -= n as isize;
            }
            Forget(n) => self.log.added -= self.handle.forget_permits(n) as isize,
            Close => self.handle.close(),
            Enqueue(n) => {
                let position = self.next_position();
                let polled = Request::poll_once(Semaphore::acquire_from(self.handle.clone(), n));
                self.record(position, polled);
            }
            Try(n) => {
                let position = self.next_position();
                if let Ok(permit) = Semaphore::acquire_from(self.handle.clone(), n).try_wait() {
                    self.record(position, Polled::Ready(Ok(permit)));
                }
            }
            Poll(index) => self.poll(index, Request::poll_again),
            PollFromNewTask(index) => self.poll(index, Request::poll_from_new_task),
            Cancel(index) => drop(self.take(index)),
            Release => drop(self.held.take()),
            ReleasePart(n) => drop(self.split(n)),
            ForgetPart(n) => {
                self.split(n).forget();
                self.log.added -= n as isize;
            }
        }
    }

    fn next_position(&mut self) -> Position {
        self.next += 1;
        Position { index: self.next - 1, new_in: Some(self.index) }
    }

    fn split(&mut self, n: usize) -> Permit<O> {
        self.held.as_mut().and_then(|held| held.split(n)).expect("the thread holds that many permits")
    }

    /// Takes a request out, unless it has completed.
    fn take(&mut self, index: usize) -> Option<(Position, Request<Acquire<O>>)> {
        let at = self.pending.iter().position(|(position, _)| position.index == index)?;
        Some(self.pending.remove(at))
    }

    fn poll(&mut self, index: usize, poll: impl Fn(Request<Acquire<O>>) -> Polled<Acquire<O>>) {
        if let Some((position, request)) = self.take(index) {
            self.record(position, poll(request));
        }
    }

    fn record(&mut self, position: Position, polled: Polled<Acquire<O>>) {
        match polled {
            Polled::Pending(request) => self.pending.push((position, request)),
            Polled::Ready(Err(_)) => self.log.refused.push(position),
            Polled::Ready(Ok(permit)) => {
                self.log.granted.push(position);
                match &mut self.held {
                    Some(held) => held.merge(permit),
                    None => self.held = Some(permit),
                }
            }
        }
    }
}

/// A thread that has ended, with any kind of handle.
trait Finished {
    fn log(&self) -> &Log;

    /// The pending requests, and how many permits each needs.
    fn needs(&self) -> Vec<(Position, usize)>;

    fn held(&self) -> usize;

    /// Polls each pending request, and checks that exactly those were woken that completed.
    fn check_wakes(&mut self);

    fn release(&mut self);

    fn cancel_all(&mut self);
}

impl<O: Handle<Target = Semaphore> + Clone> Finished for Worker<O> {
    fn log(&self) -> &Log {
        &self.log
    }

    fn needs(&self) -> Vec<(Position, usize)> {
        self.pending.iter().map(|(position, request)| (*position, request.future().num_permits())).collect()
    }

    fn held(&self) -> usize {
        self.held.as_ref().map_or(0, Permit::num_permits)
    }

    fn check_wakes(&mut self) {
        for (position, request) in mem::take(&mut self.pending) {
            self.record(position, request.check_wakes());
        }
    }

    fn release(&mut self) {
        self.held = None;
    }

    fn cancel_all(&mut self) {
        self.pending.clear();
    }
}

impl Scenario {
    #[track_caller]
    pub fn check(self) {
        check(move || self.run());
    }

    fn run(&self) {
        let total = self.available + self.held.iter().sum::<usize>();
        let semaphore = Arc::new(Semaphore::new(total));
        let next = self.queue.len();
        let mut first = Worker::new(0, &*semaphore, self.held[0], next);
        let mut others = [1, 2].map(|index| Worker::new(index, semaphore.clone(), self.held[index], next));
        for (index, &permits) in self.queue.iter().enumerate() {
            match others.iter_mut().find(|other| self.needs(other.index, index)) {
                Some(other) => other.enqueue(index, permits),
                None => first.enqueue(index, permits),
            }
        }
        let others = others.map(|other| self.start(other));
        let mut first = first.run(self.steps[0]);
        let mut others = others.map(|other| other.unwrap_or_else(|thread| thread.join().unwrap()));
        let [second, third] = &mut others;
        self.check_end(&semaphore, total, [&mut first, second, third]);
    }

    /// Spawns a thread, if it has any step.
    fn start<O>(&self, worker: Worker<O>) -> Result<Worker<O>, JoinHandle<Worker<O>>>
    where
        O: Handle<Target = Semaphore> + Clone + 'static,
    {
        match self.steps[worker.index] {
            [] => Ok(worker),
            steps => Err(thread::spawn(move || worker.run(steps))),
        }
    }

    /// Whether a step of this thread needs this request.
    fn needs(&self, thread: usize, request: usize) -> bool {
        self.steps[thread].iter().any(|step| step.request() == Some(request))
    }

    fn contains(&self, step: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().flat_map(|steps| steps.iter()).any(step)
    }

    /// What must hold when the threads have ended, and again each time one of them releases what it holds.
    fn check_end(&self, semaphore: &Semaphore, total: usize, mut workers: [&mut dyn Finished; 3]) {
        let total = total as isize + workers.iter().map(|worker| worker.log().added).sum::<isize>();
        loop {
            workers.iter_mut().for_each(|worker| worker.check_wakes());
            let held = workers.iter().map(|worker| worker.held()).sum::<usize>();
            let rest = total - held as isize;
            assert!(
                rest >= 0 || self.contains(|step| matches!(step, Reduce(_))),
                "only a reduction makes a deficit"
            );
            let available = rest.max(0) as usize;
            assert_eq!(semaphore.available_permits(), available, "every permit is accounted for");
            self.check_order(&workers, available);
            match workers.iter_mut().find(|worker| worker.held() > 0) {
                Some(worker) => worker.release(),
                None => break,
            }
        }
        workers.iter_mut().for_each(|worker| worker.cancel_all());
        let close = self.contains(|step| matches!(step, Close));
        assert_eq!(semaphore.is_closed(), close, "closed by a close only, and for good");
        assert_eq!(semaphore.waiters(), 0);
        let deficit = (-total).max(0) as usize;
        semaphore.add_permits(deficit);
        let available = total + deficit as isize;
        assert_eq!(semaphore.available_permits(), available as usize, "the deficit is exact");
    }

    /// No request was overtaken, and none is pending that can be granted.
    fn check_order(&self, workers: &[&mut dyn Finished; 3], available: usize) {
        let needs: Vec<_> = workers.iter().flat_map(|worker| worker.needs()).collect();
        let refused: Vec<_> = workers.iter().flat_map(|worker| worker.log().refused.clone()).collect();
        for without in needs.iter().map(|(position, _)| position).chain(&refused) {
            let overtaken = workers
                .iter()
                .any(|worker| worker.log().granted.iter().any(|granted| without.is_before(*granted)));
            assert!(!overtaken, "a request was overtaken");
        }
        if self.contains(|step| matches!(step, Close)) {
            assert!(needs.is_empty(), "no request is pending on a closed semaphore");
        } else {
            assert!(refused.is_empty(), "an open semaphore refuses no request");
        }
        // Between new requests of different threads, any may be the front.
        let mut fronts =
            needs.iter().filter(|(position, _)| !needs.iter().any(|(other, _)| other.is_before(*position)));
        let blocked = fronts.any(|&(_, permits)| permits > available);
        assert!(needs.is_empty() || blocked, "the front can be granted");
    }
}
