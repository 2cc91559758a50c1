//! An exhaustive search over the protocol, with the real script: every order of sends, deliveries, losses, delays,
//! crashes, failovers and clock jumps of two processes with a limit of one, up to a number of steps.
//!
//! The script runs in Lua on a database of this file. The processes follow the rules of `local.rs`: a lease counts from
//! the moment before its request was sent, and its holder stops when three quarters of it are over.

use std::cell::RefCell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};

const SCRIPT: &str = include_str!("../../src/fleet.lua");

/// A unit of time in the microseconds of the script. A lease has four units or more.
const UNIT: i64 = 1_000_000;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Entry {
    Hash(BTreeMap<String, String>),
    Sorted(BTreeMap<String, i64>),
}

/// One server: its keys, and what tells one run of it from another.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
struct Database {
    keys: BTreeMap<String, Entry>,
    run: u8,
    replication: u8,
    /// How far its clock is ahead.
    jump: i64,
}

/// What a call of the script works on.
#[derive(Default)]
struct Call {
    database: Database,
    now: i64,
    published: Vec<String>,
}

impl Call {
    fn hash(&mut self, key: &str) -> &mut BTreeMap<String, String> {
        match self.database.keys.entry(key.to_owned()).or_insert_with(|| Entry::Hash(BTreeMap::new())) {
            Entry::Hash(hash) => hash,
            Entry::Sorted(_) => panic!("WRONGTYPE"),
        }
    }

    fn sorted(&mut self, key: &str) -> &mut BTreeMap<String, i64> {
        match self.database.keys.entry(key.to_owned()).or_insert_with(|| Entry::Sorted(BTreeMap::new())) {
            Entry::Sorted(set) => set,
            Entry::Hash(_) => panic!("WRONGTYPE"),
        }
    }

    fn ordered(&mut self, key: &str) -> Vec<(i64, String)> {
        let mut members: Vec<_> =
            self.sorted(key).iter().map(|(member, score)| (*score, member.clone())).collect();
        members.sort_unstable();
        members
    }

    fn answer(&mut self, lua: &Lua, words: &[String]) -> mlua::Result<Value> {
        let text = |text: &str| lua.create_string(text).map(Value::String);
        let list = |words: &[String]| {
            let table = lua.create_table()?;
            for word in words {
                table.push(word.as_str())?;
            }
            Ok::<_, mlua::Error>(Value::Table(table))
        };
        let optional = |word: Option<String>| match word {
            Some(word) => text(&word),
            None => Ok(Value::Boolean(false)),
        };
        let number = |word: &str| word.parse::<f64>().expect("a number") as i64;
        let bound = |word: &str| match word {
            "-inf" => i64::MIN,
            "+inf" => i64::MAX,
            _ => word.strip_prefix('(').map_or_else(|| number(word), |word| number(word) + 1),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["TIME"] => list(&[(self.now / UNIT).to_string(), (self.now % UNIT).to_string()]),
            ["INFO", "server"] => text(&format!("run_id:{:x}\r\n", self.database.run)),
            ["INFO", "stats"] => text("evicted_keys:0\r\n"),
            ["INFO", _] => text(&format!("master_replid:{:x}\r\n", self.database.replication)),
            ["HMGET", key, ref fields @ ..] => {
                let table = lua.create_table()?;
                for (at, field) in fields.iter().enumerate() {
                    table.set(at + 1, optional(self.hash(key).get(*field).cloned())?)?;
                }
                Ok(Value::Table(table))
            }
            ["HGET", key, field] => optional(self.hash(key).get(field).cloned()),
            ["HSET", key, ref pairs @ ..] => {
                for pair in pairs.chunks(2) {
                    self.hash(key).insert(pair[0].to_owned(), pair[1].to_owned());
                }
                Ok(Value::Integer(0))
            }
            ["HDEL", key, field] => Ok(Value::Integer(self.hash(key).remove(field).is_some().into())),
            ["ZADD", key, score, member] => {
                self.sorted(key).insert(member.to_owned(), number(score));
                Ok(Value::Integer(0))
            }
            ["ZREM", key, member] => Ok(Value::Integer(self.sorted(key).remove(member).is_some().into())),
            ["ZSCORE", key, member] => optional(self.sorted(key).get(member).map(i64::to_string)),
            ["ZCARD", key] => Ok(Value::Integer(self.sorted(key).len() as i64)),
            ["ZRANK", key, member] => {
                let rank = self.ordered(key).iter().position(|(_, other)| other == member);
                Ok(rank.map_or(Value::Boolean(false), |rank| Value::Integer(rank as i64)))
            }
            ["ZRANGE", key, "0", "0", ref scores @ ..] => {
                let front = self.ordered(key).into_iter().next();
                let words: Vec<_> =
                    front.into_iter().flat_map(|(score, name)| [name, score.to_string()]).collect();
                list(if scores.is_empty() { &words[..words.len() / 2] } else { &words })
            }
            ["ZRANGEBYSCORE", key, low, high] => {
                let range = bound(low)..=bound(high);
                let members = self.ordered(key).into_iter().filter(|(score, _)| range.contains(score));
                list(&members.map(|(_, member)| member).collect::<Vec<_>>())
            }
            ["ZREMRANGEBYSCORE", key, low, high] => {
                let range = bound(low)..=bound(high);
                self.sorted(key).retain(|_, score| !range.contains(score));
                Ok(Value::Integer(0))
            }
            // Keys outlive the leases in them.
            ["PEXPIRE", ..] => Ok(Value::Integer(1)),
            ["PUBLISH", _, message] => {
                self.published.push(message.to_owned());
                Ok(Value::Integer(1))
            }
            _ => panic!("a command that the model does not know: {words:?}"),
        }
    }
}

