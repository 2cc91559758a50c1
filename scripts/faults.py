"""Faults that scripts/orderings plants, each of which a loom model must notice.

A fault is a list of changes: a file in src/, its code, and what takes its place. There PLANTED says whether the fault is
planted, and OLD is the code itself. Code that is not found once is an error.
"""

SEMAPHORE, ACQUIRE, QUEUE = "raw/semaphore.rs", "raw/acquire.rs", "raw/queue.rs"

FAULTS = {
    "is_unfinished is not computed again after a failed unlock": [
        (SEMAPHORE, "        loop {\n            let Some(claim) = queue.claim_front()", "let mut first = None;\nOLD"),
        (SEMAPHORE, "            match queue.unlock(claim.permits) {",
         "let kept = *first.get_or_insert(is_unfinished);\n"
         "let is_unfinished = if PLANTED { kept } else { is_unfinished };\nOLD"),
    ],
    "the owner of a claimed node unlocks without a look at the front": [
        (ACQUIRE, "        semaphore.unlock(queue);\n    }\n    // The waker that is not needed.",
         "if PLANTED && !is_queued {\n"
         "    let mut unlocked = queue.unlock(0);\n"
         "    while let Err(queue) = unlocked { unlocked = queue.unlock(0); }\n"
         "} else { semaphore.unlock(queue); }\n    }\n    // The waker that is not needed."),
    ],
    "take_share tests CLOSED in its first round only": [
        (SEMAPHORE, "        loop {\n            let state = self.state();\n            match state.share_of_new(request) {",
         "let mut round = 0;\nloop {\n    round += 1;\n    let state = self.state();\n"
         "    let open = State(state.0 & !State::new(0).close().0);\n"
         "    match (if PLANTED && round > 1 { open } else { state }).share_of_new(request) {"),
    ],
    "the cancel of a claimed request drops its permits": [
        (ACQUIRE, "            semaphore.unlock(queue);\n            mem::forget(claimed);",
         "OLD\nif PLANTED { semaphore.queue.wait_for_outcome(&node); return; }"),
    ],
    "a grant leaves a front that needs exactly what is left": [
        (QUEUE, "let left = self.state.minus(claimed);",
         "let left = self.state.minus(claimed + usize::from(PLANTED && claimed > 0));"),
    ],
    "put_back forgets the length": [
        (QUEUE, "        self.set_front(this, this.min());\n        self.set_len(|length| length + 1);",
         "self.set_front(this, this.min());\nif !PLANTED { self.set_len(|length| length + 1); }"),
    ],
    "put_back does not publish what the front needs": [
        (QUEUE, "self.set_front(this, this.min());",
         "if PLANTED { self.queue.front.store(this.0.as_ptr(), Ordering::Relaxed) } else { OLD }"),
    ],
    "forget does not set RECHECK": [
        (SEMAPHORE, "let (new, forgotten) = state.forget(n);",
         "OLD\nlet new = if PLANTED { state.minus(forgotten) } else { new };"),
    ],
    "reduce does not set RECHECK": [
        (SEMAPHORE, "let Some(new) = state.reduce(n) else { return false };",
         "OLD\nlet new = if PLANTED { state.minus(n) } else { new };"),
    ],
    "forget lowers the limit before the word": [
        (SEMAPHORE, "            report(Step::Forget);",
         "let by = Limit::new(forgotten as isize).0;\n"
         "if PLANTED { self.queue.limit.fetch_sub(by, Ordering::Release); }\nOLD"),
        (SEMAPHORE, "                self.forget_held(forgotten);\n                return forgotten;\n            }",
         "if PLANTED { self.recheck(); return forgotten; }\nOLD\n"
         "if PLANTED { self.queue.limit.fetch_sub(-by, Ordering::Release); }"),
    ],
    "RECHECK is cleared after the look": [
        (QUEUE, "        let state =\n            State(self.queue.state.fetch_and",
         "if PLANTED { self.state = State(self.queue.state.load(Ordering::Acquire)); return; }\nOLD"),
        (QUEUE, "let new = self.state.unlock(granted, is_empty);",
         "OLD\nlet new = if PLANTED { new.without_recheck() } else { new };"),
    ],
    "the outcome is decided by the state after the unlock": [
        (SEMAPHORE, "Ok(state) => return (Some(claim.complete(&self.queue, state)), is_unfinished),",
         "Ok(state) => {\n"
         "    let state = if PLANTED { self.state() } else { state };\n"
         "    return (Some(claim.complete(&self.queue, state)), is_unfinished);\n}"),
    ],
    "a claim is not put back when the state changes": [
        (SEMAPHORE, "            let Some(claim) = queue.claim_front() else {",
         "let Some(claim) = stale.take().or_else(|| queue.claim_front()) else {"),
        (SEMAPHORE, "            queue.put_back(claim);", "if PLANTED { stale = Some(claim) } else { OLD }"),
        (SEMAPHORE, "    fn serve_front(&self, mut queue: QueueGuard<'_>) -> (Option<Waker>, bool) {", "OLD\nlet mut stale = None;"),
    ],
    "a try of all permits does not look at the limit under the lock": [
        (QUEUE, "share_of_front(self.limit(), MAX_PERMITS)",
         "share_of_front(if PLANTED { isize::MIN } else { self.limit() }, MAX_PERMITS)"),
    ],
    "a lower limit does not make the front examined again": [
        (SEMAPHORE, "        report(Step::Recheck);", "if PLANTED { return; }\nOLD"),
    ],
    "a lower limit does not change the word of an unlocked queue": [
        (SEMAPHORE, "        report(Step::Recheck);",
         "if PLANTED && !self.state().is_queued() { return; }\nOLD"),
    ],
    "an addition that is taken back does not make the front examined again": [
        (SEMAPHORE, "if has_lowered {", "if has_lowered && !PLANTED {"),
    ],
    "take_back lowers the limit although it was set since": [
        (SEMAPHORE, "while !limit.was_set_since(raised) {", "while PLANTED || !limit.was_set_since(raised) {"),
    ],
    "set_limit raises the word before the limit": [
        (SEMAPHORE, "            match self.try_change_limit(limit, new) {",
         "if PLANTED && raised > 0 { self.hand_off(raised as usize); }\nOLD"),
        (SEMAPHORE, "let surplus = (lowered as isize + raised) as usize;",
         "let surplus = (lowered as isize + if PLANTED { raised.min(0) } else { raised }) as usize;"),
    ],

    # One step more or less in a comparison. Not here, because the result is the same: `plain_request` (the slow path does what
    # the fast one does), `add(0)`, and `excess > lowered`.
    "a queue may have one more request than its bound": [
        (QUEUE, ">= max_waiters", ">= max_waiters + usize::from(PLANTED)"),
    ],
    "a try for all permits wants one more than exist": [
        (SEMAPHORE, "state.permits() < self.limit() {", "state.permits() < self.limit() + isize::from(PLANTED) {"),
    ],
    "MAX_PERMITS permits may not exist": [
        (SEMAPHORE, "filter(|&n| n <= MAX_PERMITS as isize)", "OLD.filter(|&n| !PLANTED || n < MAX_PERMITS as isize)"),
    ],
    "one permit more than MAX_PERMITS may exist": [
        (SEMAPHORE, "filter(|&n| n <= MAX_PERMITS as isize)", "filter(|&n| n - isize::from(PLANTED) <= MAX_PERMITS as isize)"),
    ],
    "MAX_PERMITS permits may not be owed": [
        (SEMAPHORE, "|| new >= least)", "|| new - isize::from(PLANTED) >= least)"),
    ],
    "a change of the limit that adds nothing does not make the front examined": [
        (SEMAPHORE, "if surplus > 0 {", "if surplus > 0 || PLANTED {"),
    ],
    "the request after a grant is not examined": [
        (SEMAPHORE, "let is_unfinished = queue.can_serve(claim.permits);", "OLD\nlet is_unfinished = is_unfinished && !PLANTED;"),
    ],
    "a look serves one request and no more": [
        (SEMAPHORE, "            self.is_unfinished = is_unfinished;", "if !PLANTED { OLD }"),
    ],

    # Two steps in the wrong order.
    "an addition raises the word before the limit": [
        (SEMAPHORE, "let is_raised = self.raise_limit(n).is_some();",
         "if PLANTED && n > 0 { report(Step::Add); self.hand_off(n); return self.raise_limit(n).is_some(); }\nOLD"),
    ],
    "a waker is called before the outcome is stored": [
        (QUEUE, "let waker = unsafe { self.entry.take_waker() };",
         "OLD\nlet waker = if PLANTED { waker.wake(); Waker::noop().clone() } else { waker };"),
    ],
    "the outcome is stored before the queue is unlocked": [
        (SEMAPHORE, "            match queue.unlock(claim.permits) {",
         "if PLANTED { let _early = claim.early(&self.queue, self.state()); }\nOLD"),
        (QUEUE, "    pub(super) fn complete(self, queue: &WaitQueue, state: State) -> Waker {",
         "pub(super) fn early(&self, queue: &WaitQueue, state: State) -> core::mem::ManuallyDrop<Waker> {\n"
         "    let claim = Claim { entry: self.entry, permits: self.permits };\n"
         "    core::mem::ManuallyDrop::new(claim.complete(queue, state))\n}\nOLD"),
    ],

    # A local that is kept although it is no longer true.
    "an update tries again with the old state": [
        (SEMAPHORE, "while let Err(actual) = self.try_update(state, new(state)) {\n            state = actual;",
         "while let Err(actual) = self.try_update(state, new(state)) {\n            state = if PLANTED { state } else { actual };"),
    ],
    "a look tries again with the old state": [
        (SEMAPHORE, "Ok(queue) => return Some(queue),\n                Err(actual) => state = actual,",
         "Ok(queue) => return Some(queue),\n                Err(actual) => state = if PLANTED { state } else { actual },"),
    ],
    "an owner tries again with the old state": [
        (QUEUE, "            let mut state = State(self.state.load(Ordering::Acquire));\n            if state.is_locked()",
         "let newest = State(self.state.load(Ordering::Acquire));\n"
         "let mut state = *old.get_or_insert(newest);\nif !PLANTED { state = newest; }\nif state.is_locked()"),
        (QUEUE, "    pub(super) fn lock(&self) -> Option<QueueGuard<'_>> {", "OLD\nlet mut old = None;"),
    ],
    "the lock holder keeps the old state after a failed unlock": [
        (QUEUE, "                self.state = State(actual);\n", "if !PLANTED { OLD }\n"),
    ],
    "the lock holder keeps the old state after it has cleared RECHECK": [
        (QUEUE, "        self.state = state.without_recheck();", "if !PLANTED { OLD } else { self.state = self.state.without_recheck(); }"),
    ],
    "a raise of the limit tries again with the old limit": [
        (SEMAPHORE, "Ok(()) => return Some(limit.raise(permits)),\n                Err(actual) => limit = actual,",
         "Ok(()) => return Some(limit.raise(permits)),\n                Err(actual) => limit = if PLANTED { limit } else { actual },"),
    ],
    "a change of the limit forgets what it has lowered": [
        (SEMAPHORE, "                lowered = excess;", "if !PLANTED || lowered == 0 { OLD }"),
    ],
    "add_up_to tries again with the old state": [
        (SEMAPHORE, "Ok(()) => return Some(n),\n                Err(actual) => state = actual,",
         "Ok(()) => return Some(n),\n                Err(actual) => state = if PLANTED { state } else { actual },"),
    ],
}

# Faults that scripts/mutants plants, because the tests notice them and no model does.
TESTED = {
    "the waker of a cancelled request is dropped under the lock": [
        (ACQUIRE, "if let Some(_waker) = unsafe { queue.remove(node) } {",
         "OLD\nif PLANTED { drop(_waker); semaphore.unlock(queue); return; }"),
    ],
    "a waker is cloned under the lock": [
        (ACQUIRE, "let Some(mut queue) = semaphore.try_lock_to_enqueue(state) else { continue };",
         "OLD\nlet waker = if PLANTED { waker.clone() } else { waker };"),
    ],
    "a large minimum is stored as if it were no number": [
        (QUEUE, "min < NEEDS_MANY as usize", "min < NEEDS_MANY as usize + 2 * usize::from(PLANTED)"),
    ],
}

# Weaker orderings that no model can notice, and why. They are not tried.
NOT_NEEDED = "not needed: an owner that finds the queue empty waits for its outcome, and loads that with Acquire"
UNNOTICEABLE = {
    ("queue.rs wait_for_unlock #1", "Relaxed"): NOT_NEEDED,
    ("queue.rs lock #1", "Relaxed"): NOT_NEEDED,
}
