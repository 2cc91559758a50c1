"""Faults that scripts/orderings plants, each of which a loom model must notice.

A fault is a list of changes: a file in src/, its code, and what takes its place. There PLANTED says whether the fault is
planted, and OLD is the code itself.
"""

SEMAPHORE, ACQUIRE, QUEUE = "raw/semaphore.rs", "raw/acquire.rs", "raw/queue.rs"

FAULTS = {
    "is_unfinished is not computed again after a failed unlock": [
        (SEMAPHORE, "    let mut claims = Claims::new();\n    loop {", "let mut first = None;\nOLD"),
        (SEMAPHORE, "        match queue.unlock(&claims) {\n            Ok(state) => return Batch",
         "let kept = *first.get_or_insert(is_unfinished);\n"
         "let is_unfinished = if PLANTED { kept } else { is_unfinished };\nOLD"),
    ],
    "the owner of a claimed node unlocks without a look at the front": [
        (ACQUIRE, "        semaphore.unlock(queue);\n        if replaced.is_ok()",
         "if PLANTED && replaced.is_err() {\n"
         "    let none = super::queue::Claims::new();\n"
         "    let mut unlocked = queue.unlock(&none);\n"
         "    while let Err(queue) = unlocked { unlocked = queue.unlock(&none); }\n"
         "} else { semaphore.unlock(queue); }\n        if replaced.is_ok()"),
    ],
    "take_share tests CLOSED in its first round only": [
        (SEMAPHORE, "else { return self.take_all() };\n        loop {", "else { return self.take_all() };\n"
         "        let mut round = 0;\n        loop {\n            round += 1;"),
        (SEMAPHORE, "            if state.is_closed() {\n                return Err((Refused::Closed, state));\n            }\n"
         "            match state.share_of_new",
         "            if state.is_closed() && !(PLANTED && round > 1) {\n"
         "                return Err((Refused::Closed, state));\n            }\n            match state.share_of_new"),
    ],
    "the cancel of a claimed request drops its permits": [
        (ACQUIRE, "            semaphore.unlock(queue);\n            mem::forget(claimed);",
         "OLD\nif PLANTED { semaphore.queue.wait_for_outcome(&node); return; }"),
    ],
    "a full batch leaves a front that needs exactly what is left": [
        (QUEUE, "let state = self.state.minus(claims.permits);",
         "let state = self.state.minus(claims.permits + usize::from(PLANTED && claims.count == 2));"),
    ],
    "put_back forgets the length": [
        (QUEUE, "self.set_len(self.len() + claims.count);", "if !PLANTED { OLD }"),
    ],
    "put_back drops the last node": [
        (QUEUE, "for _ in 1..claims.count {", "for _ in 1..claims.count - usize::from(PLANTED && claims.count > 1) {"),
    ],
    "put_back does not publish what the front needs": [
        (QUEUE, "        self.set_front(first);",
         "if PLANTED { self.queue.front.store(first.0.as_ptr(), Ordering::Relaxed) } else { self.set_front(first) }"),
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
         "if PLANTED { self.queue.limit.fetch_sub(forgotten as isize, Ordering::Release); }\nOLD"),
        (SEMAPHORE, "                self.forget_held(forgotten);\n                return forgotten;\n            }",
         "if PLANTED { self.recheck(); return forgotten; }\nOLD\n"
         "if PLANTED { self.queue.limit.fetch_sub(-(forgotten as isize), Ordering::Release); }"),
    ],
    "RECHECK is cleared after the look": [
        (QUEUE, "        let state = State(self.queue.state.fetch_and",
         "if PLANTED { self.state = State(self.queue.state.load(Ordering::Acquire)); return; }\nOLD"),
        (QUEUE, "let new = self.state.unlock(claims.permits, is_empty);",
         "OLD\nlet new = if PLANTED { new.without_recheck() } else { new };"),
    ],
    "complete_next does not take the shares before it out of the state": [
        (QUEUE, "                *state = state.minus(n);", "if !PLANTED { OLD }"),
    ],
    "complete_next uses the state after the unlock": [
        (SEMAPHORE, "Ok(state) => return Batch { claims, state, is_unfinished },",
         "Ok(state) => { let state = if PLANTED { queue_state_after(state, &claims) } else { state };\n"
         "return Batch { claims, state, is_unfinished } }"),
        (SEMAPHORE, "/// The work of a thread that serves several requests.",
         "fn queue_state_after(state: State, claims: &Claims) -> State { state.unlock(claims.count(), false) }\n\nOLD"),
    ],
    "an elastic claim stays when the state changes": [
        (QUEUE, "let fits = self.state.permits() >= claims.permits as isize && !claims.is_elastic;",
         "let fits = self.state.permits() >= claims.permits as isize && (PLANTED || !claims.is_elastic);"),
    ],
    "claims stay that no longer fit": [
        (QUEUE, "fits || self.state.is_closed() || claims.count == 0", "PLANTED || OLD"),
    ],
    "a try of all permits does not look at the limit under the lock": [
        (SEMAPHORE, "share_of_front(Request::All, queue.limit());",
         "share_of_front(Request::All, if PLANTED { isize::MIN } else { queue.limit() });"),
    ],
    "a lower limit does not make the front examined again": [
        (SEMAPHORE, "        report(Step::Recheck);", "if PLANTED { return; }\nOLD"),
    ],
    "a lower limit does not change the word of an unlocked queue": [
        (SEMAPHORE, "        report(Step::Recheck);",
         "if PLANTED && !self.state().is_queued() { return; }\nOLD"),
    ],
    "set_limit raises the word before the limit": [
        (SEMAPHORE, "            report(Step::Limit { change: new - limit });",
         "if PLANTED && new > limit { self.hand_off((new - limit) as usize); }\nOLD"),
        (SEMAPHORE, "match (lowered as isize + raised) as usize {",
         "match (lowered as isize + if PLANTED { raised.min(0) } else { raised }) as usize {"),
    ],
}

# Weaker orderings that no model can notice, and why. They are not tried.
NOT_NEEDED = "not needed: an owner that finds the queue empty waits for its outcome, and loads that with Acquire"
UNNOTICEABLE = {
    ("queue.rs wait_for_unlock #1", "Relaxed"): NOT_NEEDED,
    ("queue.rs lock #1", "Relaxed"): NOT_NEEDED,
    ("semaphore.rs move_limit #2", "Relaxed"): "not needed: a change of the word with Release follows each change",
}
