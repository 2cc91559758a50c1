//! The relation permits the runs of the protocol, and rejects a list of steps for each of its rules. So does the bridge with
//! events.

use std::collections::BTreeSet;

use fairgate_loom::{Event, Step};

use super::relation::{Broken, Change, Needs, State, Thread, Transition, Word};
use super::{Bridge, CLOSED, LOCKED, QUEUED, SHIFT};

use Transition::*;

type Steps = &'static [(Thread, Transition)];

// Waiter 0 needs one permit, and so does waiter 1, behind it.
const ONE: Needs = Needs::Range { min: 1, max: 1 };
const PUSH: Transition = Push { waiter: 0, needs: ONE };
const PUSH_SECOND: Transition = Push { waiter: 1, needs: ONE };
const CLAIM_FIRST: Transition = Claim { waiter: 0, n: 1 };
const CLAIM_SECOND: Transition = Claim { waiter: 1, n: 1 };
const PUBLISH: Transition = Publish { waiter: 0, granted: Some(1) };
const TAKE: Transition = TakeGranted { waiter: 0, n: 1 };
const RAISE: Transition = ChangeLimit { by: 1 };
const LOWER: Transition = ChangeLimit { by: -1 };
const ADD: Transition = Update { change: Change::Add(1) };
const ADD_AND_LOCK: Transition = UpdateAndLock { change: Change::Add(1) };
const CLOSE: Transition = Update { change: Change::Close };
const RECHECK: Transition = Update { change: Change::Recheck };
const RECHECK_AND_LOCK: Transition = UpdateAndLock { change: Change::Recheck };

// Thread 0 does the usual.
const ENQUEUE: Steps = &[(0, LockToEnqueue), (0, PUSH), (0, Unlock)];
const ENQUEUE_SECOND: Steps = &[(0, LockToEnqueue), (0, PUSH_SECOND), (0, Unlock)];
const ENQUEUE_LARGE: Steps =
    &[(0, LockToEnqueue), (0, Push { waiter: 0, needs: Needs::Range { min: 2, max: 2 } }), (0, Unlock)];
const ENQUEUE_RANGE: Steps =
    &[(0, LockToEnqueue), (0, Push { waiter: 0, needs: Needs::Range { min: 1, max: 2 } }), (0, Unlock)];
const ENQUEUE_ALL: Steps = &[(0, LockToEnqueue), (0, Push { waiter: 0, needs: Needs::All }), (0, Unlock)];
const REMOVE: Steps = &[(0, LockForOwner), (0, Remove { waiter: 0 }), (0, Unlock)];
const ADD_AND_UNLOCK: Steps = &[(0, RAISE), (0, ADD_AND_LOCK), (0, CLAIM_FIRST), (0, Unlock)];
/// One permit is added, and the first request is claimed.
const ADD_AND_CLAIM: Steps = &[(0, RAISE), (0, ADD_AND_LOCK), (0, CLAIM_FIRST)];

// Thread 1 acquires a permit, and releases it.
const ACQUIRE: Steps = &[(1, Acquire { n: 1 })];
const RELEASE: Steps = &[(1, ReleaseFast { n: 1 })];
/// Thread 1 takes a permit out of a word that thread 0 has locked.
const FORGET: Steps = &[(1, Forget { n: 1 }), (1, LOWER), (1, RECHECK)];

/// The word while a thread has locked a queue that holds no permits.
const LOCKED_WORD: Word = Word { permits: 0, queued: true, locked: true, recheck: false, closed: false };
const UNLOCKED_WORD: Word = Word { locked: false, ..LOCKED_WORD };

