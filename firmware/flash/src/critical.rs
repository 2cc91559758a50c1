//! Critical sections on a single core: interrupts are disabled. embassy-sync needs them.

use core::arch::asm;

use critical_section::{Impl, RawRestoreState, set_impl};

struct SingleCore;
set_impl!(SingleCore);

#[cfg(target_arch = "arm")]
// SAFETY: the other code on the only core are interrupt handlers, which are disabled in between.
unsafe impl Impl for SingleCore {
    unsafe fn acquire() -> RawRestoreState {
        let disabled: u32;
        // SAFETY: reads whether interrupts are disabled, and disables them.
        unsafe { asm!("mrs {}, primask", "cpsid i", out(reg) disabled) };
        disabled & 1 == 0
    }

    unsafe fn release(were_enabled: RawRestoreState) {
        if were_enabled {
            // SAFETY: they were enabled before `acquire`.
            unsafe { asm!("cpsie i") };
        }
    }
}

#[cfg(target_arch = "riscv32")]
// SAFETY: the other code on the only core are interrupt handlers, which are disabled in between.
unsafe impl Impl for SingleCore {
    unsafe fn acquire() -> RawRestoreState {
        let status: u32;
        // SAFETY: reads whether interrupts are enabled, and disables them.
        unsafe { asm!("csrrci {}, mstatus, 8", out(reg) status) };
        status & 8 != 0
    }

    unsafe fn release(were_enabled: RawRestoreState) {
        if were_enabled {
            // SAFETY: they were enabled before `acquire`.
            unsafe { asm!("csrsi mstatus, 8") };
        }
    }
}
