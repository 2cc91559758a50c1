//! `docs/migrating.md` as tests: code for tokio, async-lock and asyncio with the types of fairgate. Where the page says
//! "the same", one source runs on both. Where it names a difference, a test shows both sides.

/// The original.
mod on_tokio {
    use tokio::sync::*;

    include!("rows.rs");
}

/// The same code with another `use` line.
mod on_fairgate {
    use fairgate::*;

    include!("rows.rs");
}

mod differences;
mod from_async_lock;
mod from_asyncio;