/// Applies the steps, and returns the state and what the last step came to. The steps before it are permitted.
fn run(permits: isize, lists: &[Steps]) -> (State, Result<(), Broken>) {
    let mut state = State::new(permits);
    let mut result = Ok(());
    for (thread, transition) in lists.iter().copied().flatten() {
        assert_eq!(result, Ok(()), "before {transition:?} in {lists:?}\n{state}");
        result = state.step(*thread, *transition);
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
            &[(1, LookAndLock), (1, CLAIM_FIRST), (1, Unlock), (1, PUBLISH), (1, Wake)],
            &[(0, TAKE), (0, ReleaseFast { n: 1 }), (0, Free { waiter: 0 })],
        ],
    ),
    // A release comes while a request is enqueued: the thread that enqueues finds the permits when it unlocks.
    (
        1,
        &[
            ACQUIRE,
            &[(0, LockToEnqueue)],
            RELEASE,
            &[(0, PUSH), (0, UnlockFails), (1, LookAndLeave { seen: LOCKED_WORD })],
            &[(0, CLAIM_FIRST), (0, Unlock), (0, PUBLISH), (0, Wake), (0, TAKE)],
        ],
    ),
    // The owner of one request removes it, and a close fails the other one.
    (
        0,
        &[
            ENQUEUE,
            ENQUEUE_SECOND,
            REMOVE,
            &[(0, Free { waiter: 0 })],
            &[(1, UpdateAndLock { change: Change::Close }), (1, Claim { waiter: 1, n: 0 }), (1, Unlock)],
            &[
                (1, Publish { waiter: 1, granted: None }),
                (0, TakeFailed { waiter: 1 }),
                (0, RAISE),
                (0, ADD),
            ],
        ],
    ),
    // Two requests are served, one after the other.
    (
        0,
        &[
            ENQUEUE,
            ENQUEUE_SECOND,
            &[(1, ChangeLimit { by: 2 }), (1, UpdateAndLock { change: Change::Add(2) })],
            &[(1, CLAIM_FIRST), (1, Unlock), (1, PUBLISH), (1, Wake)],
            &[(1, LookAndLock), (1, CLAIM_SECOND), (1, Unlock)],
            &[(1, Publish { waiter: 1, granted: Some(1) })],
        ],
    ),
    // Permits are forgotten while a request is claimed: it is put back, and waits.
    (
        0,
        &[
            ENQUEUE,
            ADD_AND_CLAIM,
            FORGET,
            &[(0, UnlockFails), (0, BeginRecheck), (0, PutBack { waiter: 0 }), (0, Unlock)],
        ],
    ),
    // Permits are forgotten, and enough are left: it is claimed again.
    (
        1,
        &[
            &[
                (0, LockToEnqueue),
                (0, Push { waiter: 0, needs: Needs::Range { min: 2, max: 2 } }),
                (0, Unlock),
            ],
            &[(0, ChangeLimit { by: 2 }), (0, UpdateAndLock { change: Change::Add(2) })],
            &[(0, Claim { waiter: 0, n: 2 })],
            FORGET,
            &[(0, UnlockFails), (0, BeginRecheck), (0, PutBack { waiter: 0 })],
            &[(0, Claim { waiter: 0, n: 2 }), (0, Unlock)],
            &[(0, Publish { waiter: 0, granted: Some(2) }), (0, Wake)],
        ],
    ),
    // A permit is added while a range is claimed: it is put back, and takes both.
    (
        0,
        &[
            ENQUEUE_RANGE,
            &[(0, RAISE), (0, ADD_AND_LOCK), (0, CLAIM_FIRST), (1, RAISE), (1, ADD), (0, UnlockFails)],
            &[(0, PutBack { waiter: 0 }), (0, Claim { waiter: 0, n: 2 }), (0, Unlock)],
            &[(0, Publish { waiter: 0, granted: Some(2) })],
        ],
    ),
    // A request for all permits is granted when the last held permit is released, and another one when it is forgotten.
    (
        2,
        &[
            ACQUIRE,
            ENQUEUE_ALL,
            &[
                (1, UpdateAndLock { change: Change::Release(1) }),
                (1, Claim { waiter: 0, n: 2 }),
                (1, Unlock),
            ],
            &[
                (1, Publish { waiter: 0, granted: Some(2) }),
                (1, Wake),
                (0, TakeGranted { waiter: 0, n: 2 }),
            ],
            &[(0, LockToEnqueue), (0, Push { waiter: 1, needs: Needs::All }), (0, Unlock)],
            &[
                (0, ChangeLimit { by: -2 }),
                (0, RECHECK_AND_LOCK),
                (0, Claim { waiter: 1, n: 0 }),
                (0, Unlock),
            ],
            &[(0, Publish { waiter: 1, granted: Some(0) }), (0, Wake)],
        ],
    ),
    // A try takes all permits.
    (2, &[&[(0, LockForAll), (0, TakeAll { n: 2 }), (0, ReleaseFast { n: 2 })]]),
    // Permits are forgotten, taken away into a deficit, and added again.
    (
        2,
        &[
            &[(0, Forget { n: 1 }), (0, LOWER), (0, RECHECK)],
            &[(0, Reduce { n: 3 }), (0, ChangeLimit { by: -3 }), (0, RECHECK), (0, RAISE), (0, ADD)],
        ],
    ),
    // The queue is full, so the request is not enqueued.
    (0, &[&[(0, LockToEnqueue), (0, NoEdit), (0, Unlock)]]),
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
    (1, &[ENQUEUE_LARGE, &[(1, Acquire { n: 1 })]],
        "F1: a new request takes permits although a request is queued"),
    (1, &[ENQUEUE_LARGE, &[(1, Acquire { n: 0 })]],
        "F1: a new request takes permits although a request is queued"),
    (1, &[&[(0, CLOSE), (0, Acquire { n: 1 })]], "a new request takes permits of a closed semaphore"),
    (1, &[&[(0, CLOSE), (0, LockForAll)]], "a new request takes permits of a closed semaphore"),
    (1, &[&[(0, LockForAll), (1, CLOSE), (0, UnlockFails), (0, TakeAll { n: 1 })]],
        "a new request takes permits of a closed semaphore"),
    (1, &[&[(0, Acquire { n: 2 })]], "more permits are acquired than are available"),
    (1, &[&[(0, Acquire { n: -1 })]], "more permits are acquired than are available"),

    (0, &[&[(0, CLOSE), (0, LockToEnqueue)]], "a request is enqueued in a closed semaphore"),
    (0, &[&[(0, LockToEnqueue), (1, LockToEnqueue)]], "the queue is locked twice"),
    (0, &[&[(0, PUSH)]], "Q2: the queue is edited without its lock"),
    (0, &[ENQUEUE, &[(0, LockForOwner), (0, PUSH_SECOND)]],
        "a node is added by a thread that has not locked the queue for it"),
    (1, &[&[(0, LockToEnqueue), (0, PUSH)]], "a request is enqueued that can complete at once"),
    (0, &[&[(0, LockToEnqueue), (0, Push { waiter: 0, needs: Needs::Range { min: 2, max: 1 } })]],
        "a request needs less than one permit, or more than it takes"),
    (-1, &[&[(0, LockToEnqueue), (0, Push { waiter: 0, needs: Needs::Range { min: 0, max: 1 } })]],
        "a request needs less than one permit, or more than it takes"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH_SECOND)]], "a node is enqueued twice"),
    (0, &[&[(0, LockForOwner)]], "the queue is locked for the owner of a node, and is empty"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, Remove { waiter: 0 })]],
        "a node is removed by a thread that has not locked the queue for it"),
    (0, &[ENQUEUE, ENQUEUE_SECOND, ADD_AND_UNLOCK, &[(1, LockForOwner), (1, Remove { waiter: 0 })]],
        "a node is removed that is not queued"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, NoEdit)]], "there is no edit to leave out"),

    (1, &[ENQUEUE_LARGE, &[(1, LockForAll)]], "F1: all permits are taken although a request is queued"),
    (1, &[&[(0, LockToEnqueue), (0, TakeAll { n: 1 })]],
        "all permits are taken by a thread that has not locked the queue for it"),
    (2, &[&[(0, LockForAll), (0, TakeAll { n: 1 })]], "a request for all permits takes some"),
    (2, &[ACQUIRE, &[(0, LockForAll), (0, TakeAll { n: 1 })]],
        "F7: all permits are taken although some are held"),
    (1, &[&[(0, LockForAll), (1, RAISE), (1, ADD), (0, TakeAll { n: 2 })]],
        "F6: the queue is unlocked although the word has changed"),
    (2, &[&[(0, LockForAll), (1, Forget { n: 1 }), (0, UnlockFails), (0, TakeAll { n: 1 })]],
        "F6: the queue is unlocked although a thread has asked for another look"),

    (0, &[&[(0, ReleaseFast { n: 1 })]], "permits are released that no caller owns"),
    (0, &[&[(0, Update { change: Change::Release(1) })]], "permits are released that no caller owns"),
    (0, &[&[(0, LOWER)]], "permits are released that no caller owns"),
    (1, &[ACQUIRE, &[(1, ReleaseFast { n: -1 })]], "a release takes permits away"),
    (0, &[&[(0, RAISE), (0, ADD_AND_LOCK)]], "an empty queue is locked to serve it"),
    (0, &[&[(0, LockToEnqueue), (1, RAISE), (1, ADD_AND_LOCK)]], "the queue is locked twice"),
    (0, &[ENQUEUE, &[(1, CLOSE)]], "F3: the word changes, and no thread looks at the queue"),
    (0, &[ENQUEUE, &[(1, RECHECK)]], "F3: the word changes, and no thread looks at the queue"),
    (1, &[&[(0, Forget { n: 2 })]], "more permits are forgotten than are available"),
    (1, &[&[(0, Forget { n: -1 })]], "more permits are forgotten than are available"),
    (1, &[&[(0, Reduce { n: -1 })]], "a reduction adds permits"),
    (0, &[&[(0, ADD)]], "F7: permits are added before the limit is raised"),
    (0, &[&[(0, RAISE), (0, Update { change: Change::Add(2) })]],
        "F7: permits are added before the limit is raised"),
    (2, &[ACQUIRE, &[(1, Forget { n: 1 }), (1, ChangeLimit { by: -2 })]],
        "F7: the limit is lowered before the word"),

    (2, &[&[(0, LockToEnqueue), (0, NoEdit), (0, CLAIM_FIRST)]], "a node is claimed that is not queued"),
    (0, &[ENQUEUE_LARGE, ENQUEUE_SECOND, &[(0, RAISE), (0, ADD_AND_LOCK), (0, CLAIM_SECOND)]],
        "F1: a node is claimed that is not the front"),
    (0, &[ENQUEUE_LARGE, &[(0, RAISE), (0, ADD_AND_LOCK), (0, CLAIM_FIRST)]],
        "the front is claimed and cannot complete"),
    (0, &[ENQUEUE, ENQUEUE_SECOND, ADD_AND_CLAIM, &[(0, CLAIM_SECOND)]],
        "two requests are claimed in one critical section"),
    (0, &[ENQUEUE, &[(0, ChangeLimit { by: 3 }), (0, UpdateAndLock { change: Change::Add(3) }),
                     (0, Claim { waiter: 0, n: 3 })]],
        "a claim is not the front's share of the permits"),
    (0, &[ENQUEUE_RANGE, &[(0, ChangeLimit { by: 2 }), (0, UpdateAndLock { change: Change::Add(2) }),
                           (0, CLAIM_FIRST)]],
        "a claim is not the front's share of the permits"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, UnlockFails)]],
        "the unlock fails although the word has not changed"),
    (1, &[&[(0, LockToEnqueue), (0, BeginRecheck)]],
        "a thread claims or unlocks before the edit for which it holds the lock"),
    (1, &[&[(0, LockToEnqueue), (0, NoEdit), (0, BeginRecheck)]], "a look begins that no thread has asked for"),
    (0, &[ENQUEUE, &[(0, RAISE), (0, ADD_AND_LOCK), (0, PutBack { waiter: 0 })]],
        "a request is put back that was not claimed"),
    (0, &[ENQUEUE, ENQUEUE_SECOND, ADD_AND_CLAIM, FORGET,
          &[(0, UnlockFails), (0, BeginRecheck), (0, PutBack { waiter: 1 })]],
        "F6: another request is put back than the claimed one"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (1, RAISE), (1, ADD), (0, Unlock)]],
        "F6: the queue is unlocked although the word has changed"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, FORGET, &[(0, UnlockFails), (0, Unlock)]],
        "F6: the queue is unlocked although a thread has asked for another look"),
    (0, &[ENQUEUE, ADD_AND_CLAIM, FORGET, &[(0, UnlockFails), (0, BeginRecheck), (0, Unlock)]],
        "F5: a grant exceeds the permits"),
    (0, &[&[(0, LockToEnqueue), (0, PUSH), (1, RAISE), (1, ADD), (0, UnlockFails), (0, Unlock)]],
        "F3: the queue is unlocked although the front can complete"),
    (1, &[&[(0, LockToEnqueue), (0, Push { waiter: 0, needs: Needs::All }), (0, Unlock)]],
        "F3: the queue is unlocked although the front can complete"),
    (0, &[ENQUEUE, &[(0, LockForOwner), (1, CLOSE), (0, NoEdit), (0, UnlockFails), (0, Unlock)]],
        "F3: the queue is unlocked although the front can complete"),
    (2, &[ACQUIRE, ENQUEUE_ALL, &[(0, RAISE), (0, ADD_AND_LOCK), (0, Claim { waiter: 0, n: 2 }), (0, Unlock)]],
        "F7: all permits are granted although some are held"),
    (0, &[&[(0, LockToEnqueue), (0, Unlock)]],
        "a thread claims or unlocks before the edit for which it holds the lock"),
    (0, &[&[(0, Unlock)]], "Q2: a thread claims or unlocks without the queue lock"),
    (1, &[&[(0, LockToEnqueue), (0, ReleaseFast { n: 0 })]],
        "a thread starts another operation while it holds the lock, or before it has stored its outcomes"),

    (0, &[ENQUEUE, &[(0, RAISE), (0, ADD_AND_LOCK), (0, CLAIM_FIRST), (0, PUBLISH)]],
        "F5: an outcome is stored by a thread that has not unlocked the queue"),
    (0, &[ENQUEUE, ENQUEUE_SECOND, ADD_AND_UNLOCK, &[(0, Publish { waiter: 1, granted: Some(1) })]],
        "the outcome of another request is stored than that of the claimed one"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(1, CLOSE), (0, Publish { waiter: 0, granted: None })]],
        "F5: an outcome is not what the unlock has decided"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(0, Publish { waiter: 0, granted: Some(2) })]],
        "F5: an outcome is not what the unlock has decided"),

    (0, &[&[(0, LookAndLock)]], "a thread looks at the queue without a reason"),
    (1, &[ACQUIRE, ENQUEUE, RELEASE, REMOVE, &[(1, LookAndLock)]], "an empty queue is locked to serve it"),
    (1, &[ACQUIRE, ENQUEUE, RELEASE, &[(1, LookAndLeave { seen: UNLOCKED_WORD })]],
        "F3: the thread leaves a queue that it should serve"),
    // What it has seen is older than its own release.
    (1, &[ACQUIRE, ENQUEUE, RELEASE, &[(1, LookAndLeave { seen: LOCKED_WORD })]],
        "F3: the front can complete, and no thread is on its way"),
    // The last held permit is forgotten; the word must change, too.
    (1, &[ACQUIRE, ENQUEUE_ALL, &[(1, LOWER), (1, Update { change: Change::Close })]],
        "F3: the word changes, and no thread looks at the queue"),

    (0, &[ENQUEUE, &[(0, TAKE)]], "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(0, TAKE)]], "a thread starts another operation while it holds the lock, \
        or before it has stored its outcomes"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(1, TAKE)]], "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(0, PUBLISH), (0, TAKE), (0, TAKE)]],
        "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(0, PUBLISH), (0, TakeGranted { waiter: 0, n: 2 })]],
        "the owner takes a grant that it does not have"),
    (0, &[ENQUEUE, &[(0, TakeFailed { waiter: 0 })]], "the owner takes a failure that it does not have"),

    (0, &[&[(0, LockToEnqueue), (0, PUSH), (0, Wake)]],
        "F4: a waker is called under the queue lock, or before all outcomes are stored"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(0, Wake)]],
        "F4: a waker is called under the queue lock, or before all outcomes are stored"),
    (0, &[ENQUEUE, &[(0, Free { waiter: 0 })]], "Q1: a node is freed that is queued, or has an outcome"),
    (0, &[ENQUEUE, ADD_AND_UNLOCK, &[(0, PUBLISH), (0, Free { waiter: 0 })]],
        "Q1: a node is freed that is queued, or has an outcome"),
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

