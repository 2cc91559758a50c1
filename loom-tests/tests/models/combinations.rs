//! Every pair of operations at once, from several starts; in the full run some triples, and in the deep run every one.
//!
//! Faults that no model noticed were faults of combinations: a close during the look after a grant, or an addition while
//! the owner of a claimed node holds the lock. So this file generates the combinations. Each ends with an account of the
//! permits, of the wakers that were called, and of the requests that must have completed.

use std::sync::Arc;
use std::thread::panicking;
use std::time::Instant;

use fairgate_loom::futures::AcquireOwned;
use fairgate_loom::{AcquireError, OwnedSemaphorePermit, Semaphore};
use loom::thread;

use crate::bridge::without_waiting;
use crate::check::{explore_combination, share_of_triples};
use crate::data::Data;
use crate::request::{Polled, Request};

use Operation::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// The first poll of a request for one permit.
    Poll,
    /// Polls a queued request with another waker.
    Repoll,
    /// Drops a queued request.
    Cancel,
    /// The first poll of a request for one permit or two.
    Range,
    /// The first poll of a request that fails if two are queued.
    Bounded,
    /// The first poll of a request for all permits.
    All,
    Try,
    /// A try of all permits.
    TryAll,
    /// Releases a permit: an addition if the queue is empty, and through the queue otherwise.
    Release,
    /// Drops a permit without releasing it.
    ForgetHeld,
    /// Adds two permits.
    Add,
    /// Adds up to two permits, but no more than make one available.
    AddUpTo,
    Forget,
    Reduce,
    /// Sets the limit to one.
    Lower,
    /// Sets the limit to four.
    Raise,
    Close,
}

const OPERATIONS: &[Operation] = &[
    Poll, Repoll, Cancel, Range, Bounded, All, Try, TryAll, Release, ForgetHeld, Add, AddUpTo, Forget,
    Reduce, Lower, Raise, Close,
];

/// What is queued at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Nothing, except the requests that operations need. One permit is available if nothing is queued.
    Empty,
    /// Two requests for one permit; none is available.
    Ones,
    /// A request for two permits and one for one permit; one permit is available.
    Large,
    /// A request for one permit or two, and one for one permit; none is available.
    Elastic,
    /// A request for all permits, and one for one permit; one permit is available, and one is held.
    Exclusive,
    /// Like [`Large`](Self::Large) with another request for one permit.
    Three,
    /// Nothing: the requests that operations need have been granted. One permit is available.
    Granted,
    /// The same, but a request for one permit is queued, and none is available.
    Passing,
    /// Like [`Granted`](Self::Granted), and the semaphore was closed.
    Closed,
}

impl Operation {
    fn needs_request(self) -> bool {
        matches!(self, Repoll | Cancel)
    }

    fn needs_permit(self) -> bool {
        matches!(self, Release | ForgetHeld)
    }

    /// Whether permits may exist after it that did not when a request for all permits was granted.
    fn adds(self) -> bool {
        matches!(self, Add | AddUpTo | Raise | Lower)
    }
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    AtLeast(usize),
    All,
}

/// A request of this model: in the queue from the start, at a place, or new.
struct Waiting {
    place: Option<usize>,
    kind: Kind,
    request: Request<AcquireOwned>,
}

/// A permit, which may be all permits.
struct Held {
    permit: OwnedSemaphorePermit,
    is_all: bool,
}

/// What a thread has to do, and what came of it.
struct Actor {
    semaphore: Arc<Semaphore>,
    /// Loom fails if one thread writes it while another one reads it. Only in models in which no permit is added.
    data: Option<Data>,
    operation: Operation,
    waiting: Option<Waiting>,
    held: Option<Held>,
    /// The places at the start of the requests that were granted; `None` for a new one.
    granted: Vec<Option<usize>>,
    has_failed: bool,
    /// By how much it has changed the limit, if it is known.
    added: isize,
}

