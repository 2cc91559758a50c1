//! The same jobs without protection, with semaphores, and with a mutex: which of them lose an update? And what a
//! semaphore can do that a mutex cannot.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use fairgate::{Mutex, Semaphore};
use fairgate_examples::live::Words;
use fairgate_examples::options::{Common, milliseconds, number_up_to, runs};
use fairgate_examples::output::{self, Summary, count};
use fairgate_examples::recorder::Recorder;
use fairgate_examples::say;
use fairgate_examples::timeline::{self, Outcome, Timeline};
use smol::{LocalExecutor, Timer};

/// Each job reads a total, works, and writes the total plus 1. The jobs run without protection, under a semaphore, under
/// a semaphore of 1, and under a mutex. Last, one task adds the permits that others acquire.
#[derive(Parser)]
struct Options {
    /// Only do this run: no protection, two semaphores, a mutex, a producer
    #[arg(long, value_name = "N", value_parser = number_up_to(5))]
    run: Option<usize>,
    /// How many jobs start together
    #[arg(long, value_name = "N", default_value = "9", value_parser = number_up_to(99))]
    jobs: usize,
    /// How many permits the first semaphore has
    #[arg(long, value_name = "N", default_value = "3", value_parser = number_up_to(99))]
    permits: usize,
    /// How long the shortest job takes; the longest takes twice as long
    #[arg(long, value_name = "MS", default_value = "120", value_parser = milliseconds())]
    work_ms: u64,
    #[command(flatten)]
    common: Common,
}

const WORDS: Words = Words { one: "working", many: "working", log: false };

/// The total, and what protects it.
enum Total {
    Unprotected(Cell<usize>),
    /// The semaphore limits how many jobs use the total at once. The total itself is not inside it.
    Semaphore(Semaphore, Cell<usize>),
    /// The total is inside the mutex, and only a lock gives access to it.
    Mutex(Mutex<usize>),
}

impl Total {
    /// Adds 1, with an await between reading and writing.
    async fn add_one(&self, work: impl Future<Output = ()>) {
        match self {
            Self::Unprotected(total) => {
                let before = total.get();
                work.await;
                total.set(before + 1);
            }
            Self::Semaphore(semaphore, total) => {
                let _permit = semaphore.acquire().await.expect("the semaphore is never closed");
                let before = total.get();
                work.await;
                total.set(before + 1);
            }
            Self::Mutex(total) => {
                let mut total = total.lock().await;
                let before = *total;
                work.await;
                *total = before + 1;
            }
        }
    }

    fn into_inner(self) -> usize {
        match self {
            Self::Unprotected(total) | Self::Semaphore(_, total) => total.into_inner(),
            Self::Mutex(total) => total.into_inner(),
        }
    }
}

fn main() {
    let options = Options::parse();
    let permits = options.permits;
    let jobs = count(options.jobs, "job");
    say!("{jobs} start together. Each reads a total, works, and writes the total plus 1.");
    let semaphore = |permits| Total::Semaphore(Semaphore::new(permits), Cell::new(0));
    let mut summary = Summary::default();
    let protections = [
        ("No protection".to_owned(), Total::Unprotected(Cell::new(0))),
        (format!("Semaphore::new({permits})"), semaphore(permits)),
        ("Semaphore::new(1)".to_owned(), semaphore(1)),
        ("Mutex::new(0)".to_owned(), Total::Mutex(Mutex::new(0))),
    ];
    let mut timelines = Vec::new();
    for (number, (title, total)) in (1..).zip(protections) {
        if !runs(options.run, number) {
            continue;
        }
        say!("\n{title}");
        let timeline = run(&options, &total);
        let result = print_facts(&timeline, total.into_inner());
        let title = format!("{title}: {result}");
        summary.add(format!("{title}. At most {} at once.", timeline.peak()));
        timelines.push((title, timeline));
    }
    if let [_, _, (_, semaphore), (_, mutex)] = &timelines[..] {
        if semaphore.served() == mutex.served() && semaphore.peak() == mutex.peak() {
            say!("\nThe semaphore of 1 and the mutex ran the jobs in the same order, one at a time.");
        }
        say!("A mutex is a semaphore with one permit, plus the value that only its holder can use.");
    }
    timeline::align(timelines.iter_mut().map(|(_, timeline)| timeline));
    for (title, timeline) in &timelines {
        say!("\n{title}");
        output::print(&timeline.draw(output::columns()));
    }

    if runs(options.run, 5) {
        let title = "Semaphore::new(0): the producer adds a permit for each item";
        say!(
            "\n{title}\nOnly a semaphore can do this: the permits are added by a task that never acquired one."
        );
        output::print(&produce_and_consume(&options).draw(output::columns()));
        summary.add(format!("{title}. {ITEMS} items were produced and consumed."));
    }
    summary.print();
}

