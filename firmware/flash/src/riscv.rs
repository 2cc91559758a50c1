//! Enough of a platform to link the program for RISC-V. It is not run.

use core::arch::asm;
use core::fmt;

use crate::scenario;

#[unsafe(no_mangle)]
extern "C" fn reset() {
    scenario::run_all();
    fail();
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".vectors")]
#[used]
static INTERRUPT: extern "C" fn() = {
    extern "C" fn interrupt() {
        scenario::tick();
    }
    interrupt
};

pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: passes the text to nobody; it must not be optimized away.
        unsafe { asm!("/* {0} {1} */", in(reg) text.as_ptr(), in(reg) text.len()) };
        Ok(())
    }
}

pub fn start_ticking() {}

pub fn stop_ticking() {}

/// Sleeps until the next interrupt.
pub fn sleep() {
    // SAFETY: the instruction waits, and changes no memory or register.
    unsafe { asm!("wfi") };
}

pub fn fail() -> ! {
    loop {
        sleep();
    }
}
