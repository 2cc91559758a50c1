//! Four processes under one limit, as one timeline. One of them is killed while it holds a permit.

mod shared;

use std::env;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use fairgate_fleet::Fleet;
use fairgate_fleet_kit::Server;
use smol::Timer;

/// Processes share one limit, kept by a Redis or Valkey server. Each process stands for a machine and runs some
/// tasks, each of which needs a permit. One process is killed while it holds a permit: the permit returns when its
/// lease ends.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Options {
    /// Permits of all processes together
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    permits: u16,
    /// How many processes there are
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    machines: u16,
    /// Tasks of each process
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=50))]
    tasks: u16,
    /// How long a task holds its permit, in milliseconds
    #[arg(long, default_value_t = 400, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    hold: u32,
    /// The lease, in milliseconds
    #[arg(long, default_value_t = 1000, value_name = "MS", value_parser = clap::value_parser!(u32).range(200..=60_000))]
    lease: u32,
    /// Kill no process
    #[arg(long)]
    spare: bool,
    /// Use a running server instead of starting one
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Be the process of this number
    #[arg(long, hide = true)]
    machine: Option<u16>,
    /// The key of the limit
    #[arg(long, hide = true)]
    key: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match (options.machine, &options.key, &options.url) {
        (Some(_), Some(key), Some(url)) => machine(&options, key, url),
        _ => show(&options),
    };
    shared::exit(outcome)
}

/// What one process does: prints a line when it starts, and for each task when it is granted a permit and when it
/// is done.
fn machine(options: &Options, key: &str, url: &str) -> Result<(), String> {
    let client = redis::Client::open(url).map_err(|error| error.to_string())?;
    let lease = Duration::from_millis(options.lease.into());
    let server = fairgate_fleet::Server::options(client).longest_lease(lease).start();
    let fleet = Fleet::new(&server, key, options.permits.into(), lease);
    let hold = Duration::from_millis(options.hold.into());
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        // The first permit of a new server is granted after one lease. The show starts later.
        drop(fleet.acquire().await.map_err(|error| error.to_string())?);
        shared::print("ready\n");
        // The start signal: the end of standard input.
        smol::unblock(|| io::copy(&mut io::stdin(), &mut io::sink()))
            .await
            .map_err(|error| error.to_string())?;
        let visit = async |task: u16| {
            let lease = fleet.acquire().await.map_err(|error| error.to_string())?;
            shared::print(&format!("granted {task} {}\n", lease.token()));
            Timer::after(hold).await;
            shared::print(&format!("done {task} {}\n", lease.token()));
            lease.release().await.map_err(|error| error.to_string())
        };
        let visits: Vec<_> = (0..options.tasks).map(|task| executor.spawn(visit(task))).collect();
        for visit in visits {
            visit.await?;
        }
        Ok(())
    }))
}

/// A line of a process, and when it came.
struct Event {
    machine: usize,
    at: Instant,
    words: Vec<String>,
}

/// One task: when it was granted a permit, when it was done, which token it had.
#[derive(Clone, Copy, Default)]
struct Row {
    granted: Option<(Duration, u64)>,
    done: Option<Duration>,
}

/// Everything that happened after the start.
struct Record {
    rows: Vec<Vec<Row>>,
    /// The process that was killed, and when.
    killed: Option<(usize, Duration)>,
}

