//! Writes each distinct step of the models to a file, and steps in which something is changed with what [`State::exec`] makes of
//! them, for `scripts/proof`. `proof/README.md` has the format.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::relation::{Change, Edit, Holder, Request, State, Status, THREADS, Thread, Transition, Word};

use Transition::*;

/// One of four changed steps is written, and at most [`MOST`] in all.
const SAMPLE: u64 = 4;
const MOST: usize = 1_000_000;

static RECORDER: LazyLock<Option<Mutex<Recorder>>> = LazyLock::new(|| {
    let folder = PathBuf::from(std::env::var_os("FAIRGATE_TRACES")?);
    fs::create_dir_all(&folder).expect("the folder of the traces");
    let create = |name| BufWriter::new(File::create(folder.join(name)).expect("a file for traces"));
    Some(Mutex::new(Recorder {
        known: HashSet::new(),
        recorded: create("recorded.trace"),
        changed: create("changed.trace"),
        count: 0,
    }))
});

struct Recorder {
    /// The hashes of the steps that are written. Two of a million steps have the same hash in one of thirty million runs.
    known: HashSet<u64>,
    recorded: BufWriter<File>,
    changed: BufWriter<File>,
    /// How many changed steps were written.
    count: usize,
}

/// Writes a step, unless the same one was written.
pub fn record(state: &State, thread: Thread, transition: Transition) {
    let Some(recorder) = &*RECORDER else { return };
    let hash = hash(&(state, thread, transition));
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    if recorder.known.insert(hash) {
        recorder.write(state, thread, transition, hash).expect("a trace can be written");
    }
}

