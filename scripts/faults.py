"""Faults that scripts/orderings plants, each of which a loom model must notice.

A fault is a list of changes: a file in src/, its code, and what takes its place. There PLANTED says whether the fault is
planted, and OLD is the code itself.
"""

SEMAPHORE, ACQUIRE, QUEUE = "raw/semaphore.rs", "raw/acquire.rs", "raw/queue.rs"

FAULTS = {
    "is_unfinished is not computed again after a failed unlock": [
        (SEMAPHORE, "        loop {\n            let claim = queue.claim_front();", "let mut first = None;\nOLD"),
        (SEMAPHORE, "            match queue.unlock(granted) {",
         "let kept = *first.get_or_insert(is_unfinished);\n"
         "let is_unfinished = if PLANTED { kept } else { is_unfinished };\nOLD"),
    ],
    "the owner of a claimed node unlocks without a look at the front": [
        (ACQUIRE, "        semaphore.unlock(queue);\n        if replaced.is_ok()",
         "if PLANTED && replaced.is_err() {\n"
         "    let mut unlocked = queue.unlock(0);\n"
         "    while let Err(queue) = unlocked { unlocked = queue.unlock(0); }\n"
         "} else { semaphore.unlock(queue); }\n        if replaced.is_ok()"),
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
        (SEMAPHORE, "                    if let Some(claim) = claim {\n                        claim.complete",
         "let state = if PLANTED { self.semaphore.state() } else { state };\nOLD"),
    ],
    "a claim is not put back when the state changes": [
        (SEMAPHORE, "            let claim = queue.claim_front();", "let claim = kept.take().or_else(|| queue.claim_front());"),
        (SEMAPHORE, "        loop {\n            let claim", "let mut kept = None;\nOLD"),
        (SEMAPHORE, "            if let Some(claim) = claim {\n                queue.put_back(claim);",
         "if PLANTED { kept = claim; continue; }\nOLD"),
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
}

# Weaker orderings that no model can notice, and why. They are not tried.
NOT_NEEDED = "not needed: an owner that finds the queue empty waits for its outcome, and loads that with Acquire"
UNNOTICEABLE = {
    ("queue.rs wait_for_unlock #1", "Relaxed"): NOT_NEEDED,
    ("queue.rs lock #1", "Relaxed"): NOT_NEEDED,
}
