//! What the page says is true in every state of every level: the search goes on past the goal, to the last state.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use fairgate_playground::levels::{self, Level, Variant};
use fairgate_playground::{api, game, search};
use serde_json::Value;

const MOST_STATES: usize = 100_000;

fn variants() -> impl Iterator<Item = (&'static Level, &'static Variant)> {
    levels::all().iter().flat_map(|level| level.variants.iter().map(move |variant| (level, variant)))
}

fn ask(question: &str) -> Value {
    serde_json::from_str(&api::answer(question).unwrap_or_else(|why| panic!("{question}: {why}"))).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no list {name} in {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}"))
}

/// One state as the page shows it, and the code that is beside it.
struct State<'a> {
    semaphore: &'a [Value],
    fairgate: bool,
    id: String,
    world: Value,
    functions: &'a [Value],
}

/// What the page shows of one task.
struct Shown<'a> {
    task: &'a Value,
    name: &'a str,
    status: &'a str,
    phase: &'a str,
    holds: bool,
    /// Whether a request of this task is in a queue, and whether it is granted, woken or neither.
    queued: Vec<&'a str>,
    in_flight: bool,
    /// The line with the mark.
    mark: Option<&'a str>,
}

/// The words for a task that has ended, each with its letter in the timeline.
const ENDS: [(&str, &str); 6] = [
    ("done", "d"),
    ("cancelled", "x"),
    ("closed", "c"),
    ("refused", "f"),
    ("timed out", "o"),
    ("no connection", "n"),
];

impl State<'_> {
    fn tasks(&self) -> Vec<Shown<'_>> {
        list(&self.world, "tasks").iter().map(|task| self.shown(task)).collect()
    }

    fn shown<'a>(&'a self, task: &'a Value) -> Shown<'a> {
        let name = text(task, "name");
        let gates = list(&self.world, "gates");
        let of_task = |requests: &&'a Value| text(requests, "task") == name;
        let requests = |list_name: &'static str| {
            gates.iter().flat_map(move |gate| list(gate, list_name)).filter(of_task)
        };
        let in_flight = list(&self.world, "rooms")
            .iter()
            .any(|room| list(room, "inside").iter().any(|inside| inside == name));
        Shown {
            task,
            name,
            status: text(task, "status"),
            phase: text(task, "phase"),
            holds: requests("holders").count() > 0,
            queued: requests("queue").map(|request| text(request, "standing")).collect(),
            in_flight,
            mark: task["line"].as_u64().map(|line| self.line(text(task, "function"), line)),
        }
    }

    /// The text of a line of the code beside the world.
    fn line(&self, function: &str, line: u64) -> &str {
        let code = self.functions.iter().find(|code| text(code, "name") == function);
        let code = code.unwrap_or_else(|| panic!("{}: {function} is not on the page", self.id));
        let first = code["first"].as_u64().unwrap();
        let found = line.checked_sub(first).and_then(|line| text(code, "text").lines().nth(line as usize));
        found.unwrap_or_else(|| panic!("{}: line {line} is not in {function}", self.id))
    }

    fn violations(&self) -> impl Iterator<Item = &str> {
        list(&self.world, "violations").iter().map(|violation| text(violation, "text"))
    }

    fn log(&self) -> impl Iterator<Item = &str> {
        list(&self.world, "log")
            .iter()
            .flat_map(|step| step.as_array().unwrap())
            .map(|said| said.as_str().unwrap())
    }
}

/// Pushes a fault if `ok` is false.
macro_rules! require {
    ($faults:ident, $ok:expr, $($fault:tt)*) => { if !$ok { $faults.push(format!($($fault)*)); } };
}

fn the_mark_is_the_await_that_is_pending(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for shown in state.tasks() {
        let Shown { name, status, .. } = shown;
        let runs = matches!(status, "ready" | "woken" | "waiting");
        require!(faults, shown.mark.is_some() == runs, "{name} is {status}: mark at {:?}", shown.mark);
        let Some(mark) = shown.mark else { continue };
        require!(
            faults,
            mark.contains(".await"),
            "{name} has its mark at a line that awaits nothing: {mark}"
        );
        let gates = list(&state.world, "gates");
        let awaits_permit = ["acquire", "lock()", "arrive"].iter().any(|word| mark.contains(word));
        let limited = ["with_timeout", "select"].iter().any(|word| mark.contains(word));
        require!(
            faults,
            !awaits_permit || limited || !shown.queued.is_empty(),
            "{name} is in no queue: {mark}"
        );
        require!(faults, !awaits_permit || !gates.is_empty(), "there is no semaphore: {mark}");
        let sends = mark.contains("server.get");
        require!(
            faults,
            sends == shown.in_flight || limited,
            "{name}: in flight is {}: {mark}",
            shown.in_flight
        );
        let steps = mark.contains("step()");
        require!(faults, !steps || status == "ready", "{name} is {status}, not ready: {mark}");
    }
    faults
}

