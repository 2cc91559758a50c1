//! The relation permits the runs of the protocol, and rejects a list of steps for each of its rules. So does the bridge with
//! events.

use std::collections::BTreeSet;

use fairgate_loom::{Event, Step};

use super::relation::{Broken, Change, Request, State, Status, Thread, Transition};
use super::{Bridge, CLOSED, LOCKED, QUEUED, RECHECK, SHIFT};

use Change::{Add, Close, Recheck, Release};
use Transition::*;

type Steps = &'static [(Thread, Transition)];

// Waiter 0 needs one permit, and so does waiter 1, behind it.
const PUSH: Transition = Push(Request::Range { min: 1, max: 1 });
const PUSH_TWO: Transition = Push(Request::Range { min: 2, max: 2 });
const PUSH_RANGE: Transition = Push(Request::Range { min: 1, max: 2 });
const PUSH_ALL: Transition = Push(Request::All);
const UNLOCK: Transition = Unlock { again: false };

// Thread 0 does the usual.
const ENQUEUE: Steps = &[(0, LockToEnqueue), (0, PUSH), (0, UNLOCK)];
const ENQUEUE_TWO: Steps = &[(0, LockToEnqueue), (0, PUSH_TWO), (0, UNLOCK)];
const ENQUEUE_RANGE: Steps = &[(0, LockToEnqueue), (0, PUSH_RANGE), (0, UNLOCK)];
const ENQUEUE_ALL: Steps = &[(0, LockToEnqueue), (0, PUSH_ALL), (0, UNLOCK)];
const REMOVE: Steps = &[(0, LockForOwner), (0, Remove(0)), (0, UNLOCK)];
const ADD_AND_CLAIM: Steps = &[(0, Limit(1)), (0, Update(Add(1))), (0, Claim), (0, UNLOCK)];
/// Two permits, of which the first request gets one.
const ADD_TWO: Steps = &[(0, Limit(2)), (0, Update(Add(2))), (0, Claim)];

// Thread 1 acquires a permit, and releases it.
const TAKE_ONE: Transition = Acquire { min: 1, max: 1, n: 1 };
const ACQUIRE: Steps = &[(1, TAKE_ONE)];
const RELEASE: Steps = &[(1, FetchAdd(Release(1)))];
/// Thread 1 takes a permit out of a word that thread 0 has locked.
const FORGET: Steps = &[(1, Lower { n: 1, forget: true }), (1, Limit(-1)), (1, Update(Recheck))];

/// Applies the steps, and returns the state and what the last step came to. The steps before it are permitted.
fn run(permits: isize, lists: &[Steps]) -> (State, Result<(), Broken>) {
    let mut state = State::new(permits);
    let mut result = Ok(());
    for (thread, transition) in lists.iter().copied().flatten() {
        assert_eq!(result, Ok(()), "before {transition} in {lists:?}\n{state}");
        result = state
            .check_exclusive(*transition)
            .and_then(|()| state.exec(*thread, *transition))
            .and_then(|()| state.check_invariants());
    }
    (state, result)
}

