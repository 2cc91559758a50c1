//! Sets the `cfg`s that build the sources for loom, and make them report what they do.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for cfg in ["fairgate_loom", "fairgate_steps"] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        println!("cargo::rustc-cfg={cfg}");
    }
    println!("cargo::rustc-check-cfg=cfg(loom)");
}