/// All jobs start at once, on one thread, so they enqueue in the order of their numbers.
fn run(options: &Options, total: &Total) -> Timeline {
    let recorder = Recorder::live(WORDS);
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=options.jobs)
        .map(|job| {
            let task = recorder.task(format!("job {job}"));
            let length = options.common.time(options.work_ms) * (4 + job as u32 * 3 % 5) / 4;
            executor.spawn(async move {
                task.waiting();
                let work = async {
                    task.holding();
                    Timer::after(length).await;
                    task.end(Outcome::Done);
                };
                total.add_one(work).await;
            })
        })
        .collect();
    smol::block_on(executor.run(async {
        for task in tasks {
            task.await;
        }
    }));
    recorder.timeline()
}

/// Returns the total in a few words.
fn print_facts(timeline: &Timeline, total: usize) -> String {
    let jobs = timeline.rows.len();
    match jobs - total {
        0 => say!("  Total: {total} after {}", count(jobs, "job")),
        lost => say!(
            "  Total: {total} after {}; {} lost, because jobs read the same total",
            count(jobs, "job"),
            if lost == 1 { "1 update is".to_owned() } else { format!("{lost} updates are") }
        ),
    }
    say!("  Order: {}", timeline.served().join(", "));
    say!("  At most {} at once; all done after {:.0} ms", timeline.peak(), timeline.until);
    match jobs - total {
        0 => format!("total {total} of {jobs}"),
        lost => format!("total {total} of {jobs}, {} lost", count(lost, "update")),
    }
}

const ITEMS: usize = 6;
const CONSUMERS: usize = 2;

/// A producer and two consumers. The number of permits is the number of items.
fn produce_and_consume(options: &Options) -> Timeline {
    let length = options.common.time(options.work_ms);
    let (items, queue) = (Semaphore::new(0), RefCell::new(VecDeque::new()));
    let recorder = Recorder::live(WORDS);
    let executor = LocalExecutor::new();
    let producer = executor.spawn(produce(&items, &queue, length, &recorder));
    let consumers = (1..=CONSUMERS).map(|n| executor.spawn(consume(n, &items, &queue, length, &recorder)));
    let consumers: Vec<_> = consumers.collect();
    smol::block_on(executor.run(async {
        producer.await;
        for consumer in consumers {
            consumer.await;
        }
    }));
    recorder.timeline()
}

async fn produce(
    items: &Semaphore,
    queue: &RefCell<VecDeque<usize>>,
    length: Duration,
    recorder: &Arc<Recorder>,
) {
    let task = recorder.task("producer");
    for item in 1..=ITEMS {
        task.holding();
        Timer::after(length).await;
        task.idle();
        queue.borrow_mut().push_back(item);
        items.add_permits(1);
    }
    task.end(Outcome::Done);
}

async fn consume(
    number: usize,
    items: &Semaphore,
    queue: &RefCell<VecDeque<usize>>,
    length: Duration,
    recorder: &Arc<Recorder>,
) {
    let task = recorder.task(format!("consumer {number}"));
    for _ in 0..ITEMS / CONSUMERS {
        task.waiting();
        // Used up, like the item.
        items.acquire().await.expect("the semaphore is never closed").forget();
        let _item = queue.borrow_mut().pop_front().expect("a permit is added after its item");
        task.holding();
        Timer::after(length).await;
        task.idle();
    }
    task.end(Outcome::Done);
}
