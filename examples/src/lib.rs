//! What the examples share: a posts server and its client, a recorder of which task waits and which holds a permit,
//! and the ways to show what it recorded.

pub mod chart;
pub mod client;
pub mod gauge;
pub mod lesson;
pub mod live;
pub mod options;
pub mod output;
pub mod pool;
pub mod recorder;
pub mod server;
pub mod textbook;
pub mod timeline;
#[cfg(feature = "https")]
pub mod tls;
#[cfg(not(feature = "https"))]
#[path = "no_tls.rs"]
pub mod tls;