/// The permits at the start, and the steps of a whole run of the protocol.
const PERMITTED: &[(isize, &[Steps])] = &[
    // A request waits, and a release by another thread grants it a permit.
    (
        1,
        &[
            ACQUIRE,
            ENQUEUE,
            RELEASE,
            &[(1, Look), (1, Claim), (1, UNLOCK), (1, Publish), (0, Take(0)), (0, FetchAdd(Release(1)))],
        ],
    ),
    // A release comes while a request is enqueued: the thread that enqueues finds the permits when it unlocks.
    (
        1,
        &[
            ACQUIRE,
            &[(0, LockToEnqueue)],
            RELEASE,
            &[(0, PUSH), (0, UnlockFails), (1, Look), (0, Claim), (0, UNLOCK), (0, Publish), (0, Take(0))],
        ],
    ),
    // The owner of one request removes it, and a close fails the other one.
    (
        0,
        &[
            ENQUEUE,
            ENQUEUE,
            REMOVE,
            &[(1, Update(Close)), (1, Claim), (1, UNLOCK), (1, Publish), (0, TakeFailure(1))],
            &[(0, Limit(1)), (0, Update(Add(1)))],
        ],
    ),
    // Two requests are served, one after the other. One grant is cancelled.
    (
        0,
        &[
            ENQUEUE,
            ENQUEUE,
            &[(1, Limit(2)), (1, Update(Add(2))), (1, Claim), (1, Unlock { again: true }), (1, Publish)],
            &[
                (1, Look),
                (1, Claim),
                (1, UNLOCK),
                (1, Publish),
                (0, Cancel(1)),
                (0, FetchAdd(Change::Drop(1))),
            ],
        ],
    ),
    // Permits are forgotten while a request is claimed: it is put back, and claimed again.
    (0, &[ENQUEUE, ENQUEUE, ADD_TWO, FORGET, &[(0, UnlockFails), (0, Claim), (0, UNLOCK), (0, Publish)]]),
    // Permits are forgotten, and enough are left.
    (
        1,
        &[
            ENQUEUE_TWO,
            &[(0, Limit(2)), (0, Update(Add(2))), (0, Claim)],
            FORGET,
            &[(0, UnlockFails), (0, Claim), (0, UNLOCK), (0, Publish)],
        ],
    ),
    // A permit is added while a range is claimed: it is put back, and takes both.
    (
        0,
        &[
            ENQUEUE_RANGE,
            &[(0, Limit(1)), (0, Update(Add(1))), (0, Claim), (1, Limit(1)), (1, Update(Add(1)))],
            &[(0, UnlockFails), (0, Claim), (0, UNLOCK), (0, Publish), (0, Take(0))],
            &[(0, FetchAdd(Release(2)))],
        ],
    ),
    // A request for all permits is granted when the last held permit is released, and another one when it is forgotten.
    (
        2,
        &[
            ACQUIRE,
            ENQUEUE_ALL,
            &[(1, Update(Release(1))), (1, Claim), (1, UNLOCK), (1, Publish), (0, Take(0))],
            ENQUEUE_ALL,
            &[(0, ForgetHeld(2)), (0, Update(Recheck)), (0, Claim), (0, UNLOCK), (0, Publish)],
        ],
    ),
    // The lock holder has read the limit before a held permit is forgotten.
    (
        2,
        &[
            ACQUIRE,
            &[(0, LockToEnqueue), (0, PUSH_ALL), (1, ForgetHeld(1)), (0, UNLOCK), (1, Update(Recheck))],
            &[(1, Claim), (1, UNLOCK), (1, Publish), (0, Take(0)), (0, FetchAdd(Release(1)))],
        ],
    ),
    // A try takes all permits, and another one gives up.
    (
        2,
        &[
            &[(0, LockForAll), (0, FindAll), (0, TakeAll), (0, FetchAdd(Release(2)))],
            &[(0, LockForAll), (0, EditNothing), (0, UNLOCK)],
        ],
    ),
    // Permits are forgotten, taken away into a deficit, and added again.
    (
        2,
        &[
            &[(0, Lower { n: 1, forget: true }), (0, Limit(-1)), (0, Update(Recheck))],
            &[(0, Lower { n: 3, forget: false }), (0, Limit(-3)), (0, Update(Recheck))],
            &[(0, Limit(1)), (0, Update(Add(1)))],
        ],
    ),
];

#[test]
fn the_relation_permits_the_protocol() {
    for (permits, lists) in PERMITTED {
        assert_eq!(run(*permits, lists).1, Ok(()), "{lists:?}");
    }
}