fn show(options: &Options) -> Result<(), String> {
    let own = if options.url.is_none() { Server::start() } else { None };
    let Some(url) = options.url.clone().or_else(|| own.as_ref().map(Server::url)) else { return Ok(()) };
    let key = format!("fairgate-fleet-machines-{}", std::process::id());
    let Options { permits, machines, tasks, hold, lease, .. } = options;
    let intro = format!(
        "{} of {} share {}. A task holds a permit for {hold} ms; the lease is {lease} ms.\n",
        count(*machines, "process", "processes"),
        count(*tasks, "task", "tasks"),
        count(*permits, "permit", "permits"),
    );
    if !shared::print(&wrap(&intro)) {
        return Ok(());
    }
    let (sender, events) = mpsc::channel();
    let mut children = Vec::new();
    for number in 0..*machines {
        children.push(start(options, &url, &key, number, sender.clone())?);
    }
    drop(sender);
    for _ in 0..*machines {
        let event = events.recv().map_err(|_| "the processes ended before the start")?;
        if event.words != ["ready"] {
            return Err(format!("process {} does not start", event.machine + 1));
        }
    }
    let start = Instant::now();
    for child in &mut children {
        child.0.stdin = None;
    }
    let rows = vec![vec![Row::default(); usize::from(*tasks)]; usize::from(*machines)];
    let mut record = Record { rows, killed: None };
    // The last process dies in the middle of its first hold, if it has a neighbour that can show the consequence.
    let victim = (!options.spare && *machines > 1).then(|| usize::from(*machines) - 1);
    let mut kill_at = None;
    loop {
        let event = match kill_at {
            Some(at) => events.recv_timeout(at - Instant::now().min(at)),
            None => events.recv().map_err(Into::into),
        };
        match event {
            Ok(event) => {
                if victim == Some(event.machine) && record.killed.is_none() && event.words[0] == "granted" {
                    kill_at.get_or_insert(event.at + Duration::from_millis(u64::from(*hold) / 2));
                }
                record.note(&event, event.at.duration_since(start))?;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                kill_at = None;
                if let Some(victim) = victim {
                    children[victim].0.kill().map_err(|error| error.to_string())?;
                    record.killed = Some((victim, start.elapsed()));
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    shared::print(&record.draw(options));
    Ok(())
}

/// A process that dies with this one.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(
    options: &Options,
    url: &str,
    key: &str,
    number: u16,
    events: Sender<Event>,
) -> Result<Machine, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let number_words = [
        ("--machine", number.to_string()),
        ("--permits", options.permits.to_string()),
        ("--tasks", options.tasks.to_string()),
        ("--hold", options.hold.to_string()),
        ("--lease", options.lease.to_string()),
    ];
    let mut command = Command::new(program);
    command.args(["--url", url, "--key", key]);
    for (option, value) in number_words {
        command.args([option, &value]);
    }
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cannot start a process: {error}"))?;
    let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let words = line.split(' ').map(str::to_owned).collect();
            let _ = events.send(Event { machine: number.into(), at: Instant::now(), words });
        }
    });
    Ok(Machine(child))
}

impl Record {
    fn note(&mut self, event: &Event, at: Duration) -> Result<(), String> {
        let number = |at: usize| event.words.get(at).and_then(|word| word.parse::<u64>().ok());
        let (Some(task), Some(token)) = (number(1), number(2)) else {
            return Err(format!("process {} says: {}", event.machine + 1, event.words.join(" ")));
        };
        let row = &mut self.rows[event.machine][task as usize];
        match event.words[0].as_str() {
            "granted" => row.granted = Some((at, token)),
            _ => row.done = Some(at),
        }
        Ok(())
    }

    /// When a row stops holding: when it is done, or when its process dies.
    fn stopped(&self, machine: usize, row: &Row) -> Duration {
        let killed = self.killed.filter(|(victim, _)| *victim == machine).map(|(_, at)| at);
        row.done.or(killed).unwrap_or_default()
    }