/// The script, ready to be called.
struct Script {
    lua: Lua,
    function: Function,
    call: Rc<RefCell<Call>>,
}

impl Script {
    fn new() -> Self {
        let lua = Lua::new();
        let call = Rc::new(RefCell::new(Call::default()));
        let shared = Rc::clone(&call);
        let redis = lua.create_table().expect("a table");
        let command = lua
            .create_function(move |lua, words: MultiValue| {
                let words: Vec<String> = words
                    .iter()
                    .map(|word| match word {
                        Value::Number(number) => format!("{number:.0}"),
                        word => word.to_string().expect("a word"),
                    })
                    .collect();
                shared.borrow_mut().answer(lua, &words)
            })
            .expect("a function");
        redis.set("call", command).expect("a field");
        lua.globals().set("redis", redis).expect("a global");
        let function = lua.load(SCRIPT).into_function().expect("the script compiles");
        Self { lua, function, call }
    }

    /// Runs one sync on a database. Returns its answer and what it published.
    fn sync(
        &self,
        database: &mut Database,
        time: i64,
        rules: &Rules,
        request: &Request,
    ) -> (Answer, Vec<String>) {
        let now = (1000 + time + database.jump) * UNIT;
        *self.call.borrow_mut() = Call { database: std::mem::take(database), now, published: Vec::new() };
        let keys = ["server", "limit", "holders", "queue", "entries", "alive"];
        let mut words =
            vec!["sync".to_owned(), format!("p{}#{}", request.process, request.process), "c:".to_owned()];
        let longest = rules.leases.iter().max().expect("a lease") * UNIT;
        let mut push = |number: i64| words.push(number.to_string());
        for number in [request.epoch, request.seen, longest, 1, 0, rules.leases[request.process] * UNIT] {
            push(number);
        }
        for number in
            [request.received, request.wanted, 1, request.beat, 0, 0, request.releases.len() as i64]
        {
            push(number);
        }
        request.releases.iter().chain(&request.renewals).for_each(|token| push(*token));
        let globals = self.lua.globals();
        globals.set("KEYS", keys.to_vec()).expect("a global");
        globals.set("ARGV", words).expect("a global");
        let answer: Table = self.function.call(()).expect("the script runs");
        let get = |at: i64| answer.get::<f64>(at).expect("a number") as i64;
        let flags =
            |at: i64| answer.get::<String>(at).expect("flags").bytes().map(|flag| flag == b'1').collect();
        let grants: Vec<Vec<f64>> = answer.get(8).expect("grants");
        let answer = Answer {
            sent: request.sent,
            epoch: get(1),
            last: get(2),
            grants: grants.iter().map(|grant| grant[0] as i64).collect(),
            renewals: request.renewals.clone(),
            renewed: flags(10),
        };
        let call = std::mem::take(&mut *self.call.borrow_mut());
        *database = call.database;
        // An empty set is no key.
        database.keys.retain(|_, entry| match entry {
            Entry::Hash(hash) => !hash.is_empty(),
            Entry::Sorted(set) => !set.is_empty(),
        });
        (answer, call.published)
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Request {
    process: usize,
    sent: i64,
    epoch: i64,
    seen: i64,
    received: i64,
    wanted: i64,
    beat: i64,
    releases: Vec<i64>,
    renewals: Vec<i64>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Answer {
    sent: i64,
    epoch: i64,
    last: i64,
    grants: Vec<i64>,
    renewals: Vec<i64>,
    renewed: Vec<bool>,
}

#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
struct Process {
    wants: bool,
    /// Token and when the newest confirmed request was sent.
    held: Option<(i64, i64)>,
    releases: Vec<i64>,
    epoch: i64,
    seen: i64,
    received: i64,
    beat: i64,
    beats: Vec<(i64, i64)>,
    is_connected: bool,
    sends: u8,
    request: Option<Request>,
    answer: Option<Answer>,
    messages: VecDeque<String>,
    /// A request of a connection that the process has given up, which the server may still run.
    stray: Option<Request>,
}

impl Process {
    fn holds(&self, lease: i64, time: i64) -> bool {
        self.held.is_some_and(|(_, confirmed)| time < confirmed + lease * 3 / 4)
    }

    fn granted(&mut self, token: i64, sent: i64) {
        if token <= self.received {
            return;
        }
        self.received = token;
        if self.wants && self.held.is_none() {
            self.wants = false;
            self.held = Some((token, sent));
        } else {
            self.releases.push(token);
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    time: i64,
    processes: [Process; 2],
    /// The server that the processes reach, and the one that can take over.
    servers: [Database; 2],
    runs: u8,
    faults: u8,
    /// A replica has taken over.
    failed_over: bool,
    /// After a return to a stale state: the epoch that the first request must know.
    expected_epoch: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Tick,
    Send(usize),
    Serve(usize),
    ServeStray(usize),
    Receive(usize),
    Message(usize),
    LoseConnection(usize),
    Release(usize),
    Restart,
    RestartEmpty,
    Replicate,
    Failover,
    Failback,
    ClockForward,
    ClockBack,
}

struct Rules {
    leases: [i64; 2],
    time: i64,
    sends: u8,
    faults: Vec<Step>,
    most_faults: u8,
    /// After a return to a stale state, a process that used the other server speaks first.
    newest_first: bool,
    /// Connections are lost, and the server may run the requests of a lost connection later.
    losses: bool,
}

impl Rules {
    fn steps(&self) -> Vec<Step> {
        let steps = if self.losses { &STEPS[..] } else { &STEPS[..STEPS.len() - 4] };
        [steps, &self.faults, &[Step::Replicate]].concat()
    }
}

impl World {
    /// A server whose first pause is over.
    fn new(script: &Script, rules: &Rules) -> Self {
        let process = Process { wants: true, epoch: 1, ..Process::default() };
        let mut server = Database { run: 1, replication: 1, ..Database::default() };
        let first = Request {
            process: 0,
            sent: 0,
            epoch: 0,
            seen: 0,
            received: 0,
            wanted: 0,
            beat: 0,
            releases: Vec::new(),
            renewals: Vec::new(),
        };
        script.sync(&mut server, -100, rules, &first);
        let other = Database { run: 2, replication: 1, ..Database::default() };
        Self {
            time: 0,
            processes: [process.clone(), process],
            servers: [server, other],
            runs: 2,
            faults: 0,
            failed_over: false,
            expected_epoch: 0,
        }
    }

    /// Disconnects everyone: requests under way are lost, answers under way are not.
    fn disconnect(&mut self) {
        for process in &mut self.processes {
            process.is_connected = false;
            process.request = None;
            process.stray = None;
        }
    }

    fn serve(&mut self, script: &Script, rules: &Rules, request: &Request) -> Option<Answer> {
        if rules.newest_first && request.epoch < self.expected_epoch {
            return None;
        }
        self.expected_epoch = 0;
        let (answer, published) = script.sync(&mut self.servers[0], self.time, rules, request);
        for message in published {
            let (index, message) = message.split_once(' ').expect("the index is first");
            let process = &mut self.processes[index.parse::<usize>().expect("an index")];
            if process.is_connected {
                process.messages.push_back(message.to_owned());
            }
        }
        Some(answer)
    }

    fn follow(mut self, script: &Script, rules: &Rules, path: &[Step]) -> Self {
        for step in path {
            self = self.after(script, rules, *step).expect("the step is possible");
        }
        self
    }

    /// The world after a step. `None` if the step is not possible.
    fn after(&self, script: &Script, rules: &Rules, step: Step) -> Option<Self> {
        let mut world = self.clone();
        let time = world.time;
        if rules.faults.contains(&step) {
            if world.faults == rules.most_faults {
                return None;
            }
            world.faults += 1;
        }
        match step {
            Step::Tick => {
                if time == rules.time {
                    return None;
                }
                world.time += 1;
                for (process, lease) in world.processes.iter_mut().zip(rules.leases) {
                    if process.held.is_some() && !process.holds(lease, world.time) {
                        process.held = None;
                    }
                }
            }
            Step::Send(at) => {
                let process = &mut world.processes[at];
                let has_work = process.wants || process.held.is_some() || !process.releases.is_empty();
                if process.request.is_some() || process.sends == rules.sends || !has_work {
                    return None;
                }
                if !process.is_connected {
                    process.is_connected = true;
                    process.beats.clear();
                    process.messages.clear();
                    process.answer = None;
                }
                if process.answer.is_some() {
                    return None;
                }
                process.sends += 1;
                process.beat += 1;
                process.beats.push((process.beat, time));
                process.request = Some(Request {
                    process: at,
                    sent: time,
                    epoch: process.epoch,
                    seen: process.seen,
                    received: process.received,
                    wanted: process.wants.into(),
                    beat: process.beat,
                    releases: process.releases.clone(),
                    renewals: process.held.iter().map(|(token, _)| *token).collect(),
                });
            }
            Step::Serve(at) => {
                let request = world.processes[at].request.take()?;
                let answer = world.serve(script, rules, &request)?;
                world.processes[at].answer = Some(answer);
            }
            Step::ServeStray(at) => {
                let request = world.processes[at].stray.take()?;
                world.serve(script, rules, &request)?;
            }
            Step::Receive(at) => {
                let process = &mut world.processes[at];
                let answer = process.answer.take()?;
                process.epoch = process.epoch.max(answer.epoch);
                process.seen = process.seen.max(answer.last);
                process.releases.clear();
                for (token, runs_on) in answer.renewals.iter().zip(&answer.renewed) {
                    if let Some(held) = process.held.filter(|(held, _)| held == token) {
                        process.held = runs_on.then_some((*token, held.1.max(answer.sent)));
                    }
                }
                for token in answer.grants {
                    process.granted(token, answer.sent);
                }
                if !process.holds(rules.leases[at], time) {
                    process.held = None;
                }
            }
            Step::Message(at) => {
                let process = &mut world.processes[at];
                let message = process.messages.pop_front()?;
                let words: Vec<i64> =
                    message.split(' ').map(|word| word.parse().expect("a number")).collect();
                let (beat, previous, token) = (words[0], words[2], words[3]);
                let sent = process.beats.iter().find(|(of, _)| *of == beat).map(|(_, sent)| *sent);
                if let Some(sent) = sent.filter(|_| previous == process.received) {
                    process.granted(token, sent);
                }
                if !process.holds(rules.leases[at], time) {
                    process.held = None;
                }
            }
            Step::LoseConnection(at) => {
                let process = &mut world.processes[at];
                if !process.is_connected || (process.request.is_none() && process.answer.is_none()) {
                    return None;
                }
                process.is_connected = false;
                process.stray = process.request.take();
            }
            Step::Release(at) => {
                let process = &mut world.processes[at];
                let (token, _) = process.held.take()?;
                process.releases.push(token);
            }
            Step::Restart | Step::RestartEmpty => {
                world.runs += 1;
                world.servers[0].run = world.runs;
                world.servers[0].replication = world.runs;
                if step == Step::RestartEmpty {
                    world.servers[0].keys.clear();
                }
                world.disconnect();
            }
            Step::Replicate => {
                if world.servers[0].keys == world.servers[1].keys {
                    return None;
                }
                world.servers[1].keys = world.servers[0].keys.clone();
                world.servers[1].replication = world.servers[0].replication;
            }
            Step::Failover | Step::Failback => {
                if (step == Step::Failback) != world.failed_over {
                    return None;
                }
                world.failed_over = !world.failed_over;
                world.servers.swap(0, 1);
                if step == Step::Failover {
                    world.runs += 1;
                    world.servers[0].replication = world.runs;
                } else {
                    // The old primary, as it was: it was neither restarted nor synchronized.
                    world.expected_epoch =
                        world.processes.iter().map(|process| process.epoch).max().expect("two");
                }
                world.disconnect();
            }
            Step::ClockForward => world.servers[0].jump += 1,
            Step::ClockBack => world.servers[0].jump -= 2,
        }
        Some(world)
    }
}

const STEPS: [Step; 15] = [
    Step::Send(0),
    Step::Send(1),
    Step::Serve(0),
    Step::Serve(1),
    Step::Receive(0),
    Step::Receive(1),
    Step::Message(0),
    Step::Message(1),
    Step::Release(0),
    Step::Release(1),
    Step::Tick,
    Step::LoseConnection(0),
    Step::LoseConnection(1),
    Step::ServeStray(0),
    Step::ServeStray(1),
];

/// Searches all worlds that the rules allow after some first steps, nearest first, up to `budget` of them. Returns how many there are, and the
/// steps to the first one with two holders.
fn search(rules: &Rules, first: &[Step], budget: usize) -> (usize, Option<Vec<Step>>) {
    let script = Script::new();
    let steps = rules.steps();
    let mut parents: Vec<(usize, Step)> = vec![(0, Step::Tick)];
    let mut queue = VecDeque::from([(0, World::new(&script, rules).follow(&script, rules, first))]);
    let mut seen: HashSet<u64> = HashSet::new();
    let mut holders = 0;
    while let Some((at, world)) = queue.pop_front() {
        for step in &steps {
            let Some(next) = world.after(&script, rules, *step) else { continue };
            let mut hasher = DefaultHasher::new();
            next.hash(&mut hasher);
            if !seen.insert(hasher.finish()) {
                continue;
            }
            parents.push((at, *step));
            let holding = |at: usize| next.processes[at].holds(rules.leases[at], next.time);
            holders += usize::from(holding(0) || holding(1));
            if holding(0) && holding(1) {
                let mut path = Vec::new();
                let mut at = parents.len() - 1;
                while at != 0 {
                    path.push(parents[at].1);
                    at = parents[at].0;
                }
                path.reverse();
                return (parents.len(), Some(path));
            }
            if parents.len() < budget {
                queue.push_back((parents.len() - 1, next));
            }
        }
    }
    assert!(holders > 0, "no world has a holder: the model does nothing");
    (parents.len(), None)
}

/// Follows random schedules, which are longer than those of the search. Returns the first one with two holders.
fn walk(rules: &Rules, walks: usize, length: usize) -> Option<Vec<Step>> {
    let script = Script::new();
    let steps = rules.steps();
    let mut random = 1_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    for _ in 0..walks {
        let mut world = World::new(&script, rules);
        let mut path = Vec::new();
        for _ in 0..length {
            let step = steps[below(steps.len())];
            let Some(next) = world.after(&script, rules, step) else { continue };
            world = next;
            path.push(step);
            let holding = |at: usize| world.processes[at].holds(rules.leases[at], world.time);
            if holding(0) && holding(1) {
                return Some(path);
            }
        }
    }
    None
}

/// A longer search: `FAIRGATE_FLEET_WORLDS=1000000 cargo test --release -p fairgate-fleet-kit --test model`.
fn budget() -> usize {
    std::env::var("FAIRGATE_FLEET_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000)
}

fn rules(leases: [i64; 2], faults: &[Step]) -> Rules {
    Rules {
        leases,
        time: 12,
        sends: 4,
        faults: faults.to_vec(),
        most_faults: 2,
        newest_first: true,
        losses: true,
    }
}

fn is_safe(mut rules: Rules) {
    let (worlds, broken) = search(&rules, &[], budget());
    println!("{worlds} worlds, faults {:?}", rules.faults);
    assert_eq!(broken, None, "two holders");
    // Long enough for the pause after a fault, and for what comes after it.
    rules.time = 40;
    rules.sends = 30;
    let broken = walk(&rules, budget() / 4, 200);
    assert_eq!(broken, None, "two holders");
}

#[test]
fn no_restart_exceeds_the_limit() {
    is_safe(rules([4, 4], &[Step::Restart, Step::RestartEmpty]));
}

#[test]
fn no_failover_exceeds_the_limit() {
    is_safe(rules([4, 4], &[Step::Failover, Step::RestartEmpty]));
}

#[test]
fn no_return_to_a_stale_state_exceeds_the_limit_if_the_newest_epoch_speaks_first() {
    let mut rules = rules([4, 4], &[Step::Failover, Step::Failback]);
    rules.sends = 6;
    let (worlds, broken) = search(&rules, &granted_on_the_replica(), budget());
    println!("{worlds} worlds after a return");
    assert_eq!(broken, None, "two holders");
    is_safe(rules);
}

/// A replica takes over, grants after its pause, and the old primary returns with its stale state.
fn granted_on_the_replica() -> Vec<Step> {
    use Step::{Failback, Failover, Receive, Send, Serve, Tick};
    let granted = [Send(0), Serve(0), Receive(0)];
    [&[Failover][..], &granted, &[Tick; 4], &granted, &[Failback]].concat()
}

#[test]
fn two_leases_under_one_key_do_not_exceed_the_limit() {
    is_safe(rules([4, 8], &[Step::RestartEmpty, Step::Failover]));
    is_safe(rules([8, 4], &[Step::RestartEmpty, Step::Failover]));
}

#[test]
fn a_clock_jump_of_a_quarter_lease_does_not_exceed_the_limit() {
    let mut rules = rules([4, 4], &[Step::ClockForward, Step::ClockBack]);
    rules.most_faults = 1;
    is_safe(rules);
}

/// README's assumptions are needed: without each of them there is a schedule with two holders.
#[test]
fn the_schedules_that_the_assumptions_exclude_exist() {
    use Step::{ClockForward, Failback, Failover, Receive, Send, Serve, Tick};
    let mut stale = rules([4, 4], &[Failover, Failback]);
    stale.newest_first = false;
    let the_other_first = [&granted_on_the_replica()[..], &[Send(1), Serve(1), Receive(1)]];
    let mut jumps = rules([4, 4], &[ClockForward]);
    jumps.most_faults = 2;
    let two_jumps = [
        &[Send(0), Send(1), Serve(0), Receive(0)][..],
        &[Tick, Tick, ClockForward, ClockForward],
        &[Serve(1), Receive(1)],
    ];
    for (rules, path) in [(stale, the_other_first.concat()), (jumps, two_jumps.concat())] {
        let script = Script::new();
        let world = World::new(&script, &rules).follow(&script, &rules, &path);
        assert!([0, 1].iter().all(|at| world.processes[*at].holds(4, world.time)), "{:?}", rules.faults);
    }
}