/// The permits at the start, steps of which only the last one is not permitted, and the rule that it breaks. A rule whose
/// condition has several parts has a line for each.
#[rustfmt::skip] // a line per rule, where it fits
const REJECTED: &[(isize, &[Steps], Broken)] = &[
    (1, &[ENQUEUE_TWO, &[(1, TAKE_ONE)]], "F1: a new request takes permits although a request is queued"),
    (1, &[ENQUEUE_TWO, &[(1, Acquire { min: 0, max: 0, n: 0 })]],
        "F1: a new request takes permits although a request is queued"),
    (1, &[&[(0, Update(Close)), (0, TAKE_ONE)]], "a new request takes permits of a closed semaphore"),
    (1, &[&[(0, Update(Close)), (0, LockForAll)]], "a new request takes permits of a closed semaphore"),
    (1, &[&[(0, LockForAll), (1, Update(Close)), (0, UnlockFails), (0, FindAll)]],
        "a new request takes permits of a closed semaphore"),
    (1, &[&[(0, Acquire { min: 2, max: 2, n: 2 })]], "more permits are acquired than are available"),
    (1, &[&[(0, Acquire { min: -1, max: 1, n: 1 })]], "a request needs less than nothing, or more than it takes"),
    (1, &[&[(0, Acquire { min: 1, max: 0, n: 0 })]], "a request needs less than nothing, or more than it takes"),
    (3, &[&[(0, Acquire { min: 1, max: 2, n: 1 })]], "a new request does not take what there is"),

    (0, &[&[(0, Update(Close)), (0, LockToEnqueue)]], "a request is enqueued in a closed semaphore"),
    (0, &[&[(0, LockToEnqueue), (1, LockToEnqueue)]], "the queue is locked twice"),
    (0, &[&[(0, LockToEnqueue), (1, LockForOwner)]], "the queue is locked twice"),
    (0, &[&[(0, PUSH)]], "Q2: the queue is edited or unlocked without its lock"),
    (0, &[&[(0, UNLOCK)]], "Q2: the queue is edited or unlocked without its lock"),
    (0, &[ENQUEUE, &[(0, LockForOwner), (0, PUSH)]],
        "a node is added by a thread that has not locked the queue for it"),
    (1, &[&[(0, LockToEnqueue), (0, PUSH)]], "a request is enqueued that can complete at once"),
    (0, &[&[(0, LockToEnqueue), (0, Push(Request::Range { min: 2, max: 1 }))]],
        "a request needs less than one permit, or more than it takes"),
    (-1, &[&[(0, LockToEnqueue), (0, Push(Request::Range { min: 0, max: 1 }))]],
        "a request needs less than one permit, or more than it takes"),
    (0, &[&[(0, LockForOwner)]], "the queue is locked for the owner of a node, and is empty"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, Remove(0))]],
        "a node is removed by a thread that has not locked the queue for it"),
    (0, &[ENQUEUE, ENQUEUE, ADD_AND_CLAIM, &[(1, LockForOwner), (1, Remove(0))]],
        "a node is removed that is not queued"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, EditNothing)]], "there is no edit to leave out"),

    (1, &[ENQUEUE_TWO, &[(1, LockForAll)]], "F1: all permits are taken although a request is queued"),
    (1, &[&[(0, LockToEnqueue), (0, FindAll)]],
        "all permits are taken by a thread that has not locked the queue for it"),
    (1, &[&[(0, LockForAll), (0, TakeAll)]], "all permits are taken by a thread that has not found that none is held"),
    (1, &[&[(0, LockForAll), (0, FindAll), (1, Limit(1)), (1, Update(Add(1))), (0, UnlockFails), (0, TakeAll)]],
        "all permits are taken by a thread that has not found that none is held"),
    (2, &[ACQUIRE, &[(0, LockForAll), (0, FindAll)]], "F7: all permits are taken although some are held"),
    (1, &[&[(0, LockForAll), (0, FindAll), (1, Limit(1)), (1, Update(Add(1))), (0, TakeAll)]],
        "F6: the queue is unlocked although the word has changed"),

    (0, &[RELEASE], "permits are released that no caller owns"),
    (0, &[&[(0, Update(Release(-1)))]], "permits are released that no caller owns"),
    (0, &[&[(0, ForgetHeld(1))]], "permits are released that no caller owns"),
    (0, &[&[(0, ForgetHeld(-1))]], "permits are released that no caller owns"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, &[(0, Publish), (0, FetchAdd(Change::Drop(0)))]],
        "the grant of a request is released that was not cancelled"),
    (0, &[&[(0, FetchAdd(Close))]], "only a release is an addition to the word"),
    (1, &[&[(0, Lower { n: 2, forget: true })]], "more permits are forgotten than are available"),
    (1, &[&[(0, Lower { n: -1, forget: false })]], "a reduction adds permits"),
    (0, &[&[(0, Update(Add(1)))]], "F7: permits are added before the limit is raised"),
    (0, &[&[(0, Limit(1)), (0, Update(Add(2)))]], "F7: permits are added before the limit is raised"),
    (0, &[&[(0, Limit(1)), (0, Update(Add(0)))]], "F7: permits are added before the limit is raised"),
    (2, &[&[(1, Lower { n: 1, forget: true }), (1, Limit(-2))]], "F7: the limit is lowered before the word"),

    (2, &[&[(0, LockToEnqueue), (0, EditNothing), (0, Claim)]], "the front is claimed and cannot complete"),
    (0, &[ENQUEUE_TWO, ENQUEUE, &[(0, Limit(1)), (0, Update(Add(1))), (0, Claim)]],
        "the front is claimed and cannot complete"),
    (0, &[ENQUEUE, ENQUEUE, ADD_TWO, &[(0, Claim)]], "two requests are claimed in one critical section"),
    (2, &[ACQUIRE, ENQUEUE_ALL, &[(0, LockForOwner), (0, EditNothing), (0, Claim)]],
        "the front is claimed and cannot complete"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, UnlockFails)]],
        "the unlock fails although the word has not changed"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (1, Limit(1)), (1, Update(Add(1))), (0, UNLOCK)]],
        "F6: the queue is unlocked although the word has changed"),
    (0, &[ENQUEUE, ENQUEUE, ADD_TWO, FORGET, &[(0, UNLOCK)]],
        "F6: the queue is unlocked although the word has changed"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (1, Limit(1)), (1, Update(Add(1))), (0, UnlockFails), (0, UNLOCK)]],
        "F3: the queue is unlocked although the front can complete"),
    (1, &[&[(0, LockToEnqueue), (0, PUSH_ALL), (0, UNLOCK)]],
        "F3: the queue is unlocked although the front can complete"),
    (0, &[ENQUEUE, &[(0, LockForOwner), (1, Update(Close)), (0, EditNothing), (0, UnlockFails), (0, UNLOCK)]],
        "F3: the queue is unlocked although the front can complete"),
    // A thread has lowered the limit, but that is not why the front can complete.
    (2, &[ACQUIRE, &[(0, LockToEnqueue), (0, PUSH_ALL), (1, ForgetHeld(1)), (2, Update(Close)), (0, UnlockFails)],
          &[(0, UNLOCK)]],
        "F3: the queue is unlocked although the front can complete"),
    (1, &[ACQUIRE, &[(0, LockToEnqueue), (0, PUSH), (1, ForgetHeld(1)), (2, Limit(1)), (2, Update(Add(1)))],
          &[(0, UnlockFails), (0, UNLOCK)]],
        "F3: the queue is unlocked although the front can complete"),
    // The claim was put back, and fits.
    (0, &[ENQUEUE, ENQUEUE, ADD_TWO, FORGET, &[(0, UnlockFails), (0, UNLOCK)]],
        "F3: the queue is unlocked although the front can complete"),
    (0, &[ENQUEUE, &[(0, LockForOwner), (0, Remove(0)), (0, Unlock { again: true })]],
        "a thread looks again although it has granted nothing"),
    (0, &[&[(0, LockToEnqueue), (0, UNLOCK)]],
        "a thread claims or unlocks before the edit for which it holds the lock"),
    (0, &[&[(0, LockToEnqueue), (1, Update(Close)), (0, UnlockFails)]],
        "a thread claims or unlocks before the edit for which it holds the lock"),
    (1, &[&[(0, LockToEnqueue), (0, FetchAdd(Release(0)))]],
        "a thread starts another operation while it holds the lock, or before it has stored its outcomes"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, &[(0, Update(Close))]],
        "a thread starts another operation while it holds the lock, or before it has stored its outcomes"),

    (0, &[ENQUEUE, &[(0, Limit(1)), (0, Update(Add(1))), (0, Claim), (0, Publish)]],
        "F5: an outcome is stored by a thread that has not unlocked the queue"),
    (0, &[&[(0, Look)]], "a thread looks at the queue without a reason"),
    (0, &[ENQUEUE, &[(0, Take(0))]], "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, &[(1, Take(0))]], "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, &[(0, Publish), (0, Take(0)), (0, Take(0))]],
        "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, &[(0, Publish), (0, Take(0)), (0, Cancel(0))]],
        "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, &[(0, TakeFailure(0))]], "the owner takes a failure that it does not have"),
    (0, &[&[(0, Take(0))]], "there is no such waiter"),
    (0, &[&[(4, Look)]], "there is no such thread"),
];

