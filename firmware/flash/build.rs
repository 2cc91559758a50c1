//! Linker arguments.

use std::env::var;

fn main() {
    let script = format!("{}/../cortex-m.ld", var("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo::rerun-if-changed={script}");
    if var("CARGO_CFG_TARGET_OS").unwrap() == "none" {
        println!("cargo::rustc-link-arg-bins=-T{script}");
    }
}
