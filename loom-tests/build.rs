//! Sets the one cfg by which the sources know that they are built for loom.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fairgate_loom)");
    println!("cargo::rustc-cfg=fairgate_loom");
}
