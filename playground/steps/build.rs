//! Sets the `cfg` that makes the sources report their steps.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for cfg in ["fairgate_loom", "fairgate_steps", "loom"] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
    }
    println!("cargo::rustc-cfg=fairgate_steps");
}
