//! The recipes of docs/cookbook.md. In each file the text above `#[cfg(test)]` is the recipe as the page shows it, and the
//! tests below assert its bound. No test depends on the wall clock.

pub mod observed;
pub mod tenants;
pub mod aimd;
pub mod gradient;
pub mod per_host;
pub mod layer;
pub mod shed;

#[cfg(test)]
mod simulation;
