//! What a host offers to the page: a request and a response, both JSON.

#[cfg(not(target_family = "wasm"))]
mod catalog;

use serde::{Deserialize, Serialize};

use crate::board::{Inner, Limit, Request, Standing, Violation, name};
use crate::game::{self, Game};
use crate::gates::inside::{self, Inside};
use crate::gates::trace::Step;
use crate::levels;
use crate::sandbox::{self, Settings};
use crate::search;
use crate::world::{Move, Status, World};

/// A body that is longer is refused.
pub const MOST_BYTES: usize = 64 * 1024;

/// [`search`](Ask::Search) gives up at this number of states.
const MOST_STATES: usize = 20_000;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Ask {
    /// All levels, without worlds.
    #[cfg(not(target_family = "wasm"))]
    Levels {},
    /// The world after the moves of a game.
    Play { game: String },
    /// The worlds one move away from that of a game: before its last move, and after each possible next one. The page
    /// asks for them in advance, so that it can draw a move without waiting for the engine.
    Around { game: String },
    /// What fairgate does while two threads use one semaphore.
    TwoThreads {},
    /// All states of a level.
    Search { level: String, variant: String },
    /// A run of the sandbox.
    Sandbox(Settings),
}

/// Answers a request.
///
/// # Errors
/// A sentence that says what is wrong with the request.
pub fn answer(request: &str) -> Result<String, String> {
    if request.len() > MOST_BYTES {
        return Err(format!("a request has at most {MOST_BYTES} bytes"));
    }
    let ask: Ask =
        serde_json::from_str(request).map_err(|error| format!("the request is not understood: {error}"))?;
    match ask {
        #[cfg(not(target_family = "wasm"))]
        Ask::Levels {} => json(&catalog::views()),
        Ask::Play { game } => play(&game::parse(&game)?),
        Ask::Around { game } => around(game::parse(&game)?),
        Ask::TwoThreads {} => json(&inside::two_threads()),
        Ask::Search { level, variant } => {
            let (level, variant) = levels::find(&level, &variant)?;
            json(&found_view(&search::states(level, &variant, MOST_STATES)))
        }
        Ask::Sandbox(settings) => json(&sandbox::run(&settings)?),
    }
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct WorldView<'a> {
    level: &'a str,
    variant: &'a str,
    moves: Vec<String>,
    now: u64,
    tasks: Vec<TaskView<'a>>,
    gates: Vec<GateView<'a>>,
    rooms: Vec<RoomView<'a>>,
    facts: Vec<FactView<'a>>,
    legal: Vec<MoveView>,
    /// The moves that belong to no task, the impossible ones too, so that a button does not come and go.
    others: Vec<MoveView>,
    violations: &'a [Violation],
    /// What the last move did, for a screen reader.
    said: String,
    won: bool,
    /// The number of the move that reached the goal.
    won_at: Option<usize>,
    /// What each move did.
    log: Vec<Vec<String>>,
    /// What the level's own semaphore did in the last move.
    steps: &'a [Step],
    /// What fairgate did in the last move.
    inside: Vec<Inside>,
    /// For each task, one letter for each state from the start on.
    history: Vec<String>,
}

#[derive(Serialize)]
struct TaskView<'a> {
    name: String,
    title: &'a str,
    function: &'a str,
    line: Option<u32>,
    status: &'static str,
    phase: char,
    note: Option<&'a str>,
    holds: Vec<String>,
}

#[derive(Serialize)]
struct GateView<'a> {
    name: &'a str,
    lock: bool,
    closed: bool,
    capacity: usize,
    available: usize,
    held: usize,
    granted: usize,
    owed: usize,
    holders: Vec<RequestView>,
    queue: Vec<RequestView>,
    inside: String,
}

#[derive(Serialize)]
struct RequestView {
    task: String,
    n: usize,
    standing: Standing,
}

#[derive(Serialize)]
struct RoomView<'a> {
    name: &'a str,
    limit: Option<String>,
    inside: Vec<String>,
    refused: Vec<String>,
}

