use std::thread;

use fairgate::Semaphore;

const BURST: usize = 2;

fn main() {
    let tokens = Semaphore::new(0);
    // Looks and adds in one step.
    let tick = || tokens.add_permits_up_to(1, BURST);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    tick();
                }
            });
        }
    });
    println!("two timers, 1000 ticks each: {} tokens", tokens.available_permits());
    println!("one more tick adds {}", tick());
}
