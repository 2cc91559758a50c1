//! Linker arguments for each platform.

use std::env::var;

fn main() {
    let root = var("CARGO_MANIFEST_DIR").unwrap();
    println!("cargo::rerun-if-changed=cortex-m.ld");
    match (var("CARGO_CFG_TARGET_OS").unwrap().as_str(), var("CARGO_CFG_TARGET_ARCH").unwrap().as_str()) {
        ("none", "arm") => println!("cargo::rustc-link-arg-bins=-T{root}/cortex-m.ld"),
        ("unknown", _) => println!("cargo::rustc-link-arg-bins=--no-entry"),
        _ => {}
    }
}