#[derive(Serialize)]
struct FactView<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct MoveView {
    text: String,
    kind: &'static str,
    task: Option<usize>,
    label: String,
}

fn play(game: &Game) -> Result<String, String> {
    let Game { level, variant, moves, .. } = game;
    let mut world = level.start(variant);
    let mut history = vec![String::new(); world.tasks.len()];
    let mut log = Vec::new();
    let mut won_at = None;
    remember(&world, &mut history);
    for (index, step) in moves.iter().enumerate() {
        world.make(*step).map_err(|why| format!("move {} is not possible: {why}", index + 1))?;
        remember(&world, &mut history);
        log.push(world.board.look(|inner| inner.log.clone()));
        if won_at.is_none() && level.is_won(&world) {
            won_at = Some(index + 1);
        }
    }
    world.board.look(|inner| {
        json(&WorldView {
            level: level.id,
            variant: variant.id,
            moves: moves.iter().map(|step| game::format_move(*step)).collect(),
            now: world.board.now(),
            tasks: task_views(&world, inner),
            gates: (0..inner.gates.len()).map(|gate| gate_view(inner, gate)).collect(),
            rooms: room_views(inner),
            facts: inner
                .facts
                .iter()
                .map(|fact| FactView { name: fact.name, value: &fact.value })
                .collect(),
            legal: next_moves(&world, moves).into_iter().map(|step| move_view(&world, step)).collect(),
            others: other_moves(&world).into_iter().map(|step| move_view(&world, step)).collect(),
            violations: &inner.violations,
            said: said(&world, moves, inner, log.last(), won_at),
            won: won_at.is_some(),
            won_at,
            log,
            steps: if moves.is_empty() { &[] } else { &inner.steps },
            inside: if moves.is_empty() { Vec::new() } else { inside::last_move() },
            history,
        })
    })
}

/// What the last move did and broke, each sentence once, in plain text.
fn said(
    world: &World,
    moves: &[Move],
    inner: &Inner,
    log: Option<&Vec<String>>,
    won_at: Option<usize>,
) -> String {
    let start = ["The start.".to_owned()];
    let mut sentences: Vec<&str> =
        log.map_or(&start[..], |log| &log[..]).iter().map(String::as_str).collect();
    let now = inner.violations.iter().filter(|violation| violation.at == moves.len());
    for violation in now {
        if !sentences.contains(&violation.text.as_str()) {
            sentences.push(&violation.text);
        }
    }
    if won_at == Some(moves.len()) {
        sentences.push("Goal reached.");
    } else if won_at.is_none() && next_moves(world, moves).is_empty() {
        sentences.push("No move is left.");
    }
    sentences.join(" ").replace('`', "")
}

/// The moves that may follow `made` moves.
fn next_moves(world: &World, made: &[Move]) -> Vec<Move> {
    if made.len() < game::MOST_MOVES { world.legal() } else { Vec::new() }
}

/// The level's own actions, and time if the level has any.
fn other_moves(world: &World) -> Vec<Move> {
    let has_time = world.board.now() > 0 || world.board.next_timer().is_some();
    let time = has_time.then_some(Move::Tick);
    (0..world.actions.len()).map(Move::Act).chain(time).collect()
}

/// An object with a game's text for each key, and its world for the value.
fn around(game: Game) -> Result<String, String> {
    let Game { level, variant, name, mut moves } = game;
    let world = level.replay(&variant, &moves)?;
    let next = next_moves(&world, &moves);
    let mut worlds = Vec::with_capacity(next.len() + 1);
    let mut add = |moves: Vec<Move>| {
        let game = Game { level, variant, name: name.clone(), moves };
        worlds.push(format!("{}:{}", json(&game.to_string())?, play(&game)?));
        Ok::<_, String>(())
    };
    for step in next {
        add([&moves[..], &[step]].concat())?;
    }
    if moves.pop().is_some() {
        add(moves)?;
    }
    Ok(format!("{{{}}}", worlds.join(",")))
}

