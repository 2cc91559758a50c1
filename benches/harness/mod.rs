//! Runs the peers of a benchmark by turns, so that whatever disturbs the machine disturbs all of them alike, and
//! writes the results.

mod limits;
mod poll;
mod results;
mod runner;
mod table;

pub(crate) use poll::ready;
pub use poll::{Queue, queue, short_queues};
pub use results::{Figure, Section, print_limits, print_line, write};
pub use runner::{Benchmark, Group, Options, Runner, Statistic};

/// Adds peers to a group, each with the sample that `$sample` makes for it.
macro_rules! add {
    ($group:ident, $sample:ident $arguments:tt: $($peer:ident),+ $(,)?) => {
        $($group.add($peer::NAME, $peer::KIND, $sample::<$peer> $arguments);)+
    };
}
pub(crate) use add;
