//! The recipes of docs/cookbook.md. In each file the text above `#[cfg(test)]` is the recipe as the page shows it, and the
//! tests below assert its bound. No test depends on the wall clock.

pub mod observed;
pub mod tenants;
pub mod aimd;
pub mod gradient;
pub mod per_host;
pub mod layer;
pub mod shed;
pub mod lanes;
pub mod two_limits;
pub mod oversized;
pub mod warn;
pub mod cost;
pub mod readers;
pub mod stream;
pub mod rate;
pub mod shutdown;
pub mod blocking;
pub mod places;

#[cfg(test)]
mod simulation;