impl Actor {
    fn act(mut self) -> Self {
        let semaphore = Arc::clone(&self.semaphore);
        match self.operation {
            Poll => self.poll(Kind::AtLeast(1), semaphore.acquire_owned()),
            Range => self.poll(Kind::AtLeast(1), semaphore.acquire_owned().up_to(2)),
            Bounded => self.poll(Kind::AtLeast(1), semaphore.acquire_owned().max_waiters(2)),
            All => self.poll(Kind::All, semaphore.acquire_all_owned()),
            Repoll => {
                let Waiting { place, kind, request } = self.waiting.take().unwrap();
                self.record(place, kind, request.poll_from_new_task());
            }
            Cancel => self.waiting = None,
            Try => {
                let permit = without_waiting(|| semaphore.try_acquire_owned()).ok();
                self.keep(permit, false);
            }
            TryAll => {
                let permit = without_waiting(|| semaphore.acquire_all_owned().try_wait()).ok();
                self.keep(permit, true);
            }
            Release => without_waiting(|| self.release()),
            ForgetHeld => {
                let Held { permit, is_all } = self.held.take().unwrap();
                self.access(is_all);
                self.added = -(permit.num_permits() as isize);
                without_waiting(|| permit.forget());
            }
            Add => {
                without_waiting(|| semaphore.add_permits(2));
                self.added = 2;
            }
            AddUpTo => self.added = without_waiting(|| semaphore.add_permits_up_to(2, 1)) as isize,
            Forget => self.added = -(without_waiting(|| semaphore.forget_permits(1)) as isize),
            Reduce => {
                without_waiting(|| semaphore.reduce_permits(1));
                self.added = -1;
            }
            Lower => without_waiting(|| semaphore.set_limit(1)),
            Raise => without_waiting(|| semaphore.set_limit(4)),
            Close => without_waiting(|| semaphore.close()),
        }
        self
    }

    fn poll(&mut self, kind: Kind, future: AcquireOwned) {
        self.record(None, kind, Request::poll_once(future));
    }

    fn record(&mut self, place: Option<usize>, kind: Kind, polled: Polled<AcquireOwned>) {
        match polled {
            Polled::Pending(request) => self.waiting = Some(Waiting { place, kind, request }),
            Polled::Ready(result) => self.complete(place, kind, result),
        }
    }

    fn complete(
        &mut self,
        place: Option<usize>,
        kind: Kind,
        result: Result<OwnedSemaphorePermit, AcquireError>,
    ) {
        match result {
            Ok(permit) => {
                self.granted.push(place);
                self.keep(Some(permit), kind == Kind::All);
            }
            Err(error) => {
                assert!(error.is_closed() || self.operation == Bounded && error.is_full());
                self.has_failed |= error.is_closed();
            }
        }
    }

    fn keep(&mut self, permit: Option<OwnedSemaphorePermit>, is_all: bool) {
        let Some(permit) = permit else { return };
        if permit.num_permits() > 0 {
            self.access(is_all);
        }
        assert!(self.held.replace(Held { permit, is_all }).is_none());
    }

    /// Accesses what the permits guard.
    fn access(&self, is_all: bool) {
        match &self.data {
            Some(data) if is_all => data.write(),
            Some(data) => data.read(),
            None => {}
        }
    }

    fn release(&mut self) {
        if let Some(Held { permit, is_all }) = self.held.take() {
            if permit.num_permits() > 0 {
                self.access(is_all);
            }
            drop(permit);
        }
    }

    fn held(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.permit.num_permits())
    }
}

