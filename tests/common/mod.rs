//! What the tests share: wakers that can be watched, requests polled by hand, and the specification.
#![allow(unreachable_pub, reason = "`pub` reads better here than `pub(crate)`")]

pub mod hooked;
pub mod kind;
pub mod log;
pub mod model;
pub mod scene;
pub mod spec;
pub mod step;

/// So many rounds; fewer under tools that make everything slow (`FAIRGATE_QUICK`, Miri).
pub fn rounds(many: usize) -> usize {
    let slow = cfg!(miri) || std::env::var_os("FAIRGATE_QUICK").is_some();
    if slow { many.div_ceil(50) } else { many }
}