    fn draw(&self, options: &Options) -> String {
        let all =
            || self.rows.iter().enumerate().flat_map(|(m, rows)| rows.iter().map(move |row| (m, row)));
        let end = all().map(|(machine, row)| self.stopped(machine, row)).max().unwrap_or_default();
        let names = format!("{}.{}", self.rows.len(), self.rows[0].len()).len() + "task ".len();
        let columns = 79 - 2 - names - 1 - 1;
        let column =
            |at: Duration| (at.as_secs_f64() / end.as_secs_f64().max(1e-9) * columns as f64) as usize;
        let mut text = String::new();
        for (machine, rows) in self.rows.iter().enumerate() {
            for (task, row) in rows.iter().enumerate() {
                let name = format!("task {}.{}", machine + 1, task + 1);
                let stopped = self.stopped(machine, row);
                let granted = row.granted.map_or(stopped, |(at, _)| at);
                let (from, to) = (column(granted), column(stopped));
                let holding = if row.granted.is_some() { (to - from).max(1) } else { 0 };
                let mark = if row.done.is_some() { "✓" } else { "×" };
                let bar = format!("{}{}{mark}", "·".repeat(from), "█".repeat(holding));
                let _ = writeln!(text, "  {name:<names$} {bar}");
            }
        }
        let step = [100, 200, 500, 1000, 2000, 5000, 10_000, 60_000, 600_000]
            .into_iter()
            .find(|&ms| column(Duration::from_millis(ms)) >= 8)
            .unwrap_or(3_600_000);
        let mut axis = String::new();
        for ms in (0..=end.as_millis() as u64).step_by(step as usize) {
            let at = column(Duration::from_millis(ms)).max(axis.len());
            if at + 8 < columns {
                axis = format!("{axis:<at$}{ms} ");
            }
        }
        let _ = writeln!(text, "  {:names$} {axis}ms", "");
        let killed = if self.killed.is_some() { "  × killed" } else { "" };
        let _ = writeln!(text, "  {:names$} · waiting  █ holding  ✓ done{killed}\n", "");
        text + &self.facts(options)
    }

    /// What the timeline shows, in words and numbers.
    fn facts(&self, options: &Options) -> String {
        let mut text = String::new();
        let mut holds: Vec<_> = self
            .rows
            .iter()
            .enumerate()
            .flat_map(|(machine, rows)| rows.iter().map(move |row| (machine, row)))
            .filter_map(|(machine, row)| {
                row.granted.map(|(at, token)| (token, machine, at, self.stopped(machine, row)))
            })
            .collect();
        holds.sort_unstable();
        let at_once = |at: Duration| holds.iter().filter(|(.., from, to)| *from <= at && at < *to).count();
        let most = holds.iter().map(|(.., from, _)| at_once(*from)).max().unwrap_or(0);
        let held = count(most as u16, "task", "tasks");
        let _ = writeln!(text, "  At most {held} held a permit at once; the limit is {}.", options.permits);
        let order: Vec<_> = holds.iter().map(|(_, machine, ..)| (machine + 1).to_string()).collect();
        text += &wrap(&format!("  The processes were served in this order: {}.\n", order.join(" ")));
        let in_order = self
            .rows
            .iter()
            .all(|rows| rows.iter().map_while(|row| row.granted).map(|(_, token)| token).is_sorted());
        let _ = writeln!(text, "  Tasks of one process in order: {}.", if in_order { "yes" } else { "NO" });
        if let Some((victim, at)) = self.killed {
            let held =
                self.rows[victim].iter().filter(|row| row.granted.is_some() && row.done.is_none()).count();
            text += &wrap(&format!(
                "  Process {} was killed at {} ms while it held {}. The server grants {} again when the lease \
                 ends: {} ms after the last renewal.\n",
                victim + 1,
                at.as_millis(),
                if held == 1 { "a permit".to_owned() } else { format!("{held} permits") },
                if held == 1 { "it" } else { "them" },
                options.lease,
            ));
        }
        text
    }
}

fn count(n: u16, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Breaks a paragraph into lines of at most 79 characters; the indentation is that of its start.
fn wrap(text: &str) -> String {
    let indent = &text[..text.len() - text.trim_start().len()];
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("at least one line");
        if line.chars().count() + word.chars().count() + 1 > 79 {
            lines.push(format!("{indent}{word}"));
        } else {
            let gap = if line.trim().is_empty() { "" } else { " " };
            let _ = write!(line, "{gap}{word}");
        }
    }
    lines.join("\n") + "\n"
}
