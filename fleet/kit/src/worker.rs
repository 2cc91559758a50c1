//! The limiter that the kit holds against faults if no other one is given: fairgate-fleet.

use std::cell::RefCell;
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use fairgate_fleet::{Fleet, Server};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::sleep;

fn number(name: &str) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is a number"))
}

pub(crate) fn run() {
    let lease = Duration::from_millis(number("KIT_LEASE_MS"));
    let client = redis::Client::open(env::var("KIT_URL").expect("a URL")).expect("a URL");
    let server = Server::options(client).longest_lease(lease).start();
    let fleet =
        Fleet::new(&server, &env::var("KIT_KEY").expect("a key"), number("KIT_PERMITS") as usize, lease);
    let counter = UnixStream::connect(env::var("KIT_COUNTER").expect("a path")).expect("the counter");
    let counter = Rc::new(RefCell::new(BufReader::new(counter)));
    let (end, ended) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = end.send(true);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tasks = LocalSet::new();
    for task in 0..number("KIT_TASKS") {
        let (fleet, counter, mut ended) = (fleet.clone(), Rc::clone(&counter), ended.clone());
        tasks.spawn_local(async move {
            let mut random = task * 7919 + u64::from(std::process::id());
            while !*ended.borrow() {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Some requests are cancelled while they wait.
                let patience =
                    Duration::from_millis(if random >> 62 == 0 { (random >> 40) % 300 } else { 60_000 });
                let lease = tokio::select! {
                    lease = fleet.acquire() => lease,
                    () = sleep(patience) => continue,
                    _ = ended.changed() => break,
                };
                let lease = match lease {
                    Ok(lease) if !lease.is_lost() => lease,
                    Ok(_) => continue,
                    // The kit lets the server evict keys for a while.
                    Err(_) => {
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                report(&counter, "enter", task, lease.token());
                // Some hold for longer than a lease.
                let hold = 1 + (random >> 33) % 40 + if random >> 59 == 0 { 3000 } else { 0 };
                tokio::select! {
                    () = lease.lost() => {}
                    () = sleep(Duration::from_millis(hold)) => {}
                }
                report(&counter, "exit", task, 0);
            }
        });
    }
    runtime.block_on(tasks);
}

/// Tells the counter, and waits for its answer.
fn report(counter: &RefCell<BufReader<UnixStream>>, what: &str, task: u64, value: u64) {
    let mut counter = counter.borrow_mut();
    let line = format!("{} {what} {task} {value}\n", number("KIT_WORKER"));
    // A kit that ended counts nothing any more.
    if counter.get_mut().write_all(line.as_bytes()).is_err()
        || counter.read_line(&mut String::new()).is_err()
    {
        std::process::exit(1);
    }
}
