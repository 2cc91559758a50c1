//! The same jobs with no limit, under a semaphore, and under a mutex, which is a semaphore of 1.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fairgate::{Mutex, Semaphore};
use fairgate_examples::picture::{self, Panel};
use fairgate_examples::record::Recorder;
use fairgate_examples::timeline::{Ending, Timeline};
use smol::{LocalExecutor, Timer};

/// Runs the same jobs four times: with no limit, under a semaphore, under a semaphore of 1, and
/// under a mutex. A lock lets one through at a time, a semaphore lets n.
#[derive(Parser)]
struct Options {
    /// How many jobs start together
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=99))]
    jobs: u32,
    /// How many the semaphore lets through at a time
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    permits: u32,
    /// How long the shortest job takes; the longest takes twice as long
    #[arg(long, default_value_t = 120)]
    work_ms: u64,
    /// Draw the four timelines into this file, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What stands between a job and its work.
enum Gate {
    Open,
    Semaphore(Semaphore),
    Mutex(Mutex<()>),
}

impl Gate {
    /// In each arm, what was acquired is given back when the work is done.
    async fn admit(&self, work: impl Future<Output = ()>) {
        match self {
            Self::Open => work.await,
            Self::Semaphore(semaphore) => {
                let _permit = semaphore.acquire().await.expect("nobody closes it");
                work.await;
            }
            Self::Mutex(mutex) => {
                let _guard = mutex.lock().await;
                work.await;
            }
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let permits = options.permits;
    println!("{} jobs start together. How many may work at once?", options.jobs);
    let runs = [
        ("No limit".to_owned(), Gate::Open),
        (format!("Semaphore::new({permits})"), Gate::Semaphore(Semaphore::new(permits as usize))),
        ("Semaphore::new(1)".to_owned(), Gate::Semaphore(Semaphore::new(1))),
        ("Mutex".to_owned(), Gate::Mutex(Mutex::new(()))),
    ];
    let mut panels = runs.map(|(title, gate)| {
        println!("\n{title}");
        let timeline = run(&options, &gate);
        tell(&timeline);
        Panel::new(title, timeline)
    });
    compare(&panels[2].timeline, &panels[3].timeline);
    picture::align(&mut panels);
    fairgate_examples::exit(picture::save(options.svg.as_deref(), &panels))
}

/// All jobs start at once, on one thread, so that they come to the gate in the order of their numbers.
fn run(options: &Options, gate: &Gate) -> Timeline {
    let recorder = Recorder::new();
    let executor = LocalExecutor::new();
    let tasks: Vec<_> = (1..=options.jobs)
        .map(|job| {
            let pen = recorder.pen(format!("job {job}"));
            let length = Duration::from_millis(options.work_ms * u64::from(4 + job * 3 % 5) / 4);
            executor.spawn(async move {
                pen.waits();
                let work = async {
                    pen.holds();
                    Timer::after(length).await;
                    pen.ends(Ending::Done);
                };
                gate.admit(work).await;
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

fn tell(timeline: &Timeline) {
    print!("{timeline}");
    println!("  Served in order: {}", timeline.served().join(", "));
    println!("  Most at once: {}; all done after {:.0} ms", timeline.most_at_once(), timeline.end());
}

fn compare(semaphore: &Timeline, mutex: &Timeline) {
    let alike = semaphore.served() == mutex.served() && semaphore.most_at_once() == mutex.most_at_once();
    println!(
        "\nThe semaphore of 1 and the mutex {}: a mutex is the semaphore with n = 1.",
        if alike { "gave the same order and the same most at once" } else { "differ, which they must not" },
    );
}