/// A model: some operations at once.
fn run(start: Start, operations: &[Operation]) {
    let needed = operations.iter().filter(|operation| operation.needs_request()).count();
    let held = operations.iter().filter(|operation| operation.needs_permit()).count();
    let queued = match start {
        Start::Empty | Start::Granted | Start::Closed => needed,
        Start::Passing => needed + 1,
        Start::Three => 3,
        _ => needed.max(2),
    };
    let (available, extra) = match start {
        Start::Empty if needed == 0 => (1, 0),
        Start::Empty | Start::Ones | Start::Elastic => (0, 0),
        Start::Large | Start::Three => (1, 0),
        Start::Exclusive => (1, usize::from(held == 0)),
        // These are released to the requests.
        Start::Granted | Start::Closed => (0, needed + 1),
        Start::Passing => (0, needed),
    };
    let limit = available + held + extra;
    let semaphore = Arc::new(Semaphore::new(limit));
    let data = (!operations.iter().any(|operation| operation.adds())).then(Data::new);
    let take = |n| semaphore.clone().try_acquire_many_owned(n).unwrap();

    let mut permits: Vec<_> = (0..held).map(|_| take(1)).collect();
    let mut extra = (extra > 0).then(|| take(extra));
    let mut queue: Vec<_> = (0..queued)
        .map(|place| {
            let (kind, future) = match (start, place) {
                (Start::Large | Start::Three, 0) => {
                    (Kind::AtLeast(2), semaphore.clone().acquire_many_owned(2))
                }
                (Start::Elastic, 0) => (Kind::AtLeast(1), semaphore.clone().acquire_owned().up_to(2)),
                (Start::Exclusive, 0) => (Kind::All, semaphore.clone().acquire_all_owned()),
                _ => (Kind::AtLeast(1), semaphore.clone().acquire_owned()),
            };
            Waiting { place: Some(place), kind, request: Request::pending(future) }
        })
        .collect();
    if let Start::Granted | Start::Passing | Start::Closed = start {
        extra = None;
    }
    if start == Start::Closed {
        semaphore.close();
    }
    let new_actor = |operation| Actor {
        semaphore: semaphore.clone(),
        data: data.clone(),
        operation,
        waiting: None,
        held: None,
        granted: Vec::new(),
        has_failed: false,
        added: 0,
    };
    let mut actors: Vec<_> = operations
        .iter()
        .map(|&operation| {
            let mut actor = new_actor(operation);
            if operation.needs_request() {
                // The last one of three, which stays queued longest.
                let at = if start == Start::Three { queue.len() - 1 } else { 0 };
                actor.waiting = Some(queue.remove(at));
            }
            if operation.needs_permit() {
                actor.held = permits.pop().map(|permit| Held { permit, is_all: false });
            }
            actor
        })
        .collect();
    let first = actors.remove(0);
    let others: Vec<_> = actors.into_iter().map(|actor| thread::spawn(move || actor.act())).collect();
    let mut actors = vec![first.act()];
    actors.extend(others.into_iter().map(|other| other.join().unwrap()));
    // Of the requests that no operation needs, and of the permit that nobody releases, the end takes care.
    actors.extend(queue.into_iter().map(|waiting| Actor { waiting: Some(waiting), ..new_actor(Poll) }));
    actors.extend(
        extra.map(|permit| Actor { held: Some(Held { permit, is_all: false }), ..new_actor(Poll) }),
    );
    check_end(&semaphore, limit, operations, &mut actors);
    assert_eq!(semaphore.is_closed(), start == Start::Closed || operations.contains(&Close));
}

/// What must hold when the threads have ended, and again each time one of them releases what it holds.
fn check_end(semaphore: &Semaphore, limit: usize, operations: &[Operation], actors: &mut [Actor]) {
    check_limit(semaphore, limit, operations, actors);
    loop {
        for actor in actors.iter_mut() {
            if let Some(Waiting { place, kind, request }) = actor.waiting.take() {
                actor.record(place, kind, request.check_wakes());
            }
        }
        let held = actors.iter().map(Actor::held).sum::<usize>();
        assert_eq!(semaphore.held(), held, "every permit is accounted for");
        check_order(semaphore, actors);
        match actors.iter_mut().find(|actor| actor.held.is_some()) {
            Some(actor) => actor.release(),
            None => break,
        }
    }
    actors.iter_mut().for_each(|actor| actor.waiting = None);
    assert_eq!((semaphore.waiters(), semaphore.needed(), semaphore.held()), (0, None, 0));
}