#[test]
fn the_relation_rejects_a_step_for_each_rule() {
    let wrong: Vec<_> = REJECTED
        .iter()
        .map(|(permits, lists, expected)| (lists, run(*permits, lists).1, *expected))
        .filter(|(_, actual, expected)| *actual != Err(*expected))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A change of a state, and the invariant that it breaks. No run makes these changes.
type Damage = fn(&mut State);

const DAMAGED: &[(Damage, Broken)] = &[
    (|state| state.word.permits -= 1, "permits appear or are lost"),
    (|state| state.limit += 1, "permits appear or are lost"),
    (|state| state.threads[1].hold += 1, "permits appear or are lost"),
    (|state| state.word.queued = true, "F2: QUEUED is set exactly if the queue is not empty"),
    (|state| state.word.locked = true, "Q2: LOCKED is set exactly while one thread holds the lock"),
    (|state| state.word.recheck = true, "RECHECK is set although the queue is not locked"),
    (
        |state| {
            state.word.queued = true;
            state.queue.push(0);
            state.waiters.push((Request::Range { min: 1, max: 1 }, Status::Queued));
        },
        "F3: the front can complete, and no thread is on its way",
    ),
];

#[test]
fn the_invariants_are_checked() {
    for (damage, expected) in DAMAGED {
        let mut state = State::new(1);
        damage(&mut state);
        assert_eq!(state.check_invariants(), Err(*expected));
    }
}

/// What the relation rejects in states that no run reaches.
#[test]
fn the_relation_rejects_what_only_an_old_limit_permits() {
    let old_limit = |lists: &[Steps], steps: [Transition; 2]| {
        let (mut state, _) = run(2, lists);
        state.limit = 1;
        assert_eq!(state.exec(0, steps[0]), Ok(()));
        state.check_exclusive(steps[1])
    };
    assert_eq!(old_limit(&[ACQUIRE, &[(0, LockForAll)]], [FindAll, TakeAll]), Err(EXCLUSIVE[0]));
    let locked: Steps = &[(0, LockForOwner), (0, EditNothing)];
    assert_eq!(old_limit(&[ACQUIRE, ENQUEUE_ALL, locked], [Claim, UNLOCK]), Err(EXCLUSIVE[1]));

    let mut state = run(0, &[ENQUEUE]).0;
    state.threads[0].todo.push(0);
    assert_eq!(state.exec(0, Publish), Err(UNDECIDED));
}

const EXCLUSIVE: [Broken; 2] = [
    "F7: all permits are taken although some are held",
    "F7: all permits are granted although some are held",
];
const UNDECIDED: Broken = "F5: an outcome is stored that no unlock has decided";

/// Steps after which a semaphore must not be dropped, and why.
const UNFINISHED: &[(&[Steps], Broken)] = &[
    (&[&[(0, LockToEnqueue)]], "a thread leaves the queue locked"),
    (&[ENQUEUE, ADD_AND_CLAIM], "Q4: a thread leaves an outcome unstored"),
    (&[ENQUEUE, &[(0, FetchAdd(Release(0)))]], "F3: a thread does not look at the queue, and should"),
    (&[&[(0, Limit(1))]], "F7: a thread changes the word or the limit, and not the other one"),
    (
        &[&[(0, Lower { n: 1, forget: false })]],
        "F7: a thread changes the word or the limit, and not the other one",
    ),
    (
        &[&[(0, Lower { n: 1, forget: false }), (0, Limit(-1))]],
        "F7: a thread lowers the limit, and does not make the front examined again",
    ),
    (
        &[ENQUEUE, ADD_AND_CLAIM, &[(0, Publish), (0, Cancel(0))]],
        "the grant of a cancelled request is not released",
    ),
    (&[ENQUEUE], "Q1: a node is still queued"),
];

#[test]
fn nothing_is_left_to_do_when_a_semaphore_is_dropped() {
    for (lists, expected) in UNFINISHED {
        let (state, last) = run(0, lists);
        assert_eq!((last, state.check_end()), (Ok(()), Err(*expected)));
    }
}

/// The rules are the texts in `relation.rs`.
#[test]
fn each_rule_is_broken_by_a_test() {
    let rules: BTreeSet<_> = include_str!("relation.rs").split('"').skip(1).step_by(2).collect();
    let rejected = REJECTED.iter().map(|rejected| rejected.2);
    let damaged = DAMAGED.iter().map(|damaged| damaged.1);
    let unfinished = UNFINISHED.iter().map(|unfinished| unfinished.1);
    let other = EXCLUSIVE.into_iter().chain([UNDECIDED]);
    assert_eq!(rules, rejected.chain(damaged).chain(unfinished).chain(other).collect());
}

const PERMIT: usize = 1 << SHIFT;

const fn changed(old: usize, new: usize) -> Event {
    Event::Changed { word: 0, old, new, by_addition: false }
}

const fn push(node: usize) -> Event {
    Event::Reported(Step::Push { node, min: 1, max: 1 })
}

/// Thread 0 enqueues the node 7 in an empty queue without permits.
const ENQUEUED: &[(Thread, Event)] = &[
    (0, Event::Created { word: 0, value: 0 }),
    (0, Event::Reported(Step::LockToEnqueue)),
    (0, changed(0, LOCKED | QUEUED)),
    (0, push(7)),
    (0, changed(LOCKED | QUEUED, QUEUED)),
];

/// Thread 1 adds a permit and claims the node.
const CLAIMED: &[(Thread, Event)] = &[
    (1, Event::LimitChanged { word: 0, old: 0, new: 1 << 4 }),
    (1, Event::Reported(Step::Add)),
    (1, changed(QUEUED, LOCKED | QUEUED | PERMIT)),
    (1, Event::Reported(Step::Claim { node: 7, n: 1 })),
];

/// Thread 0 forgets the permit, and thread 1 sees that.
const FORGOTTEN: &[(Thread, Event)] = &[
    (0, Event::Reported(Step::Forget)),
    (0, changed(LOCKED | QUEUED | PERMIT, LOCKED | QUEUED | RECHECK)),
    (1, Event::Failed { word: 0, actual: LOCKED | QUEUED | RECHECK }),
    (1, changed(LOCKED | QUEUED | RECHECK, LOCKED | QUEUED)),
];

/// Thread 1 unlocks and stores the outcome.
const GRANTED: &[(Thread, Event)] = &[
    (1, changed(LOCKED | QUEUED | PERMIT, 0)),
    (1, Event::Reported(Step::Publish { node: 7, granted: Some(1) })),
];

/// Thread 0 takes the outcome.
const TAKEN: &[(Thread, Event)] = &[
    (0, Event::Reported(Step::Take { node: 7, granted: Some(1) })),
    (0, Event::Reported(Step::Free { node: 7 })),
];

/// Thread 0 releases the permit.
const RELEASED: &[(Thread, Event)] = &[
    (0, Event::Reported(Step::Release)),
    (0, Event::Changed { word: 0, old: 0, new: PERMIT, by_addition: true }),
    (0, Event::Dropped { word: 0 }),
];

/// What the bridge says to these events.
fn observe<'a>(lists: impl IntoIterator<Item = &'a [(Thread, Event)]>) -> Result<(), Broken> {
    let mut bridge = Bridge::new();
    bridge.reports.resize_with(2, Default::default);
    let mut events = lists.into_iter().flatten();
    events
        .try_for_each(|&(thread, event)| bridge.observe(thread, event))
        .map_err(|rejection| rejection.broken)
}

