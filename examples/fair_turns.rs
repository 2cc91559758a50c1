//! Greedy and polite tasks before a fair semaphore and before a textbook one.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fairgate::Semaphore;
use fairgate_examples::picture::{self, Panel};
use fairgate_examples::textbook::Textbook;
use fairgate_examples::timeline::{Doing, Ending, Row, Span, Timeline};
use smol::LocalExecutor;
use smol::future::yield_now;

/// A crowd shares one permit. A greedy task asks again the moment it has given the permit back; a
/// polite one asks once. Time is counted in turns, so each run shows the same.
#[derive(Parser)]
struct Options {
    /// How many greedy tasks there are
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    greedy: u32,
    /// How many polite tasks there are
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    polite: u32,
    /// How many turns a greedy task wants
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    wants: u32,
    /// Draw the two timelines into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// One permit, kept by either semaphore.
trait OnePermit {
    /// Waits for the permit, and gives it back after `turn`.
    async fn hold_for(&self, turn: impl Future<Output = ()>);
}

impl OnePermit for Semaphore {
    async fn hold_for(&self, turn: impl Future<Output = ()>) {
        let _permit = self.acquire().await.expect("nobody closes it");
        turn.await;
    }
}

impl OnePermit for Textbook {
    async fn hold_for(&self, turn: impl Future<Output = ()>) {
        let _permit = self.acquire().await;
        turn.await;
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    println!(
        "One permit. A greedy task wants {} turns and asks again at once; a polite one wants 1.",
        options.wants
    );
    let panels = [
        show("fairgate: whoever asks again goes to the back", &options, &Semaphore::new(1)),
        show("Textbook: whoever is quick overtakes", &options, &Textbook::new(1)),
    ];
    fairgate_examples::exit(picture::save(options.svg.as_deref(), &panels))
}

fn show(title: &str, options: &Options, gate: &impl OnePermit) -> Panel {
    println!("\n{title}");
    let hall = Hall::of(options);
    hall.play(gate);
    hall.tell();
    Panel::new(title, hall.timeline())
}

/// Everybody who shares the permit, and the turns they had.
struct Hall {
    wants: Vec<u32>,
    book: RefCell<Book>,
}

struct Book {
    rows: Vec<Row>,
    served: Vec<usize>,
}

impl Hall {
    fn of(options: &Options) -> Self {
        let greedy = (1..=options.greedy).map(|n| (format!("greedy {n}"), options.wants));
        let polite = (1..=options.polite).map(|n| (format!("polite {n}"), 1));
        let (names, wants): (Vec<_>, _) = greedy.chain(polite).unzip();
        let rows = names.into_iter().map(|name| Row { name, ending: Some(Ending::Done), ..Row::default() });
        Self { wants, book: RefCell::new(Book { rows: rows.collect(), served: Vec::new() }) }
    }

    /// On one thread, so that the tasks come in the order of their rows.
    fn play(&self, gate: &impl OnePermit) {
        let executor = LocalExecutor::new();
        let tasks: Vec<_> = (0..self.wants.len()).map(|me| executor.spawn(self.visit(me, gate))).collect();
        smol::block_on(executor.run(async {
            for task in tasks {
                task.await;
            }
        }));
    }

    async fn visit(&self, me: usize, gate: &impl OnePermit) {
        for _ in 0..self.wants[me] {
            let came = self.now();
            gate.hold_for(async {
                let served = self.now();
                // The others run, and those who are new stand in line.
                yield_now().await;
                self.note(me, came, served);
            })
            .await;
        }
    }

    /// Turns had so far.
    fn now(&self) -> f64 {
        self.book.borrow().served.len() as f64
    }

    fn note(&self, me: usize, came: f64, served: f64) {
        let mut book = self.book.borrow_mut();
        book.served.push(me);
        book.rows[me].spans.extend([
            Span { doing: Doing::Waiting, from: came, to: served },
            Span { doing: Doing::Holding, from: served, to: served + 1.0 },
        ]);
    }

    fn timeline(&self) -> Timeline {
        Timeline { unit: "turns", rows: self.book.borrow().rows.clone() }
    }

    fn tell(&self) {
        print!("{}", self.timeline());
        let book = self.book.borrow();
        let runs = book.served.chunk_by(|a, b| a == b);
        let runs: Vec<_> = runs.map(|run| short(&book.rows[run[0]].name, run.len())).collect();
        println!("  Order served: {}", runs.join(" "));
        let (wait, who) = book
            .rows
            .iter()
            .map(|row| (longest_wait(row), &row.name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .expect("somebody came");
        println!("  Longest wait: {wait} turns, {who}");
        // Once each of the others has been served before you, it is your turn.
        let patience = (book.rows.len() - 1) as f64;
        let starved = book.rows.iter().filter(|row| longest_wait(row) > patience);
        let starved: Vec<_> = starved.map(|row| row.name.as_str()).collect();
        let starved = if starved.is_empty() { "nobody".to_owned() } else { starved.join(", ") };
        println!("  Waited more than once around: {starved}");
    }
}

/// Eight turns of `greedy 1` as `g1×8`, one as `g1`.
fn short(name: &str, turns: usize) -> String {
    let who = name.replace("greedy ", "g").replace("polite ", "p");
    if turns == 1 { who } else { format!("{who}×{turns}") }
}

fn longest_wait(row: &Row) -> f64 {
    let waits = row.spans.iter().filter(|span| span.doing == Doing::Waiting);
    waits.map(|span| span.to - span.from).fold(0.0, f64::max)
}