/// Writes what is still in memory.
pub fn flush() {
    let Some(recorder) = &*RECORDER else { return };
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    recorder.recorded.flush().and_then(|()| recorder.changed.flush()).expect("a trace can be written");
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Recorder {
    fn write(
        &mut self,
        state: &State,
        thread: Thread,
        transition: Transition,
        hash: u64,
    ) -> io::Result<()> {
        writeln!(self.recorded, "at {state}")?;
        write_result(&mut self.recorded, state, thread, transition)?;
        let mut index = hash;
        let mut is_sampled = || {
            index = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let is_sampled = (index >> 32) % SAMPLE == 0 && self.count < MOST;
            self.count += usize::from(is_sampled);
            is_sampled
        };
        let mut events = Vec::new();
        for (thread, transition) in changed_events(thread, transition, state.waiters.len()) {
            if is_sampled() {
                events.push((thread, transition));
            }
        }
        if !events.is_empty() {
            writeln!(self.changed, "at {state}")?;
        }
        for (thread, transition) in events {
            write_result(&mut self.changed, state, thread, transition)?;
        }
        for state in changed_states(state) {
            if is_sampled() {
                writeln!(self.changed, "at {state}")?;
                write_result(&mut self.changed, &state, thread, transition)?;
            }
        }
        Ok(())
    }
}

/// Writes an event, and the state after it; or that it is not possible.
fn write_result(out: &mut impl Write, state: &State, thread: Thread, event: Transition) -> io::Result<()> {
    let mut next = state.clone();
    match next.exec(thread, event) {
        Ok(()) => writeln!(out, "? {thread} {event} = {next}"),
        Err(_) => writeln!(out, "! {thread} {event}"),
    }
}

/// The event by each other thread, with each number and each flag changed, and each other event in its place.
fn changed_events(thread: Thread, event: Transition, waiters: usize) -> Vec<(Thread, Transition)> {
    #[rustfmt::skip]
    let mut events = vec![
        LockToEnqueue, LockForAll, LockForOwner, EditNothing, FindAll, TakeAll, Claim, UnlockFails, Publish, Look,
        Unlock { again: false }, Unlock { again: true }, Push(Request::All), Update(Change::Close),
        Update(Change::Recheck), FetchAdd(Change::Close), FetchAdd(Change::Recheck), FetchAdd(Change::Add(1)),
    ];
    for n in 0..=2 {
        events.extend([
            Limit(n),
            Limit(-n),
            ForgetHeld(n),
            Lower { n, forget: true },
            Lower { n, forget: false },
        ]);
        events.extend([Change::Release(n), Change::Add(n)].map(Update));
        events.extend([
            FetchAdd(Change::Release(n)),
            Acquire { min: n, max: n, n },
            Acquire { min: n, max: 2, n },
        ]);
        events.push(Push(Request::Range { min: n, max: 2 }));
    }
    for waiter in 0..=waiters {
        events.extend([Remove(waiter), Take(waiter), TakeFailure(waiter), Cancel(waiter)]);
        events.extend([Update(Change::Drop(waiter)), FetchAdd(Change::Drop(waiter))]);
    }
    for by in [-1, 1] {
        let numbers = |change| match change {
            Change::Release(n) => Change::Release(n + by),
            Change::Add(n) => Change::Add(n + by),
            other => other,
        };
        match event {
            Acquire { min, max, n } => events.extend([
                Acquire { min: min + by, max, n },
                Acquire { min, max: max + by, n },
                Acquire { min, max, n: n + by },
            ]),
            Push(Request::Range { min, max }) => {
                events.push(Push(Request::Range { min: min + by, max }));
                events.push(Push(Request::Range { min, max: max + by }));
            }
            Update(change) => events.extend([Update(numbers(change)), FetchAdd(change)]),
            FetchAdd(change) => events.extend([FetchAdd(numbers(change)), Update(change)]),
            Lower { n, forget } => {
                events.extend([Lower { n: n + by, forget }, Lower { n, forget: !forget }])
            }
            Limit(n) => events.push(Limit(n + by)),
            ForgetHeld(n) => events.push(ForgetHeld(n + by)),
            _ => {}
        }
    }
    let others = (0..=THREADS).filter(|&other| other != thread).map(|other| (other, event));
    others.chain(events.into_iter().map(|event| (thread, event))).collect()
}

/// The states with one field changed.
fn changed_states(state: &State) -> Vec<State> {
    let mut states = Vec::new();
    let mut change = |change: &dyn Fn(&mut State)| {
        let mut changed = state.clone();
        change(&mut changed);
        states.push(changed);
    };
    type ChangeWord = fn(&mut Word);
    let words: [ChangeWord; 6] = [
        |word| word.permits += 1,
        |word| word.permits -= 1,
        |word| word.queued ^= true,
        |word| word.locked ^= true,
        |word| word.recheck ^= true,
        |word| word.closed ^= true,
    ];
    words.iter().for_each(|changed| change(&|state| changed(&mut state.word)));
    for by in [-1, 1] {
        change(&|state| state.limit += by);
    }
    change(&|state| state.queue.truncate(state.queue.len().saturating_sub(1)));
    change(&|state| state.queue.reverse());
    change(&|state| state.queue.push(state.waiters.len().saturating_sub(1)));
    match &state.holder {
        None => {
            let seen = state.word;
            for thread in 0..THREADS {
                let holder = Holder { thread, seen, claims: Vec::new(), edit: Edit::None };
                change(&|state| state.holder = Some(holder.clone()));
            }
        }
        Some(holder) => {
            change(&|state| state.holder = None);
            let mut holders = Vec::new();
            for thread in 0..THREADS {
                holders.push(Holder { thread, ..holder.clone() });
            }
            for changed in words {
                let mut holder = holder.clone();
                changed(&mut holder.seen);
                holders.push(holder);
            }
            let from = state.word;
            let edits = [
                Edit::None,
                Edit::Push { from },
                Edit::Remove,
                Edit::TakeAll(None),
                Edit::TakeAll(Some(1)),
            ];
            for edit in edits {
                holders.push(Holder { edit, ..holder.clone() });
            }
            for changed in words {
                if let Edit::Push { mut from } = holder.edit {
                    changed(&mut from);
                    holders.push(Holder { edit: Edit::Push { from }, ..holder.clone() });
                }
            }
            let mut fewer = holder.clone();
            fewer.claims.pop();
            holders.push(fewer);
            for at in 0..holder.claims.len() {
                for by in [-1, 1] {
                    let mut holder = holder.clone();
                    holder.claims[at].1 += by;
                    holders.push(holder);
                }
            }
            holders.iter().for_each(|holder| change(&|state| state.holder = Some(holder.clone())));
        }
    }
    for at in 0..state.waiters.len() {
        #[rustfmt::skip]
        let statuses = [
            Status::Queued, Status::Won(1), Status::Lost, Status::Granted(1), Status::Failed, Status::Dropping(1),
            Status::Done,
        ];
        statuses.iter().for_each(|&status| change(&|state| state.waiters[at].1 = status));
        change(&|state| state.waiters[at].0 = Request::All);
        for by in [-1, 1] {
            let (min, max) = match state.waiters[at].0 {
                Request::Range { min, max } => (min, max),
                Request::All => (2, 2),
            };
            change(&|state| state.waiters[at].0 = Request::Range { min: min + by, max });
            change(&|state| state.waiters[at].0 = Request::Range { min, max: max + by });
        }
    }
    for thread in 0..THREADS {
        for by in [-1, 1] {
            change(&|state| state.threads[thread].hold += by);
            change(&|state| state.threads[thread].slack += by);
        }
        change(&|state| state.threads[thread].owes ^= true);
        change(&|state| state.threads[thread].looks += 1);
        change(&|state| state.threads[thread].looks = state.threads[thread].looks.saturating_sub(1));
        change(&|state| state.threads[thread].todo.truncate(0));
        change(&|state| state.threads[thread].todo.push(0));
        change(&|state| state.threads[thread].todo.reverse());
    }
    states.retain(|changed| changed != state);
    states
}

/// A list with a separator, or `-`.
fn list(f: &mut fmt::Formatter<'_>, items: impl IntoIterator<Item = impl fmt::Display>) -> fmt::Result {
    let mut separator = "";
    for item in items {
        write!(f, "{separator}{item}")?;
        separator = ",";
    }
    if separator.is_empty() { f.write_str("-") } else { Ok(()) }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.word, self.limit)?;
        match &self.holder {
            None => f.write_str("-")?,
            Some(holder) => write!(f, "{holder}")?,
        }
        f.write_str(" ")?;
        list(f, &self.queue)?;
        f.write_str(" ")?;
        list(f, self.waiters.iter().map(|(request, status)| format!("{request}/{status}")))?;
        f.write_str(" ")?;
        list(
            f,
            self.threads.iter().map(|thread| {
                let owes = if thread.owes { "owes" } else { "-" };
                let todo: String = thread.todo.iter().map(|waiter| format!("/{waiter}")).collect();
                format!("{}/{}/{owes}/{}{todo}", thread.hold, thread.slack, thread.looks)
            }),
        )
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |is_set, letter| if is_set { letter } else { '-' };
        let Self { permits, queued, locked, recheck, closed } = *self;
        let flags = [flag(closed, 'C'), flag(recheck, 'R'), flag(locked, 'L'), flag(queued, 'Q')];
        write!(f, "{permits}{}", flags.iter().collect::<String>())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/", self.thread, self.seen)?;
        match self.edit {
            Edit::None => f.write_str("none")?,
            Edit::Push { from } => write!(f, "push:{from}")?,
            Edit::Remove => f.write_str("remove")?,
            Edit::TakeAll(None) => f.write_str("all")?,
            Edit::TakeAll(Some(n)) => write!(f, "all:{n}")?,
        }
        self.claims.iter().try_for_each(|(waiter, n)| write!(f, "/{waiter}:{n}"))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { min, max } => write!(f, "{min}:{max}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Won(n) => write!(f, "won:{n}"),
            Self::Lost => f.write_str("lost"),
            Self::Granted(n) => write!(f, "granted:{n}"),
            Self::Failed => f.write_str("failed"),
            Self::Dropping(n) => write!(f, "dropping:{n}"),
            Self::Done => f.write_str("done"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(n) => write!(f, "release {n}"),
            Self::Drop(waiter) => write!(f, "drop {waiter}"),
            Self::Add(n) => write!(f, "add {n}"),
            Self::Recheck => f.write_str("recheck"),
            Self::Close => f.write_str("close"),
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Acquire { min, max, n } => write!(f, "acquire {min} {max} {n}"),
            LockToEnqueue => f.write_str("lock-to-enqueue"),
            LockForAll => f.write_str("lock-for-all"),
            LockForOwner => f.write_str("lock-for-owner"),
            Push(Request::Range { min, max }) => write!(f, "push {min} {max}"),
            Push(Request::All) => f.write_str("push all"),
            Remove(waiter) => write!(f, "remove {waiter}"),
            EditNothing => f.write_str("edit-nothing"),
            FindAll => f.write_str("find-all"),
            TakeAll => f.write_str("take-all"),
            Update(change) => write!(f, "update {change}"),
            FetchAdd(change) => write!(f, "fetch-add {change}"),
            Lower { n, forget: true } => write!(f, "forget {n}"),
            Lower { n, forget: false } => write!(f, "reduce {n}"),
            Limit(change) => write!(f, "limit {change}"),
            ForgetHeld(n) => write!(f, "forget-held {n}"),
            Claim => f.write_str("claim"),
            UnlockFails => f.write_str("unlock-fails"),
            Unlock { again: false } => f.write_str("unlock"),
            Unlock { again: true } => f.write_str("unlock-again"),
            Publish => f.write_str("publish"),
            Look => f.write_str("look"),
            Take(waiter) => write!(f, "take {waiter}"),
            TakeFailure(waiter) => write!(f, "take-failure {waiter}"),
            Cancel(waiter) => write!(f, "cancel {waiter}"),
        }
    }
}
