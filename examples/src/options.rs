//! Options that all examples have, and limits on their values.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;

/// The options of every example.
#[derive(clap::Args)]
pub struct Common {
    /// Make every time N times as long, so that a class can follow
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub slow: u32,
}

impl Common {
    /// A number of milliseconds, multiplied by `--slow`.
    pub fn time(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds) * self.slow
    }
}

/// From a millisecond to an hour.
pub fn milliseconds() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=3_600_000)
}

/// Whether run `number` is wanted, by the option `--run` of an example.
pub fn runs(run: Option<usize>, number: usize) -> bool {
    run.is_none_or(|only| only == number)
}

/// From one to `most`.
pub fn number_up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}
