//! What the examples share: a posts server and its client, a recorder of who waited and who held,
//! and the ways to show it.

use std::process::ExitCode;

pub mod bars;
pub mod client;
pub mod ledger;
pub mod lesson;
pub mod live;
pub mod picture;
pub mod pool;
pub mod record;
pub mod server;
pub mod textbook;
pub mod timeline;

/// How every example ends.
pub fn exit(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
