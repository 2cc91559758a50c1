//! What the tests share: wakers that can be watched, requests polled by hand, and the specification.
#![allow(unreachable_pub, reason = "`pub` reads better here than `pub(crate)`")]

pub mod hooked;
pub mod kind;
pub mod log;
pub mod model;
pub mod scene;
pub mod spec;
pub mod step;

/// Whether a tool makes everything slow: Miri, or one that says so by `FAIRGATE_QUICK`.
pub fn slow() -> bool {
    cfg!(miri) || std::env::var_os("FAIRGATE_QUICK").is_some()
}

/// So many rounds; fewer where everything is slow.
pub fn rounds(many: usize) -> usize {
    if slow() { many.div_ceil(50) } else { many }
}
