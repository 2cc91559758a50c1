//! The recipes of docs/cookbook.md. In each file the text above `#[cfg(test)]` is the recipe as the page shows it, and the
//! tests below assert its bound. No test depends on the wall clock.

pub mod limits;
pub mod aimd;
pub mod keyed;
pub mod tenants;
pub mod lanes;
pub mod priority;
pub mod weights;
pub mod cost;
pub mod rate;
pub mod shed;
pub mod exclusive;
pub mod join_set;
pub mod blocking;
pub mod layer;
pub mod observed;

#[cfg(test)]
mod simulation;
