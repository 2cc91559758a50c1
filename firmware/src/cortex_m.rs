//! A Cortex-M under a debugger or qemu: vector table, startup, the system timer, and output by semihosting.

use core::arch::asm;
use core::fmt;

use crate::scenario;

/// The vector table after its first entry, the initial stack pointer, which the linker script adds.
#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: [Option<extern "C" fn()>; 15] = {
    let mut vectors = [Some(fault as extern "C" fn()); 15];
    vectors[0] = Some(reset);
    vectors[14] = Some(interrupt);
    vectors
};

unsafe extern "C" {
    static mut data_start: u32;
    static mut data_end: u32;
    static data_source: u32;
    static mut bss_start: u32;
    static mut bss_end: u32;
}

#[unsafe(no_mangle)]
extern "C" fn reset() {
    let data = (&raw const data_end).addr() - (&raw const data_start).addr();
    let bss = (&raw const bss_end).addr() - (&raw const bss_start).addr();
    // SAFETY: the symbols of the linker script delimit the sections, and no code has used them yet.
    unsafe {
        (&raw mut data_start).copy_from_nonoverlapping(&raw const data_source, data / size_of::<u32>());
        (&raw mut bss_start).write_bytes(0, bss / size_of::<u32>());
    }
    scenario::run_all();
    semihosting(EXIT, SUCCESS);
}

extern "C" fn interrupt() {
    scenario::tick();
}

extern "C" fn fault() {
    fail();
}

const WRITE_BYTE: usize = 0x03;
const EXIT: usize = 0x18;
const SUCCESS: usize = 0x2_0026;
const FAILURE: usize = 0x2_0024;

/// Sends a request to the debugger.
fn semihosting(request: usize, argument: usize) {
    // SAFETY: the debugger reads the argument and writes its answer to r0.
    unsafe { asm!("bkpt 0xAB", inout("r0") request => _, in("r1") argument) };
}

pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| semihosting(WRITE_BYTE, core::ptr::from_ref(&byte).addr()));
        Ok(())
    }
}

const CONTROL: *mut u32 = 0xE000_E010 as *mut u32;
const RELOAD: *mut u32 = 0xE000_E014 as *mut u32;
/// In cycles. Prime and short, so that interrupts hit many different instructions.
const PERIOD: u32 = 10_007;

pub fn start_ticking() {
    // SAFETY: registers of the system timer, which every Cortex-M has.
    unsafe {
        RELOAD.write_volatile(PERIOD);
        CONTROL.write_volatile(0b111);
    }
}

pub fn stop_ticking() {
    // SAFETY: a register of the system timer, which every Cortex-M has.
    unsafe { CONTROL.write_volatile(0) };
}

/// Sleeps until the next interrupt.
pub fn sleep() {
    // SAFETY: the instruction waits, and changes no memory or register.
    unsafe { asm!("wfi") };
}

/// Does nothing: the timer interrupts at any instruction.
pub fn interruption_point() {}

pub fn fail() -> ! {
    semihosting(EXIT, FAILURE);
    loop {}
}