/// The limit is that of the start and what was added, in some order with the calls that set it.
fn check_limit(semaphore: &Semaphore, limit: usize, operations: &[Operation], actors: &[Actor]) {
    let added: Vec<_> = actors.iter().map(|actor| actor.added).filter(|&added| added != 0).collect();
    let subsets = (0..1_u32 << added.len()).map(|subset| {
        let chosen = added.iter().enumerate().filter(|(i, _)| subset & (1 << i) != 0);
        chosen.map(|(_, added)| added).sum::<isize>()
    });
    let set: Vec<isize> = operations
        .iter()
        .filter_map(|operation| match operation {
            Lower => Some(1),
            Raise => Some(4),
            _ => None,
        })
        .collect();
    let possible: Vec<isize> = match set.is_empty() {
        true => vec![limit as isize + added.iter().sum::<isize>()],
        // The last call that sets the limit decides, and some of the additions come after it.
        false => subsets.flat_map(|later| set.iter().map(move |n| n + later)).collect(),
    };
    let actual = semaphore.limit() as isize;
    assert!(possible.iter().any(|&n| n.max(0) == actual), "the limit is {actual}, not one of {possible:?}");
}

/// No request was overtaken, none is pending that can complete, and none is pending if the semaphore is closed.
fn check_order(semaphore: &Semaphore, actors: &[Actor]) {
    let pending: Vec<_> =
        actors.iter().filter_map(|actor| actor.waiting.as_ref().map(|it| (it.place, it.kind))).collect();
    let granted = || actors.iter().flat_map(|actor| &actor.granted);
    let has_failed = actors.iter().any(|actor| actor.has_failed);
    match semaphore.is_closed() {
        true => assert!(pending.is_empty(), "no request is pending on a closed semaphore"),
        false => assert!(!has_failed, "an open semaphore refuses no request"),
    }
    let first = pending.iter().filter_map(|(place, _)| *place).min();
    if let Some(first) = first {
        let overtook = |place: &Option<usize>| place.is_none_or(|place| place > first);
        assert!(!granted().any(overtook), "a request was overtaken");
    }
    let blocks = |kind: Kind| match kind {
        Kind::AtLeast(n) => n > semaphore.available_permits(),
        Kind::All => semaphore.held() > 0,
    };
    let mut fronts = pending.iter().filter(|(place, _)| *place == first);
    assert!(pending.is_empty() || fronts.any(|&(_, kind)| blocks(kind)), "the front can complete");
}

/// Names the combination that fails.
struct Name<'a>(Start, &'a [Operation]);

impl Drop for Name<'_> {
    fn drop(&mut self) {
        if panicking() {
            eprintln!("this was {:?} from {:?}", self.1, self.0);
        }
    }
}

fn check(start: Start) {
    let (begin, mut models, mut executions) = (Instant::now(), 0, 0);
    let mut explore = |operations: &[Operation]| {
        let _name = Name(start, operations);
        let operations = operations.to_vec();
        models += 1;
        executions += explore_combination(operations.len(), move || run(start, &operations));
    };
    for (i, &first) in OPERATIONS.iter().enumerate() {
        for (j, &second) in OPERATIONS.iter().enumerate().skip(i) {
            explore(&[first, second]);
            for (k, &third) in OPERATIONS.iter().enumerate().skip(j) {
                if share_of_triples().is_some_and(|share| (i + j + k) % share == 0) {
                    explore(&[first, second, third]);
                }
            }
        }
    }
    println!("from {start:?}: {executions} executions of {models} models, {:.2?}", begin.elapsed());
}

#[test]
fn from_an_empty_queue() {
    check(Start::Empty);
}

#[test]
fn from_a_queue_of_small_requests() {
    check(Start::Ones);
}

#[test]
fn from_a_large_front() {
    check(Start::Large);
}

#[test]
fn from_an_elastic_front() {
    check(Start::Elastic);
}

#[test]
fn from_a_front_that_needs_all() {
    check(Start::Exclusive);
}

#[test]
fn from_three_requests() {
    check(Start::Three);
}

#[test]
fn from_requests_that_were_granted() {
    check(Start::Granted);
}

#[test]
fn from_a_granted_front() {
    check(Start::Passing);
}

#[test]
fn from_a_closed_semaphore() {
    check(Start::Closed);
}
