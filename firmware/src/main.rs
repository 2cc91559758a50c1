//! The crate without an operating system, an allocator and unwinding: a static semaphore, two tasks polled by hand,
//! and an interrupt that adds permits. A platform module says how to print, to exit and to be interrupted.
#![no_std]
#![no_main]

mod scenario;
mod tasks;

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(target_arch = "arm", path = "cortex_m.rs")]
#[cfg_attr(target_arch = "wasm32", path = "wasm.rs")]
mod platform;

#[panic_handler]
fn panicked(panic: &core::panic::PanicInfo) -> ! {
    use core::fmt::Write;
    let _ = writeln!(platform::Console, "{panic}");
    platform::fail()
}