fn a_task_that_has_ended_holds_and_awaits_nothing(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for shown in state.tasks() {
        let Shown { name, status, phase, .. } = shown;
        let end = ENDS.iter().find(|(word, _)| *word == status);
        let letters = list(&state.world, "history");
        let index = list(&state.world, "tasks").iter().position(|task| task == shown.task).unwrap();
        require!(
            faults,
            letters[index].as_str().unwrap().ends_with(phase),
            "{name}: phase {phase} is not in its history"
        );
        let is_over = phase.chars().all(|letter| "dxcfon".contains(letter));
        require!(faults, end.is_some() == is_over, "{name} is {status} in phase {phase}");
        let is_new = status == "not started";
        require!(faults, is_new == (phase == "."), "{name} is {status} in phase {phase}");
        let idle = !shown.holds && shown.queued.is_empty() && !shown.in_flight;
        require!(faults, !is_new || idle, "{name} is {status}, but not idle");
        let holds = !list(shown.task, "holds").is_empty();
        require!(
            faults,
            holds == shown.holds,
            "{name} holds by its own words: {holds}, by the picture: {}",
            shown.holds
        );
        let waits = status == "waiting";
        let reason = !shown.queued.is_empty() || state.world["timers"].as_u64().unwrap_or(1) > 0;
        require!(faults, !waits || reason, "{name} waits for nothing");
        let Some((_, letter)) = end else { continue };
        require!(faults, phase == *letter, "{name} is {status} in phase {phase}");
        require!(faults, idle, "{name} is {status}, but not idle");
        require!(
            faults,
            shown.task["note"].is_null(),
            "{name} is {status} with a note: {}",
            shown.task["note"]
        );
    }
    faults
}

/// The word for the end of a task says what the log says last about it.
fn the_end_of_a_task_is_the_one_that_the_log_tells(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for Shown { name, status, .. } in state.tasks() {
        if !ENDS.iter().any(|(word, _)| *word == status) {
            continue;
        }
        let mut told = "done";
        for said in state.log() {
            let endings = [
                (format!("refuses the request of {name}"), "refused"),
                (format!("refuses it: 429. ({name})"), "refused"),
                (format!("{name} sends a request, and the server refuses it"), "refused"),
                (format!("The time limit of {name} has passed"), "timed out"),
                (format!("The server answers {name}."), "done"),
                (format!("{name} finds no idle connection"), "no connection"),
                (format!("{name} ends: the semaphore is closed"), "closed"),
                (format!("{name} is cancelled"), "cancelled"),
            ];
            for (sentence, word) in endings {
                if said.contains(&sentence) {
                    told = word;
                }
            }
        }
        require!(faults, told == status, "{name} is {status}, but the log tells that it is {told}");
    }
    faults
}

/// In a deadlock a task waits for what another one holds.
fn a_deadlock_has_a_holder(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let is_held = state.tasks().iter().any(|shown| shown.holds);
    let moves = list(&state.world, "moves").len();
    for violation in list(&state.world, "violations").iter().filter(|violation| violation["at"] == moves) {
        let said = text(violation, "text");
        require!(faults, is_held || !said.starts_with("Deadlock"), "{said}");
    }
    faults
}

/// A violation stays on the page after its move, so it is told in the past tense.
fn no_violation_is_in_the_present_tense(state: &State<'_>) -> Vec<String> {
    const PRESENT: [&str; 22] = [
        "is", "are", "has", "have", "holds", "hold", "waits", "wait", "owes", "gets", "takes", "asks",
        "writes", "refuses", "times", "polls", "answers", "sends", "should", "wants", "does", "do",
    ];
    let mut faults = Vec::new();
    for violation in state.violations() {
        let words = violation.replace("should have been", "");
        let words = words.split(|c: char| !c.is_alphabetic()).filter(|word| PRESENT.contains(word));
        for word in words {
            faults.push(format!("{word:?} in {violation:?}"));
        }
    }
    faults
}

/// A sentence fits its numbers, and one about a grant fits the picture.
fn the_words_fit_the_numbers_and_the_picture(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for said in state.log().chain(state.violations()) {
        let words: Vec<_> = said.split(|c: char| !c.is_alphanumeric()).collect();
        let wrong = words
            .windows(2)
            .any(|pair| pair[0] == "1" && ["requests", "permits", "tasks"].contains(&pair[1]));
        require!(faults, !wrong, "one, and a plural: {said:?}");
    }
    let granted = list(&state.world, "gates").iter().any(|gate| gate["granted"] != 0);
    let moves = list(&state.world, "moves").len();
    for violation in list(&state.world, "violations").iter().filter(|violation| violation["at"] == moves) {
        let said = text(violation, "text");
        require!(faults, granted || !said.contains("was granted to"), "nothing is granted: {said:?}");
    }
    faults
}

