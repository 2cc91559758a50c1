//! A process without `std`: the C library's start, its `write`, and a signal for an interrupt.

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
        // SAFETY: the text has that many bytes.
        unsafe { write(1, text.as_ptr(), text.len()) };
        Ok(())
    }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    scenario::play();
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

/// Until the next interrupt.
pub fn rest() {
    pause();
}

/// Interrupts come by themselves.
pub fn moment() {}

pub fn fail() -> ! {
    exit(1)
}
