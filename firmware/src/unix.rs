//! A process without `std`: `main` and `write` of the C library, and a signal as the interrupt.

use core::fmt;

use crate::scenario;

#[link(name = "c")]
unsafe extern "C" {
    safe fn exit(status: i32) -> !;
    safe fn pause() -> i32;
    safe fn ualarm(first: u32, interval: u32) -> u32;
    safe fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn write(file: i32, bytes: *const u8, length: usize) -> isize;
}

const SIGALRM: i32 = 14;
const PERIOD: u32 = 500;

pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the pointer and the length are those of the text.
        unsafe { write(1, text.as_ptr(), text.len()) };
        Ok(())
    }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    scenario::run_all();
    0
}

extern "C" fn interrupt(_signal: i32) {
    scenario::tick();
}

pub fn start_ticking() {
    signal(SIGALRM, interrupt);
    ualarm(PERIOD, PERIOD);
}

pub fn stop_ticking() {
    ualarm(0, 0);
}

/// Sleeps until the next interrupt.
pub fn sleep() {
    pause();
}

/// Does nothing: the signal interrupts at any instruction.
pub fn interruption_point() {}

pub fn fail() -> ! {
    exit(1)
}