/// What a screen reader says of a move is on the screen: sentences of the log and violations of this move, each once,
/// in plain text.
fn what_is_announced_is_on_the_page_and_said_once(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let said = text(&state.world, "said");
    require!(faults, !said.contains('`'), "backticks in {said:?}");
    let moves = list(&state.world, "moves").len();
    let mut rest = said.to_owned();
    let last = list(&state.world, "log").last();
    let log = last.map_or_else(
        || vec!["The start."],
        |log| log.as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect(),
    );
    let now = list(&state.world, "violations").iter().filter(|violation| violation["at"] == moves);
    let sentences = log.into_iter().chain(now.map(|violation| text(violation, "text")));
    let mut seen = HashSet::new();
    for sentence in sentences.filter(|sentence| seen.insert(sentence.to_owned())) {
        let plain = sentence.replace('`', "");
        require!(
            faults,
            said.matches(&plain).count() == 1,
            "{plain:?} is said {} times in {said:?}",
            said.matches(&plain).count()
        );
        rest = rest.replacen(&plain, "", 1);
    }
    let won = state.world["won_at"] == moves && moves > 0;
    let stuck = list(&state.world, "legal").is_empty() && state.world["won"] == false;
    let expected = [(won, "Goal reached."), (stuck, "No move is left.")];
    for (when, sentence) in expected {
        require!(faults, rest.contains(sentence) == when, "{sentence:?} in {said:?}: {}", !when);
        rest = rest.replace(sentence, "");
    }
    require!(faults, rest.trim().is_empty(), "{rest:?} is said, and not on the page");
    faults
}

/// The numbers in the picture agree with each other, unless a violation says that they do not.
fn the_picture_adds_up(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for gate in list(&state.world, "gates") {
        let number = |name: &str| gate[name].as_u64().unwrap();
        let used = number("held") + number("granted");
        let (available, capacity, owed) = (number("available"), number("capacity"), number("owed"));
        let sum = list(gate, "holders").iter().map(|holder| holder["n"].as_u64().unwrap()).sum::<u64>();
        require!(faults, sum == number("held"), "held is {}, but the holders have {sum}", number("held"));
        let excused = list(&state.world, "violations")
            .iter()
            .any(|violation| ["miscounted", "too-many"].contains(&text(violation, "kind")));
        let right = available == capacity.saturating_sub(used);
        require!(faults, right || excused, "{available} available of {capacity}, {used} used");
        require!(faults, owed == 0 || available == 0, "{owed} owed, and {available} available");
    }
    faults
}

/// A variant that cannot be won is not blamed for what its level is about, and one on fairgate for nothing at all.
fn a_variant_that_cannot_be_won_has_no_fault_of_its_level(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let (level, variant) =
        levels::find(text(&state.world, "level"), text(&state.world, "variant")).unwrap();
    if variant.solution.is_some() {
        return faults;
    }
    // A permit that was left behind by a task is one that a waiter was not woken for.
    let family = |kind: &str| if kind == "too-few-woken" { "idle".to_owned() } else { kind.to_owned() };
    let goal = serde_json::to_value(level.wins.kind).unwrap();
    let goal = family(goal.as_str().unwrap());
    for violation in list(&state.world, "violations") {
        let kind = family(text(violation, "kind"));
        require!(faults, kind != goal && !variant.fairgate, "{kind}: {}", text(violation, "text"));
    }
    faults
}

/// Each statement of the last move is in the semaphore's code on the page.
fn the_statements_of_a_move_are_on_the_page(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for step in list(&state.world, "steps") {
        let line = step["line"].as_u64().unwrap();
        let is_shown = state.semaphore.iter().any(|function| {
            let first = function["first"].as_u64().unwrap();
            (first..first + text(function, "text").lines().count() as u64).contains(&line)
        });
        require!(faults, is_shown, "line {line} is not on the page: {}", text(step, "text"));
    }
    faults
}

