//! Three tasks share a bus, a timer interrupt releases permits, a fourth task waits for them and then for the bus with a
//! time limit, and a fifth one waits for all. The same source on fairgate and on embassy-sync.
#![no_std]
#![no_main]

#[cfg(feature = "embassy-sync")]
mod critical;
#[allow(dead_code, reason = "the other firmware uses all of it")]
#[cfg_attr(target_arch = "arm", path = "../../src/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod platform;
mod scenario;
#[cfg_attr(feature = "fairgate", path = "on_fairgate.rs")]
#[cfg_attr(feature = "embassy-sync", path = "on_embassy_sync.rs")]
mod sync;

#[panic_handler]
fn panicked(_panic: &core::panic::PanicInfo) -> ! {
    #[cfg(feature = "messages")]
    {
        use core::fmt::Write;
        let _ = writeln!(platform::Console, "{_panic}");
    }
    platform::fail()
}
