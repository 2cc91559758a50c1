//! Decodes a program from the input, runs it, and compares each step with the specification.
#![no_main]

#[path = "../../tests/common/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "shared with the tests")]
mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    common::spec::run_bytes(bytes).unwrap_or_else(|deviation| panic!("{deviation}"));
});
