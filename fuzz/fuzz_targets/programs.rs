//! Whatever program the bytes are, what it does must be what the specification says.
#![no_main]

#[path = "../../tests/common/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "shared with the tests")]
mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    common::spec::run_bytes(bytes).unwrap_or_else(|parting| panic!("{parting}"));
});
