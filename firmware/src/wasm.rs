//! A module without `std`, whose host prints. It knows no interrupts, so the ticks come when there is a moment.

use core::fmt;

use crate::scenario;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    safe fn print(text: *const u8, length: usize);
}

pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print(text.as_ptr(), text.len());
        Ok(())
    }
}

#[unsafe(no_mangle)]
extern "C" fn play() {
    scenario::play();
}

pub fn start_ticking() {}

pub fn stop_ticking() {}

pub fn rest() {
    scenario::tick();
}

pub fn moment() {
    scenario::tick();
}

pub fn fail() -> ! {
    core::arch::wasm32::unreachable()
}