/// A change of a state, and the invariant that it breaks. No transition of the relation makes these changes.
type Damage = fn(&mut State);

const DAMAGED: &[(Damage, Broken)] = &[
    (|state| state.word.permits -= 1, "permits appear or are lost"),
    (|state| state.held += 1, "permits appear or are lost"),
    (|state| state.word.queued = true, "F2: QUEUED is set exactly if the queue is not empty"),
    (|state| state.word.locked = true, "Q2: LOCKED is set exactly while one thread holds the lock"),
    (|state| state.word.recheck = true, "RECHECK is set although the queue is not locked"),
    (|state| state.limit += 1, "F7: the limit and the word differ by more than threads are changing"),
];

#[test]
fn the_invariants_are_checked_after_each_step() {
    for (damage, expected) in DAMAGED {
        let mut state = State::new(1);
        damage(&mut state);
        assert_eq!(state.step(0, Wake), Err(*expected));
    }
}

/// Steps after which a semaphore must not be dropped, and why.
const UNFINISHED: &[(&[Steps], Broken)] = &[
    (&[&[(0, LockToEnqueue)]], "Q4: a thread leaves the queue locked, or an outcome unstored"),
    (&[ENQUEUE, ADD_AND_UNLOCK], "Q4: a thread leaves the queue locked, or an outcome unstored"),
    (&[ENQUEUE, &[(0, ReleaseFast { n: 0 })]], "F3: a thread does not look at the queue, and should"),
    (&[&[(0, RAISE)]], "F7: a thread changes the word or the limit, and not the other one"),
    (&[&[(0, Reduce { n: 1 })]], "F7: a thread changes the word or the limit, and not the other one"),
    (
        &[&[(0, Reduce { n: 1 }), (0, LOWER)]],
        "F7: a thread lowers the limit, and does not make the front examined again",
    ),
    (&[ENQUEUE, ADD_AND_UNLOCK, &[(0, PUBLISH)]], "a request completed, and its waker was not called"),
    (&[ENQUEUE], "Q1: a node is still queued"),
];

