//! Tasks that acquire again at once, on a fair semaphore and on a textbook semaphore.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use fairgate::Semaphore;
use fairgate_examples::live::Words;
use fairgate_examples::options::{Common, number_up_to, runs};
use fairgate_examples::output::{self, Summary, count};
use fairgate_examples::recorder::{Recorder, TaskRecorder};
use fairgate_examples::say;
use fairgate_examples::textbook::Textbook;
use fairgate_examples::timeline::{Outcome, Phase, Row};
use smol::{LocalExecutor, Timer};

/// Several tasks share one permit. A greedy task acquires it again as soon as it has released it, a polite task acquires
/// it once. The axis counts turns, not time, so each run shows the same.
#[derive(Parser)]
struct Options {
    /// Only do this run: fairgate, or the textbook semaphore
    #[arg(long, value_name = "N", value_parser = number_up_to(2))]
    run: Option<usize>,
    /// How many greedy tasks there are
    #[arg(long, value_name = "N", default_value = "2", value_parser = number_up_to(20))]
    greedy: usize,
    /// How many polite tasks there are
    #[arg(long, value_name = "N", default_value = "5", value_parser = number_up_to(20))]
    polite: usize,
    /// How many turns a greedy task takes
    #[arg(long, value_name = "N", default_value = "8", value_parser = number_up_to(100))]
    turns: usize,
    #[command(flatten)]
    common: Common,
}

/// The length of a turn, in milliseconds.
const TURN: u64 = 20;

/// Both semaphores, with one permit.
trait OnePermit {
    /// Acquires the permit, and releases it after `turn`.
    async fn hold_during(&self, turn: impl Future<Output = ()>);
}

impl OnePermit for Semaphore {
    async fn hold_during(&self, turn: impl Future<Output = ()>) {
        let _permit = self.acquire().await.expect("the semaphore is never closed");
        turn.await;
    }
}

impl OnePermit for Textbook {
    async fn hold_during(&self, turn: impl Future<Output = ()>) {
        let _permit = self.acquire().await;
        turn.await;
    }
}

fn main() {
    let options = Options::parse();
    say!(
        "One permit. A greedy task takes {} and acquires again at once; a polite task takes 1.",
        count(options.turns, "turn")
    );
    let mut summary = Summary::default();
    if runs(options.run, 1) {
        let title = "fairgate: a task that acquires again goes to the back of the queue";
        run(title, &options, &Semaphore::new(1), &mut summary);
    }
    if runs(options.run, 2) {
        let title = "Textbook: a task that acquires again overtakes the queue";
        run(title, &options, &Textbook::new(1), &mut summary);
    }
    summary.print();
}

fn run(title: &str, options: &Options, semaphore: &impl OnePermit, summary: &mut Summary) {
    say!("\n{title}");
    let recorder = Recorder::live_in_turns(Words { one: "holding", many: "holding", log: false });
    let greedy = (1..=options.greedy).map(|n| (format!("greedy {n}"), options.turns));
    let polite = (1..=options.polite).map(|n| (format!("polite {n}"), 1));
    let order = RefCell::new(Vec::new());
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = greedy
        .chain(polite)
        .map(|(name, turns)| {
            let task = recorder.task(&name);
            executor.spawn(take_turns(
                name,
                turns,
                options.common.time(TURN),
                semaphore,
                &order,
                task,
                recorder.clone(),
            ))
        })
        .collect();
    smol::block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
    drop(executor);
    let timeline = recorder.timeline();
    output::print(&timeline.draw(output::columns()));
    let longest = print_order(&order.into_inner(), &timeline.rows);
    summary.add(format!("{title}. Longest wait: {longest}."));
}

async fn take_turns(
    name: String,
    turns: usize,
    length: Duration,
    semaphore: &impl OnePermit,
    order: &RefCell<Vec<String>>,
    task: TaskRecorder,
    recorder: Arc<Recorder>,
) {
    for turn in 1..=turns {
        task.waiting();
        let hold = async {
            task.holding();
            order.borrow_mut().push(name.clone());
            // The other tasks run, and enqueue.
            Timer::after(length).await;
            recorder.next_turn();
            if turn == turns { task.end(Outcome::Done) } else { task.idle() }
        };
        semaphore.hold_during(hold).await;
    }
}

/// Returns the longest wait.
fn print_order(order: &[String], rows: &[Row]) -> String {
    let runs = order.chunk_by(|a, b| a == b);
    let runs: Vec<_> = runs.map(|run| short(&run[0], run.len())).collect();
    say!("  Order of turns: {}", runs.join(" "));
    let longest = rows.iter().max_by(|a, b| longest_wait(a).total_cmp(&longest_wait(b)));
    let longest = longest.expect("there are tasks");
    let longest = format!("{}, {}", count(longest_wait(longest) as usize, "turn"), longest.name);
    say!("  Longest wait: {longest}");
    // In strict order, a task waits for one turn of each other task at most.
    let others = (rows.len() - 1) as f64;
    let overtaken = rows.iter().filter(|row| longest_wait(row) > others);
    let overtaken: Vec<_> = overtaken.map(|row| row.name.as_str()).collect();
    let overtaken = if overtaken.is_empty() { "none".to_owned() } else { overtaken.join(", ") };
    say!("  Waited for more than one turn of each other task: {overtaken}");
    longest
}

/// Eight turns of `greedy 1` as `g1×8`, one as `g1`.
fn short(name: &str, turns: usize) -> String {
    let name = name.replace("greedy ", "g").replace("polite ", "p");
    if turns == 1 { name } else { format!("{name}×{turns}") }
}

fn longest_wait(row: &Row) -> f64 {
    let waits = row.spans.iter().filter(|span| span.phase == Phase::Waiting);
    waits.map(|span| span.to - span.from).fold(0.0, f64::max)
}
