//! Sets the `cfg` that builds the sources for loom.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fairgate_loom)");
    println!("cargo::rustc-cfg=fairgate_loom");
}