#[test]
fn nothing_is_left_to_do_when_a_semaphore_is_dropped() {
    for (lists, expected) in UNFINISHED {
        let (state, last) = run(0, lists);
        assert_eq!((last, state.check_end()), (Ok(()), Err(*expected)));
    }
}

/// The rules are the texts in `relation.rs` that are no formats.
#[test]
fn each_rule_is_broken_by_a_test() {
    let texts = include_str!("relation.rs").split('"').skip(1).step_by(2);
    let rules: BTreeSet<_> = texts.filter(|text| !text.contains('{')).collect();
    let rejected = REJECTED.iter().map(|rejected| rejected.2);
    let damaged = DAMAGED.iter().map(|damaged| damaged.1);
    let unfinished = UNFINISHED.iter().map(|unfinished| unfinished.1);
    let broken: BTreeSet<_> = rejected.chain(damaged).chain(unfinished).collect();
    assert_eq!(rules, broken);
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

/// Thread 1 unlocks and stores the outcome. Thread 0 takes it.
const GRANTED: &[(Thread, Event)] = &[
    (1, changed(LOCKED | QUEUED | PERMIT, 0)),
    (1, Event::Reported(Step::Publish { node: 7, granted: Some(1) })),
    (1, Event::Unparked),
    (0, Event::Reported(Step::Take { node: 7, granted: Some(1) })),
    (0, Event::Reported(Step::Free { node: 7 })),
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
    let release = [
        (0, Event::Reported(Step::Release)),
        (0, Event::Changed { word: 0, old: 0, new: PERMIT, by_addition: true }),
        (0, Event::Dropped { word: 0 }),
    ];
    assert_eq!(observe([ENQUEUED, CLAIMED, GRANTED, &release]), Ok(()));
}

#[test]
fn the_bridge_rejects_events() {
    let enqueued = |event, expected| assert_eq!(observe([ENQUEUED, &[(1, event)]]), Err(expected));
    let claimed = |event, expected| assert_eq!(observe([ENQUEUED, CLAIMED, &[(1, event)]]), Err(expected));
    let granted =
        |event, expected| assert_eq!(observe([ENQUEUED, CLAIMED, GRANTED, &[(1, event)]]), Err(expected));
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
    enqueued(push(8), "Q2: the queue is accessed without its lock");
    enqueued(Event::Dropped { word: 0 }, "Q1: a node is still queued");
    // A permit is forgotten while the node is claimed, and the lock holder is not asked to look again.
    let forgotten = changed(lock, LOCKED | QUEUED);
    let events = [(0, Event::Reported(Step::Forget)), (0, forgotten)];
    assert_eq!(observe([ENQUEUED, CLAIMED, &events]), Err("the word is not what this step makes of it"));
    granted(
        Event::LimitChanged { word: 0, old: 0, new: 1 << 4 },
        "the limit is not what this step makes of it",
    );
    granted(
        Event::Changed { word: 0, old: 0, new: 2 * PERMIT, by_addition: true },
        "permits are released that no caller owns",
    );
    granted(Event::Reported(Step::Take { node: 7, granted: Some(1) }), "Q1: an unknown node is used");
}