fn remember(world: &World, history: &mut [String]) {
    for (index, letters) in history.iter_mut().enumerate() {
        letters.push(world.phase(index));
    }
}

fn task_views<'a>(world: &'a World, inner: &'a Inner) -> Vec<TaskView<'a>> {
    let view = |(index, task): (usize, &'a crate::world::Task)| {
        let own =
            |request: &&Request| request.task == Some(index) && request.standing() == Standing::Holding;
        TaskView {
            name: name(Some(index)),
            title: task.title,
            function: task.function,
            line: task.line,
            status: status(task.status()),
            phase: world.phase(index),
            note: inner.notes.iter().find(|(other, _)| *other == index).map(|(_, note)| note.as_str()),
            holds: inner
                .requests
                .iter()
                .filter(own)
                .map(|request| inner.what(request.gate, request.n))
                .collect(),
        }
    };
    world.tasks.iter().enumerate().map(view).collect()
}

fn status(status: Status) -> &'static str {
    match status {
        Status::New => "not started",
        Status::Ready => "ready",
        Status::Woken => "woken",
        Status::Waiting => "waiting",
        Status::Done => "done",
        Status::Closed => "closed",
        Status::Refused => "refused",
        Status::TimedOut => "timed out",
        Status::NoConnection => "no connection",
        Status::Cancelled => "cancelled",
    }
}

fn gate_view(inner: &Inner, index: usize) -> GateView<'_> {
    let gate = &inner.gates[index];
    let view = |request: &Request| RequestView {
        task: name(request.task),
        n: request.n,
        standing: request.standing(),
    };
    let (held, granted) = (inner.held(index), inner.granted(index));
    GateView {
        name: gate.name,
        lock: gate.is_lock,
        closed: gate.closed,
        capacity: gate.capacity,
        available: gate.gate.available(),
        held,
        granted,
        owed: gate.gate.owed(),
        holders: inner.holders(index).map(view).collect(),
        queue: inner.queue(index).map(view).collect(),
        inside: gate.gate.inside(),
    }
}

fn room_views(inner: &Inner) -> Vec<RoomView<'_>> {
    let names = |tasks: &[usize]| tasks.iter().map(|task| name(Some(*task))).collect();
    let view = |room: &'_ crate::board::Room| RoomView {
        name: room.name,
        limit: match room.limit {
            Limit::None => None,
            Limit::AtOnce(most) => Some(format!("{most} at once")),
            Limit::PerSecond(most) => Some(format!("{most} within a second")),
        },
        inside: names(&room.inside),
        refused: names(&room.refused),
    };
    inner.rooms.iter().map(view).collect()
}

fn move_view(world: &World, step: Move) -> MoveView {
    let (kind, task, label) = match step {
        Move::Poll(task) => {
            let spurious = world.tasks[task].status() == Status::Waiting;
            let label = format!("Poll {}", name(Some(task)));
            if spurious { ("spurious", Some(task), label) } else { ("poll", Some(task), label) }
        }
        Move::Cancel(task) => ("cancel", Some(task), format!("Cancel {}", name(Some(task)))),
        Move::Tick => {
            let until = world.board.next_timer().map_or_else(String::new, |at| format!(" until {at} s"));
            ("tick", None, format!("Let time pass{until}"))
        }
        Move::Act(action) => {
            let action = &world.actions[action];
            let left = if action.left > 1 { format!(" ({} left)", action.left) } else { String::new() };
            ("act", None, format!("{}{left}", action.label))
        }
    };
    MoveView { text: game::format_move(step), kind, task, label }
}

#[derive(Serialize)]
struct FoundView {
    solution: Option<Vec<String>>,
    states: usize,
    moves: usize,
    depth: usize,
    complete: bool,
}

fn found_view(found: &search::Found) -> FoundView {
    FoundView {
        solution: found
            .solution
            .as_ref()
            .map(|moves| moves.iter().map(|step| game::format_move(*step)).collect()),
        states: found.states,
        moves: found.moves,
        depth: found.depth,
        complete: found.complete,
    }
}