#[test]
fn the_bridge_permits_a_grant() {
    let woken = [(1, Event::Unparked)];
    assert_eq!(observe([ENQUEUED, CLAIMED, GRANTED, &woken, TAKEN, RELEASED]), Ok(()));
    let cancelled =
        [(0, Event::Reported(Step::Cancel)), TAKEN[0], RELEASED[0], RELEASED[1], TAKEN[1], RELEASED[2]];
    assert_eq!(observe([ENQUEUED, CLAIMED, GRANTED, &woken, &cancelled]), Ok(()));
}

#[test]
fn the_bridge_rejects_events() {
    let reported = |step| [(1, Event::Reported(step))];
    let enqueued = |event, expected| assert_eq!(observe([ENQUEUED, &[(1, event)]]), Err(expected));
    let claimed = |event, expected| assert_eq!(observe([ENQUEUED, CLAIMED, &[(1, event)]]), Err(expected));
    let granted = |events: &[(Thread, Event)], expected| {
        assert_eq!(observe([ENQUEUED, CLAIMED, GRANTED, events]), Err(expected));
    };
    let taken = |event, expected| {
        assert_eq!(observe([ENQUEUED, CLAIMED, GRANTED, TAKEN, &[(1, event)]]), Err(expected))
    };
    let lock = LOCKED | QUEUED | PERMIT;

    // The unlock takes too few permits out of the word, or too many, or leaves QUEUED or clears CLOSED.
    for new in [PERMIT, QUEUED, CLOSED, 0usize.wrapping_sub(PERMIT)] {
        claimed(changed(lock, new), "the word is not what this step makes of it");
    }
    claimed(
        Event::Reported(Step::Publish { node: 7, granted: Some(1) }),
        "F5: an outcome is stored by a thread that has not unlocked the queue",
    );
    claimed(
        Event::Unparked,
        "F4: a waker is called under the queue lock, or before all outcomes are stored",
    );
    claimed(Event::Reported(Step::Claim { node: 8, n: 1 }), "Q1: an unknown node is used");
    claimed(Event::Waiting, "a thread waits while it holds the queue lock, or has outcomes to store");
    let another = "F6: another request is put back than the claimed one";
    claimed(Event::Reported(Step::PutBack { node: 7 }), another);
    enqueued(push(8), "Q2: the queue is accessed without its lock");
    enqueued(Event::Dropped { word: 0 }, "Q1: a node is still queued");
    enqueued(
        Event::Reported(Step::Free { node: 7 }),
        "Q1: a node is freed that is queued, or has an outcome",
    );
    let again = [ENQUEUED[1], (0, changed(QUEUED, LOCKED | QUEUED)), (0, push(7))];
    assert_eq!(observe([ENQUEUED, &again]), Err("a node is enqueued twice"));
    let wrong_claim = reported(Step::Claim { node: 7, n: 2 });
    let share = "a claim is not that of the front, or not its share";
    assert_eq!(observe([ENQUEUED, &CLAIMED[..3], &wrong_claim]), Err(share));

    // A permit is forgotten while the node is claimed, and the lock holder is not asked to look again; or it is, and does
    // not put back the claim.
    let forgotten = [FORGOTTEN[0], (0, changed(lock, LOCKED | QUEUED))];
    let word = "the word is not what this step makes of it";
    assert_eq!(observe([ENQUEUED, CLAIMED, &forgotten]), Err(word));
    let unlock = [(1, changed(LOCKED | QUEUED, 0))];
    let missing = "F6: a claimed request is not put back";
    assert_eq!(observe([ENQUEUED, CLAIMED, FORGOTTEN, &unlock]), Err(missing));

    let published = reported(Step::Publish { node: 7, granted: Some(2) });
    let decided = "F5: an outcome is not the next one that the unlock has decided";
    assert_eq!(observe([ENQUEUED, CLAIMED, &GRANTED[..1], &published]), Err(decided));
    let two = "the owner takes a grant of another number of permits";
    granted(&[(0, Event::Reported(Step::Take { node: 7, granted: Some(2) }))], two);
    // A cancelled grant is not released, or not all of it.
    let cancel = [(0, Event::Reported(Step::Cancel)), TAKEN[0]];
    granted(&[cancel[0], cancel[1], TAKEN[1]], "Q1: a node is freed that is queued, or has an outcome");
    let dropped = "the grant of a cancelled request is not released";
    granted(&[cancel[0], cancel[1], RELEASED[2]], dropped);
    granted(&[cancel[0], cancel[1], RELEASED[0], (0, changed(0, 0))], word);
    granted(
        &[TAKEN[0], TAKEN[1], RELEASED[0], RELEASED[1], RELEASED[2]],
        "a request completed, and its waker was not called",
    );

    taken(
        Event::LimitChanged { word: 0, old: 0, new: 1 << 4 },
        "the limit is not what this step makes of it",
    );
    taken(
        Event::Changed { word: 0, old: 0, new: 2 * PERMIT, by_addition: true },
        "permits are released that no caller owns",
    );
    taken(Event::Reported(Step::Take { node: 7, granted: Some(1) }), "Q1: an unknown node is used");
}