/// The steps inside fairgate end at what the picture shows, with the queue unlocked.
fn the_steps_inside_fairgate_lead_to_the_picture(state: &State<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let steps = list(&state.world, "inside");
    for (index, gate) in list(&state.world, "gates").iter().enumerate() {
        let own: Vec<_> = steps.iter().filter(|step| step["gate"] == index).collect();
        let Some(last) = own.last() else { continue };
        require!(faults, text(own[0], "what") == "before", "a move begins with {}", text(own[0], "what"));
        require!(faults, own.len() > 1, "a move without steps is shown");
        let after = &last["after"];
        require!(faults, after["flags"].as_u64().unwrap() & 0b0110 == 0, "LOCKED or RECHECK is left");
        let [available, owed] = ["available", "owed"].map(|name| gate[name].as_i64().unwrap());
        let permits = after["permits"].as_i64().unwrap();
        require!(faults, permits == available - owed, "{permits} permits, but {available} available");
        let in_queue = |places: &'static [&str]| {
            let nodes = list(after, "nodes").iter();
            let nodes = nodes.filter(move |node| places.contains(&text(node, "place")));
            nodes.map(|node| text(node, "task")).collect::<Vec<_>>()
        };
        let standing = |granted: bool| {
            let queue = list(gate, "queue").iter();
            let queue = queue.filter(move |request| (text(request, "standing") == "granted") == granted);
            queue.map(|request| text(request, "task")).collect::<Vec<_>>()
        };
        // A request that failed because the semaphore is closed is woken, and leaves when it is polled.
        let (waiting, granted) = (in_queue(&["queued", "failed"]), in_queue(&["granted"]));
        require!(faults, waiting == standing(false), "another queue: {waiting:?}");
        require!(faults, granted == standing(true), "others are granted: {granted:?}");
        let is_flagged = after["flags"].as_u64().unwrap() & 1 == 1;
        require!(faults, is_flagged != in_queue(&["queued"]).is_empty(), "QUEUED is {is_flagged}");
    }
    require!(faults, steps.is_empty() || state.fairgate, "steps of fairgate in another semaphore");
    faults
}

const CHECKS: [fn(&State<'_>) -> Vec<String>; 11] = [
    the_statements_of_a_move_are_on_the_page,
    the_steps_inside_fairgate_lead_to_the_picture,
    the_mark_is_the_await_that_is_pending,
    a_task_that_has_ended_holds_and_awaits_nothing,
    the_end_of_a_task_is_the_one_that_the_log_tells,
    no_violation_is_in_the_present_tense,
    a_deadlock_has_a_holder,
    the_words_fit_the_numbers_and_the_picture,
    what_is_announced_is_on_the_page_and_said_once,
    the_picture_adds_up,
    a_variant_that_cannot_be_won_has_no_fault_of_its_level,
];

/// Faults by their text, with how many states have them and the first of these.
type Faults = BTreeMap<String, (usize, String)>;

/// Visits every state of a variant. Returns how many there are.
fn check(level: &Level, variant: &Variant, view: &Value, faults: &Mutex<Faults>) -> usize {
    let (functions, semaphore) = (list(view, "functions"), list(view, "semaphore"));
    let name = format!("{}.{}", level.id, variant.id);
    let mut states = 0;
    let complete = search::every_state(level, variant, MOST_STATES, &mut |moves, _| {
        states += 1;
        let id = format!("{name}.{}", game::format_moves(moves));
        let world = ask(&format!(r#"{{"play":{{"game":"{id}"}}}}"#));
        let state = State { id, world, functions, semaphore, fairgate: variant.fairgate };
        for fault in CHECKS.iter().flat_map(|check| check(&state)) {
            let mut faults = faults.lock().unwrap();
            faults.entry(format!("{name}: {fault}")).or_insert((0, state.id.clone())).0 += 1;
        }
    });
    assert!(complete, "{name} has more than {MOST_STATES} states");
    states
}

#[test]
fn what_the_page_says_is_true_in_every_state_of_every_level() {
    let catalog = ask(r#"{"levels":{}}"#);
    let faults = Mutex::default();
    let (next, all) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work: Vec<_> = variants().collect();
    let worker = || {
        while let Some((level, variant)) = work.get(next.fetch_add(1, Relaxed)) {
            let view = catalog.as_array().unwrap().iter().find(|view| view["id"] == level.id).unwrap();
            let view = list(view, "variants").iter().find(|view| view["id"] == variant.id).unwrap();
            let states = check(level, variant, view, &faults);
            println!("{}.{}: {states} states", level.id, variant.id);
            all.fetch_add(states, Relaxed);
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(worker))));
    let faults: Faults = faults.into_inner().unwrap();
    let shown = faults
        .iter()
        .map(|(fault, (times, first))| format!("{fault}\n    in {times} states, such as #{first}"))
        .collect::<Vec<_>>();
    let all = all.into_inner();
    assert!(faults.is_empty(), "{} kinds of faults in {all} states:\n{}", shown.len(), shown.join("\n"));
    println!("{all} states in all");
}
