//! The lesson's three acts with settings: a whole run, in virtual time.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::board::{Happening, Limit, TaskId};
use crate::gates::Gate;
use crate::gates::textbook::Textbook;
use crate::kit::{Clock, Outcome, Server, Slots, with_timeout};
use crate::source::{Source, source};
use crate::world::{Rules, World};

const CODE: Source = source!("sandbox.rs");

/// What to run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// 1: all at once; 2: with a limit; 3: with a time limit inside, too.
    pub act: u8,
    /// How many tasks.
    pub tasks: usize,
    /// How many permits.
    pub permits: usize,
    /// How many requests each task sends, one after the other.
    pub turns: usize,
    /// The fastest answer takes this long, in milliseconds.
    pub latency: u64,
    /// The slowest answer takes this much longer, in percent.
    pub spread: u64,
    /// The time limit of act 3, in milliseconds.
    pub limit: u64,
    /// Act 3: this many requests are never answered.
    pub hanging: usize,
    /// The server refuses a request if this many are in flight.
    pub throttle: usize,
    /// Whether the semaphore is fairgate's; the textbook's otherwise.
    pub fair: bool,
}

impl Settings {
    fn check(&self) -> Result<(), String> {
        let ranges = [
            ("act", u64::from(self.act), 1, 3),
            ("tasks", self.tasks as u64, 1, 40),
            ("permits", self.permits as u64, 1, 40),
            ("turns", self.turns as u64, 1, 5),
            ("latency", self.latency, 10, 10_000),
            ("spread", self.spread, 0, 300),
            ("limit", self.limit, 10, 60_000),
            ("hanging", self.hanging as u64, 0, 40),
            ("throttle", self.throttle as u64, 1, 100),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("{name} is {value}; it goes from {least} to {most}"));
            }
        }
        Ok(())
    }
}

/// What happened.
#[derive(Debug, Serialize)]
pub struct Run {
    /// When the last task ended, in milliseconds.
    pub duration: u64,
    /// For each task what it did, in order.
    pub rows: Vec<Vec<Span>>,
    /// The most requests that were in flight at once.
    pub peak: usize,
    /// How many requests were answered.
    pub answered: usize,
    /// How many were refused.
    pub refused: usize,
    /// How many timed out.
    pub timed_out: usize,
    /// The longest time that a request waited for its permit.
    pub longest_wait: u64,
    /// The code of the act, and the name of its function.
    pub code: String,
}

/// What a task did for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// `wait`, `work`, `refused` or `timed-out`.
    pub kind: &'static str,
    /// In milliseconds.
    pub from: u64,
    /// In milliseconds.
    pub to: u64,
}

/// Runs an act.
///
/// # Errors
/// A sentence that says which setting is out of range.
pub fn run(settings: &Settings) -> Result<Run, String> {
    settings.check()?;
    let function = ["all_at_once", "limited", "with_time_limit"][usize::from(settings.act) - 1];
    let rules = Rules { cancel: false, spurious: false };
    let mut world = World::new(rules, |world| build(world, settings));
    world.board.note(|inner| inner.happenings = Some(Vec::new()));
    world.run_to_the_end(u64::MAX);
    let (happenings, peak) =
        world.board.note(|inner| (inner.happenings.take().unwrap_or_default(), inner.rooms[0].peak));
    let code = CODE.function(function).map_or_else(String::new, |(_, text)| text);
    Ok(summary(settings, &happenings, peak, code))
}

fn build(world: &mut World, settings: &Settings) {
    let server = world.server(Limit::AtOnce(settings.throttle), None);
    let gate: Rc<dyn Gate> = match settings.fair {
        true => Rc::new(fairgate::Semaphore::new(settings.permits)),
        false => Rc::new(Textbook::new(settings.permits)),
    };
    let slots = world.semaphore("slots", gate);
    for id in 1..=settings.tasks as u64 {
        let plan = Plan { id, settings: settings.clone() };
        let (slots, server, clock) = (slots.clone(), server.clone(), world.clock());
        match settings.act {
            1 => world.task("fetch", "all_at_once", all_at_once(server, plan)),
            2 => world.task("fetch", "limited", limited(slots, server, plan)),
            _ => world.task("fetch", "with_time_limit", with_time_limit(slots, server, clock, plan)),
        }
    }
}

/// Which requests a task sends.
struct Plan {
    id: u64,
    settings: Settings,
}

impl Plan {
    fn turns(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.settings.turns
    }

    /// Varies from task to task, and is the same on every run.
    fn latency(&self) -> u64 {
        let Settings { latency, spread, .. } = self.settings;
        latency + latency * spread * (self.id * 7 % 10) / 900
    }

    fn limit(&self) -> u64 {
        self.settings.limit
    }

    /// The time until the answer, or an eternity if there is none.
    fn latency_or_never(&self) -> u64 {
        let Settings { hanging, tasks, .. } = self.settings;
        // Spread over the tasks, the first at the fourth.
        let step = (tasks / hanging.max(1)).max(1) as u64;
        let hangs = hanging > 0 && self.id % step == 4 % step && (self.id / step) < hanging as u64;
        if hangs { u64::MAX / 4 } else { self.latency() }
    }
}

async fn all_at_once(server: Server, plan: Plan) -> Outcome {
    for _ in plan.turns() {
        server.get_within(Some(plan.latency())).await;
    }
    Ok(())
}

async fn limited(slots: Slots, server: Server, plan: Plan) -> Outcome {
    for _ in plan.turns() {
        let _slot = slots.acquire().await?;
        server.get_within(Some(plan.latency())).await;
    }
    Ok(())
}

async fn with_time_limit(slots: Slots, server: Server, clock: Clock, plan: Plan) -> Outcome {
    for _ in plan.turns() {
        let _slot = slots.acquire().await?;
        let request = server.get_within(Some(plan.latency_or_never()));
        if with_timeout(request, clock.sleep(plan.limit())).await.is_err() {
            server.timed_out(|actor| format!("{actor} timed out."));
        }
    }
    Ok(())
}

fn summary(settings: &Settings, happenings: &[(u64, TaskId, Happening)], peak: usize, code: String) -> Run {
    let mut run = Run {
        duration: 0,
        rows: vec![Vec::new(); settings.tasks],
        peak,
        answered: 0,
        refused: 0,
        timed_out: 0,
        longest_wait: 0,
        code,
    };
    let mut since = vec![0; settings.tasks];
    for (at, task, what) in happenings {
        run.duration = run.duration.max(*at);
        let kind = match what {
            Happening::Waits | Happening::Sent => {
                since[*task] = *at;
                continue;
            }
            Happening::Acquired => {
                run.longest_wait = run.longest_wait.max(at - since[*task]);
                "wait"
            }
            Happening::Answered => {
                run.answered += 1;
                "work"
            }
            Happening::Refused => {
                run.refused += 1;
                since[*task] = *at;
                "refused"
            }
            Happening::TimedOut => {
                run.timed_out += 1;
                "timed-out"
            }
            Happening::Released => {
                since[*task] = *at;
                continue;
            }
        };
        run.rows[*task].push(Span { kind, from: since[*task], to: *at });
        since[*task] = *at;
    }
    run
}
