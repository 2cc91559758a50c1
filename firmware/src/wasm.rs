//! A WebAssembly module without `std`; its host prints. It has no interrupts, so the ticks come at fixed points.

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
extern "C" fn run() {
    scenario::run_all();
}

pub fn start_ticking() {}

pub fn stop_ticking() {}

pub fn sleep() {
    scenario::tick();
}

pub fn interruption_point() {
    scenario::tick();
}

pub fn fail() -> ! {
    core::arch::wasm32::unreachable()
}
